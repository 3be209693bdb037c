#!/usr/bin/env bash
# Each rule of tools/tidy fires on a small broken tree, names file and line, and is silent on the whole one.
set -euo pipefail
tidy=$PWD/tools/tidy
cd "${TEST_TMP:-$(mktemp -d)}"
n=0

# whole - a tree without a finding, in ./tree
whole() {
	rm -rf tree
	mkdir -p tree/{src/{base,io,store,bus,gold,cmd},tests/{unit,e2e},sql/gold,script,docs}
	cd tree
	printf '#ifndef BASE_ERR_H\n#define BASE_ERR_H\nenum rc { RC_OK };\nMUST_USE enum rc err_check(int n);\n#endif\n' >src/base/err.h
	printf '#include "base/err.h"\n\nenum rc err_check(int n)\n{\n\treturn n ? RC_OK : RC_OK; /* strcpy(a, b) in a comment */\n}\n' >src/base/err.c
	cat >src/store/store.h <<'END'
#ifndef STORE_STORE_H
#define STORE_STORE_H
#include "base/err.h"
struct store_ops {
	enum rc (*get)(struct store *s);
};
static inline void store_get(struct store *s)
{
	s->ops->get(s);
}
#endif
END
	printf '#include "store/store.h"\n#include <stdio.h>\n\nvoid f(void)\n{\n\tputs("goto strcpy(");\n}\n' >src/store/mem.c
	printf '#include "store/store.h"\n' >src/main.c
	printf '#include "base/err.h"\n' >tests/unit/test_err.c
	printf -- '-- table: TRACK\n-- needs: BRONZE_ENTRY\nSELECT 1\n' >sql/gold/track.sql
	printf '#!/usr/bin/env bash\nset -euo pipefail\necho built\n' >script/build
	# shellcheck disable=SC2016
	printf 'Run `script/build`; see [why](docs/why.md).\n' >README.md
	printf 'Because.\n' >docs/why.md
	cd ..
}

