/* Names of people, songs, films and albums that do not exist: word lists put together by chance.
 *
 * Surnames, band words and film words are made up, so that no combination is somebody's. */
#include "sim/world_private.h"

#define MEDLEY_SONGS 12

void text_add(struct world_text *t, const char *s)
{
	size_t len = strlen(s);
	assert(t->len + len < sizeof t->s);
	memcpy(t->s + t->len, s, len + 1);
	t->len += len;
}

static const char *pick_from(struct rand_gen *g, const char *const *list, size_t count)
{
	return list[rand_next(g) % count];
}
#define PICK(g, list) pick_from(g, list, COUNT_OF(list))

static void start(struct world_text *t)
{
	t->len = 0;
	t->s[0] = '\0';
}

static const char *const indian_given[] = {
	"Aarvi", "Devika", "Ishaan", "Kairav", "Meher", "Nivan", "Ojasvi", "Pranjal", "Rehaan", "Samaira", "Tanvir", "Urvi",
	"Vihaan", "Yashika", "Zoravar", "Charu", "Eshan", "Falak", "Gulrez", "Harnoor", "Inayat", "Jasleen", "Keshav",
	"Lavanya", "Mridul", "Bhaumik", "Chitrangi", "Dhairya", "Ekam", "Naaz", "Ritvik", "Saanvi", "Tarush", "Vedanti",
};
static const char *const indian_family[] = {
	"Velankari", "Sondhara", "Kesariwal", "Dhunwala", "Rangrezi", "Surmandal", "Bhorewal", "Chandnoor", "Tarkhanda",
	"Noorvani", "Jharokhia", "Mehrotkar", "Taalewar", "Sitarkar", "Dholpuriya", "Raginder", "Malharia", "Khayalkar",
	"Gunjania", "Swarkand", "Thumrikar", "Bansurwal", "Ghungrooni", "Sargamwala", "Layakari", "Tanpurkar",
};
static const char *const devanagari_given[] = { "आरवी", "देविका", "ईशान", "मेहर", "प्रांजल", "समायरा", "विहान", "लावण्या" };
static const char *const devanagari_family[] = { "सोनधारा", "केसरीवाल", "रंगरेज़ी", "सुरमंडल", "खयालकर", "बांसुरवाल" };
static const char *const world_given[] = {
	"Élodie", "Mateo", "Linnéa", "Søren", "Zoë", "Tomás", "Aiyana", "Inês", "Kofi", "Marisol", "Jonas", "Noémie",
	"Rafael", "Thandiwe", "Yukiko", "Xóchitl", "Łucja", "Håkon", "Siobhán", "Emre", "Anaïs", "Dmitra", "Wren", "Ottoline",
};
static const char *const world_family[] = {
	"Vantorre", "Okselund", "Marravilla", "Quillfeather", "Sombradero", "Nakamorri", "Adeyinkwe", "Lindqvast",
	"Fontavelle", "Castellôn", "Dræven", "Montclarté", "Wrenfielding", "Halvorstadt", "O'Tarragh", "d'Aubrisse",
	"Żurawinska", "Peñalunar", "Strömhaven", "Ōkubori",
};
static const char *const band_first[] = {
	"Paper", "Neon", "Velvet", "Copper", "Static", "Midnight", "Lunar", "Tin", "Amber", "Cobalt", "Borrowed", "Seventh",
};
static const char *const band_second[] = {
	"Monsoonists", "Chaiwallahs", "Rickshaw Club", "Peacockery", "Mangoworks", "Dhaba Society", "Lanternfish",
	"Tramliners", "Cassettique", "Kitefliers", "Balcony Choir", "Umbrella Men",
};

void name_artist(uint64_t h, struct world_text *out)
{
	struct rand_gen g = rand_new(h);
	start(out);
	switch (rand_next(&g) % 20) {
	case 0:
		text_add(out, PICK(&g, devanagari_given));
		text_add(out, " ");
		text_add(out, PICK(&g, devanagari_family));
		return;
	case 1:
		text_add(out, rand_next(&g) & 1 ? "DJ " : "MC ");
		text_add(out, PICK(&g, indian_family));
		return;
	case 2: case 3:
		text_add(out, rand_next(&g) & 1 ? "The " : "");
		text_add(out, PICK(&g, band_first));
		text_add(out, " ");
		text_add(out, PICK(&g, band_second));
		return;
	case 4: case 5: case 6: case 7:
		text_add(out, PICK(&g, world_given));
		text_add(out, " ");
		text_add(out, PICK(&g, world_family));
		return;
	case 8:
		text_add(out, PICK(&g, indian_family));
		text_add(out, " & ");
		text_add(out, PICK(&g, indian_family));
		return;
	default:
		text_add(out, PICK(&g, indian_given));
		text_add(out, " ");
		text_add(out, PICK(&g, indian_family));
	}
}

