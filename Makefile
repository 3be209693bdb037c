# script/build and script/test call this; by hand: make [CFG=asan|tsan|clang|fuzz] [all|test-binary|check|fuzzers]
#
# CFG      compiler  out         for
# release  gcc       build/      build/sargam, hardened, with debug information
# asan     gcc       build/asan  AddressSanitizer and UndefinedBehaviorSanitizer, leaks too
# tsan     gcc       build/tsan  ThreadSanitizer, for the suites of tests/tsan.txt: DuckDB's libraries are not instrumented
# clang    clang     build/clang the second compiler's warnings (`check` compiles and links nothing)
# fuzz     clang     build/fuzz  libFuzzer's targets (`fuzzers`) under ASan and UBSan; only what they need is compiled
#
# Third-party files are in build/deps (script/bootstrap). Every .c below src/ is part of libsargam.a, src/main.c apart;
# every .c below tests/ is part of sargam-test, fuzz/, bench/ and crash/ apart (those are programs of their own). What is in fakes/ is
# also a program, fake-google, which its main.c makes of it.
CFG ?= release
MACHINE := $(shell uname -m)
DEPS := build/deps
GEN := build/gen

# name=folder/pattern: embedded as `embedded_<name>[]`, see tools/gen
EMBED := sql=sql/gold/*.sql

WARN := -Wall -Wextra -Werror -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
CPPFLAGS = -D_GNU_SOURCE -Isrc -Ibuild -isystem $(DEPS)/include $(if $(BANNED),-include $(BANNED)) $(FORTIFY)
CFLAGS = -std=gnu17 -g $(OPT) $(WARN) -ffunction-sections -fdata-sections -fPIE $(HARDEN)
LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections -Wl,--as-needed
LDLIBS = -Wl,--start-group $(wildcard $(DEPS)/lib/duckdb/*.a) -l:libstdc++.a -Wl,--end-group \
	$(DEPS)/lib/libsqlite3.a -ljansson -lcurl -lmicrohttpd -lcrypto -lm -ldl -lpthread

HARDEN := -fstack-protector-strong -fstack-clash-protection
ifeq ($(MACHINE),x86_64)
HARDEN += -fcf-protection
endif
BANNED := $(wildcard src/base/banned.h)

ifeq ($(CFG),release)
B := build
CC := gcc
OPT := -O2
FORTIFY := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
else ifeq ($(CFG),asan)
B := build/asan
CC := gcc
OPT := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
# gcc's flow analysis is confused by the instrumentation; the release build has the say about this one
OPT += -Wno-error=maybe-uninitialized
HARDEN :=
else ifeq ($(CFG),tsan)
B := build/tsan
CC := gcc
OPT := -O1 -fno-omit-frame-pointer -fsanitize=thread -Wno-maybe-uninitialized
HARDEN :=
else ifeq ($(CFG),clang)
B := build/clang
CC := clang
OPT := -O2
FORTIFY := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
else ifeq ($(CFG),fuzz)
B := build/fuzz
CC := clang
OPT := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
HARDEN :=
else
$(error CFG=$(CFG): known are release, asan, tsan, clang, fuzz)
endif

SRC := $(sort $(shell find src -name '*.c' 2>/dev/null))
TEST_SRC := $(sort $(shell find tests -name '*.c' -not -path 'tests/fuzz/*' -not -path 'tests/bench/*' -not -path 'tests/crash/*' -not -path 'tests/fakes/main.c' 2>/dev/null))
LIB_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(filter-out src/main.c,$(SRC))) $(B)/obj/gen/embed.o $(B)/obj/gen/embed_data.o
MAIN_OBJ := $(B)/obj/src/main.o
TEST_OBJ := $(TEST_SRC:%.c=$(B)/obj/%.o)
FAKE_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(sort $(wildcard tests/fakes/*.c)))
# Rooms whose files stand on few others, and what tests share: the linker takes what a target reaches.
ifeq ($(CFG),fuzz)
SRC := $(sort $(wildcard $(addprefix src/,base/*.c io/*.c bus/*.c dag/cron.c source/csv*.c source/archive_md.c bronze/film.c bronze/reader*.c \
	$(addprefix serve/,pubsub*.c push*.c reply.c envelope.c oidc.c jwks.c))))
TEST_SRC := $(addprefix tests/,golden/page_check.c support/jwt.c support/wire.c)
LIB_OBJ := $(SRC:%.c=$(B)/obj/%.o) $(TEST_SRC:%.c=$(B)/obj/%.o)
endif
OBJ := $(sort $(LIB_OBJ) $(MAIN_OBJ) $(TEST_OBJ) $(FAKE_OBJ))
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

ifeq ($(wildcard $(DEPS)/include/duckdb.h),)
$(error build/deps is missing: run script/bootstrap first)
endif

.PHONY: all test-binary fuzzers crash-tools bench-tools check clean FORCE
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
all: $(B)/sargam
test-binary: $(B)/sargam-test $(B)/fake-google
bench-tools: $(B)/bench/load $(B)/bench/millions
fuzzers: $(FUZZERS)
crash-tools: $(B)/crash/recorder.so $(B)/crash/replay $(B)/crash/steps
check: $(OBJ)
clean:
	rm -rf $(B)/obj $(B)/libsargam.a $(B)/sargam $(B)/sargam-test $(B)/fake-google

$(B)/sargam: $(MAIN_OBJ) $(B)/libsargam.a
	@echo "  link    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(MAIN_OBJ) $(B)/libsargam.a $(LDLIBS)

$(B)/sargam-test: $(TEST_OBJ) $(B)/libsargam.a
	@echo "  link    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(TEST_OBJ) $(B)/libsargam.a -lcmocka $(LDLIBS)

$(B)/fake-google: $(FAKE_OBJ) $(B)/libsargam.a
	@echo "  link    $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(FAKE_OBJ) $(B)/libsargam.a $(LDLIBS)

# Of the release build only: the recorder is loaded into the program that ships.
$(B)/crash/recorder.so: tests/crash/recorder.c tests/crash/record.h
	@mkdir -p $(@D)
	@$(CC) -std=gnu17 -O2 -g $(WARN) -D_GNU_SOURCE -fPIC -shared -fvisibility=hidden -o $@ $<
$(B)/crash/replay: tests/crash/replay.c tests/crash/record.h
	@mkdir -p $(@D)
	@$(CC) -std=gnu17 -O2 -g $(WARN) -D_GNU_SOURCE -o $@ $<
$(B)/crash/steps: tests/crash/steps.c $(B)/libsargam.a
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(B)/libsargam.a $(LDLIBS)

$(B)/bench/%: tests/bench/%.c $(B)/libsargam.a
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(B)/libsargam.a $(LDLIBS)

build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c build/fuzz/libsargam.a
	@echo "  link    $@"
	@$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< build/fuzz/libsargam.a -lcmocka $(LDLIBS)

# `q`, not `r`: two rooms may both have a mem.c, and `r` would keep the last one only.
$(B)/libsargam.a: $(LIB_OBJ) $(B)/obj/objects
	@rm -f $@
	@ar qcs $@ $(LIB_OBJ)

$(B)/obj/src/%.o: src/%.c $(B)/obj/flags | $(GEN)/stamp
	@echo "  cc      $<"
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(ROOM) $(CFLAGS) -MMD -MP -c -o $@ $<

# The only callers of malloc().
$(B)/obj/src/base/%.o: ROOM = -DALLOW_MALLOC=

$(B)/obj/tests/%.o: tests/%.c $(B)/obj/flags | $(GEN)/stamp
	@echo "  cc      $<"
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/obj/gen/embed.o: $(GEN)/embed.c $(B)/obj/flags
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/obj/gen/embed_data.o: $(GEN)/embed_data.S $(foreach e,$(EMBED),$(wildcard $(lastword $(subst =, ,$(e)))))
	@mkdir -p $(@D)
	@$(CC) -c -o $@ $<

# Files that change only when what they say changes: tools/gen compares before it writes.
$(GEN)/embed.c $(GEN)/embed.h $(GEN)/embed_data.S $(GEN)/version.h: $(GEN)/stamp ;
$(GEN)/stamp: FORCE
	@tools/gen $(GEN) $(EMBED)
	@test -e $@ || touch $@

# A source that comes or goes changes the archive; other flags recompile.
$(B)/obj/objects: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(LIB_OBJ) | cmp -s - $@ || printf '%s\n' $(LIB_OBJ) >$@
$(B)/obj/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(CPPFLAGS) $(CFLAGS)' | cmp -s - $@ || printf '%s\n' '$(CC) $(CPPFLAGS) $(CFLAGS)' >$@

-include $(OBJ:.o=.d)