result() { # result OK NAME
	n=$((n + 1))
	if [[ $1 == 0 ]]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

# breaks NAME PLACE COMMAND - after COMMAND in a whole tree exactly one place, a "file:line: rule:" prefix, is found
breaks() {
	local found status=0
	whole
	(cd tree && eval "$3")
	found=$("$tidy" tree) || status=$?
	if [[ $status == 1 && $(wc -l <<<"$found") == 1 && $found == "$2: "* ]]; then
		result 0 "$1"
	else
		printf '# wanted one finding at %s, got:\n%s\n' "$2" "# ${found//$'\n'/$'\n'# }"
		result 1 "$1"
	fi
}

whole
"$tidy" tree | sed 's/^/# /'
result "${PIPESTATUS[0]}" 'whole tree has no finding'

# one include, at line 1 of a file that is reached
inc() { printf '#include "%s"\n' "$1"; }
breaks 'io knows base, base does not know io' src/base/err.c:1:\ layers \
	"printf '#ifndef IO_FILE_H\n#define IO_FILE_H\n#endif\n' >src/io/file.h; sed -i '1i #include \"io/file.h\"' src/base/err.c"
breaks 'a port does not know another port' src/bus/mem.c:1:\ layers 'inc store/store.h >src/bus/mem.c'
breaks 'gold does not know a backend' src/gold/run.c:1:\ layers \
	"inc store/folder.h >src/gold/run.c; printf '#ifndef STORE_FOLDER_H\n#define STORE_FOLDER_H\n#endif\n' >src/store/folder.h"
breaks 'a room without a row' src/misc/x.c:1:\ layers 'mkdir src/misc; echo "int x;" >src/misc/x.c'
breaks 'an include without a room' src/cmd/x.c:1:\ layers 'inc err.h >src/cmd/x.c'
for header in sqlite3.h duckdb.h jansson.h curl/curl.h microhttpd.h openssl/evp.h; do
	breaks "$header has one home" src/store/x.c:1:\ homes "echo '#include <$header>' >src/store/x.c"
done
breaks 'sqlite3.h is at home in io/db.c' src/io/x.c:1:\ homes "echo '#include <sqlite3.h>' | tee src/io/db.c >src/io/x.c"
for call in 'strcpy(a, b)' 'sprintf(a, b)' 'atoi(a)' 'gmtime (t)' 'rand()' 'malloc(1)' 'strdup(a)'; do
	breaks "${call%%[ (]*}() is banned" src/io/x.c:3:\ bans "printf 'void f(void)\n{\n\tx = $call;\n}\n' >src/io/x.c"
done
breaks 'malloc() is allowed in base' src/io/x.c:3:\ bans "printf 'void f(void)\n{\n\tx = malloc(1);\n}\n' | tee src/base/x.c >src/io/x.c"
breaks 'goto' src/io/x.c:3:\ bans "printf 'void f(void)\n{\n\tgoto out;\n}\n' >src/io/x.c"
breaks 'typedef of a struct' src/io/x.c:1:\ bans "echo 'typedef struct x y;' >src/io/x.c"
breaks 'ops behind a wrapper' src/store/x.c:3:\ ops "printf 'void f(void)\n{\n\ts->ops->get(s);\n}\n' >src/store/x.c"
breaks 'enum rc must be used' src/base/err.h:4:\ must-use "sed -i 's/MUST_USE //' src/base/err.h"
breaks 'indented with spaces' src/io/x.c:3:\ indent "printf 'void f(void)\n{\n        f();\n}\n' >src/io/x.c"
breaks 'long source' src/io/x.c:501:\ length "seq -f 'int x%g;' 501 >src/io/x.c"
long=$(printf 'x%.0s' {1..100})
breaks 'heavy source' src/io/x.c:1:\ length "seq -f 'int ${long}%g;' 450 >src/io/x.c"
breaks 'long test' tests/unit/test_x.c:901:\ length "seq -f 'int x%g;' 901 >tests/unit/test_x.c"
breaks 'no header guard' src/base/err.h:1:\ guards "sed -i 's/BASE_ERR_H/ERR_H/' src/base/err.h"
breaks 'header of no one' src/io/x.h:1:\ orphans "printf '#ifndef IO_X_H\n#define IO_X_H\n#endif\n' >src/io/x.h"
breaks 'source outside the build' extra/x.c:1:\ orphans 'mkdir extra; echo "int x;" >extra/x.c'
breaks 'unknown table' sql/gold/track.sql:2:\ orphans "sed -i 's/BRONZE_ENTRY/BRONZE_ENTRY, CHARTS/' sql/gold/track.sql"
breaks 'table named otherwise than its file' sql/gold/track.sql:1:\ orphans "sed -i 's/TRACK/TRACKS/' sql/gold/track.sql"
breaks 'script of no one' script/old:1:\ orphans 'cp script/build script/old'
breaks 'test script no one runs' tests/unit/x.sh:1:\ orphans 'cp script/build tests/unit/x.sh; chmod +x tests/unit/x.sh'
breaks 'page without a link' docs/lost.md:1:\ orphans 'echo Lost. >docs/lost.md'
breaks 'white space at the end' README.md:2:\ whitespace "echo 'a ' >>README.md"
breaks 'no newline at the end' docs/why.md:2:\ whitespace "printf x >>docs/why.md"
breaks 'path of a machine' script/build:3:\ paths "sed -i 's#echo built#echo /ho''me/me/x#' script/build"
breaks 'script that goes on after errors' script/build:1:\ shell "sed -i 's/^set .*/true/' script/build"
if command -v shellcheck >/dev/null; then
	# shellcheck disable=SC2016
	breaks 'shellcheck' script/build:3:\ shell "sed -i 's/echo built/echo \$1/' script/build"
fi
echo "1..$n"