static const char *const hindi_first[] = {
	"Saanwali", "Bheegi", "Adhoori", "Rangeen", "Khamosh", "Dheemi", "Gulabi", "Tirchi", "Bawri", "Anjaani", "Jugnu",
	"Chanchal", "Sunehri", "Neeli", "Mitthi", "Begaani", "Pehli", "Aakhri", "Thodi", "Woh Purani",
};
static const char *const hindi_second[] = {
	"Baarish", "Chitthi", "Galiyan", "Raat", "Dhoop", "Khushboo", "Dhadkan", "Patang", "Shehnai", "Leher", "Chaandni",
	"Kahani", "Mehfil", "Tasveer", "Subah", "Chhat", "Khidki", "Sadak", "Pukaar", "Muskaan",
};
static const char *const devanagari_first[] = { "सुनहरी", "भीगी", "अधूरी", "गुलाबी", "ख़ामोश", "नीली", "पहली", "धीमी" };
static const char *const devanagari_second[] = { "बारिश", "चिट्ठी", "पतंग", "धड़कन", "चाँदनी", "कहानी", "ख़ुशबू", "लहर" };
static const char *const punjabi_first[] = { "Gallan", "Chunni", "Jhanjar", "Kangna", "Surma", "Tralla", "Yaari", "Phulkari", "Tumba", "Nakhre" };
static const char *const punjabi_second[] = { " Teri", " Meri Jaan", " Sohni", " 2 Way", " Patiale Di", " Wala Munda", " Nachdi", " on Repeat" };
static const char *const english_first[] = {
	"Paper", "Second-Hand", "Glass", "Ceiling Fan", "Rooftop", "Borrowed", "Slow", "Electric", "Half", "Tangerine",
	"Satellite", "Kitchen", "Violet", "Yesterday's", "Don't Wake the",
};
static const char *const english_second[] = {
	"Sun", "Umbrella", "Boats", "Season", "Radio", "Weather", "Telephone", "Neighbours", "Elevator", "Sparks", "Tide",
	"Letters", "Moonlight Tax", "Parade", "Static",
};
static const char *const other_songs[] = {
	"Corazón de Papel Mojado", "Último Tranvía", "Señales de Humo Azul", "Où sont mes étoiles", "Café à Minuit Pile",
	"L'été d'après-demain", "Straßenlicht", "Küstenmädchen & Möwe", "Coração de Lata", "Não Chove Mais em Mim",
	"夜の傘", "雨上がりのラジオ", "종이 우산", "Зонтик для двоих", "मेरा Phone Silent है", "ਫੁਲਕਾਰੀ ਦੇ ਰੰਗ", "காகிதக் கப்பல்",
	"İstanbul'a Son Vapur", "Μικρό Καράβι", "Ночной трамвай №7",
};
static const char *const indian_film_first[] = {
	"Kaagaz Nagar", "Mittipur", "Saanjhgarh", "Barfili Gali", "Neelkanthpur", "Sharbati Bai", "Dhundhli", "Panghatiya",
	"Tilismghar", "Jharnapur", "Zamurradi", "Café Mausam", "Chhota Tramwala", "Raat No.", "धुंधपुर", "Gulmohri Lane",
};
static const char *const indian_film_second[] = {
	" Junction", " Talkies", " 9", " Ki Chhat", " Postbox", " Signal", " 1974", " Returns", " Unlimited", " & Sons",
	": Part 2", ", Mumbai 400 0XX", " टॉकीज़", " Express",
};

static void two_words(struct rand_gen *g, const char *const *a, size_t na, const char *const *b, size_t nb, const char *between,
                      struct world_text *out)
{
	text_add(out, pick_from(g, a, na));
	text_add(out, between);
	text_add(out, pick_from(g, b, nb));
}
#define TWO(a, b, between) two_words(&g, a, COUNT_OF(a), b, COUNT_OF(b), between, out)

void name_film_song(uint64_t h, struct world_text *out)
{
	struct rand_gen g = rand_new(h);
	start(out);
	switch (rand_next(&g) % 10) {
	case 0: case 1:
		TWO(devanagari_first, devanagari_second, " ");
		return;
	case 2: case 3:
		TWO(punjabi_first, punjabi_second, "");
		return;
	case 4:
		TWO(hindi_first, hindi_second, " ");
		text_add(out, rand_next(&g) & 1 ? " 2.0" : " - Reprise");
		return;
	default:
		TWO(hindi_first, hindi_second, " ");
	}
}

void name_song(uint64_t h, struct world_text *out)
{
	struct rand_gen g = rand_new(h);
	switch (rand_next(&g) % 8) {
	case 0:
		start(out);
		text_add(out, PICK(&g, other_songs));
		return;
	case 1: case 2: case 3:
		name_film_song(rand_next(&g), out);
		return;
	default:
		start(out);
		TWO(english_first, english_second, " ");
		if (rand_next(&g) % 8 == 0)
			text_add(out, " - Acoustic");
	}
}

void name_medley(uint64_t h, struct world_text *out)
{
	struct rand_gen g = rand_new(h);
	text_add(out, " (Medley: ");
	for (int i = 0; i < MEDLEY_SONGS; i++) {
		text_add(out, i ? " / " : "");
		TWO(devanagari_first, devanagari_second, " ");
	}
	text_add(out, ")");
}

void name_film(uint64_t h, struct world_text *out)
{
	struct rand_gen g = rand_new(h);
	start(out);
	TWO(indian_film_first, indian_film_second, "");
}

static const char *const album_forms[] = { "", " Sessions", ", Vol. 2", " (Live)", " EP", " & Other Weather", " — Side B" };

void name_album(uint64_t h, struct world_text *out)
{
	struct rand_gen g = rand_new(h);
	start(out);
	TWO(english_first, hindi_second, " ");
	text_add(out, PICK(&g, album_forms));
}

static const char *const show_names[] = { "Chai at Half Past Nine", "The Umbrella Report", "Tram Stop Stories", "किस्सा रोज़ का" };

void name_show(uint64_t h, struct world_text *out)
{
	struct rand_gen g = rand_new(h);
	start(out);
	text_add(out, PICK(&g, show_names));
}

void name_episode(uint64_t h, struct world_text *out)
{
	char number[16];
	struct rand_gen g = rand_new(h);
	start(out);
	(void) snprintf(number, sizeof number, "%d- ", (int) (rand_next(&g) % 400) + 1);
	text_add(out, number);
	TWO(english_first, english_second, " ");
}
