#!/usr/bin/env bash
# The entry points: help without side effects, nothing done twice, generated files that stay when their input stays.
set -euo pipefail
root=$PWD
n=0
check() { # check NAME COMMAND...
	n=$((n + 1))
	if "${@:2}"; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}

for script in bootstrap build run test bench fmt; do
	help() { [[ $("script/$script" --help </dev/null) == "$script - "* ]]; }
	check "script/$script --help" help
done

quiet() { [[ -z $(script/bootstrap --tests 2>&1) ]]; }
check 'a second bootstrap says nothing' quiet
unknown() { ! script/bootstrap --nonsense >/dev/null 2>&1; }
check 'bootstrap refuses an unknown option' unknown

cd "$TEST_TMP"
echo 1.2.3 >VERSION
mkdir sql
printf 'SELECT 2;\n' >sql/b.sql
printf 'SELECT 1;\n' >sql/a.sql
"$root/tools/gen" gen 'sql=sql/*.sql'
sorted() { [[ $(grep -o '{ "[a-z]*"' gen/embed.c | tr -d '{" \n') == ab ]] && grep -q 'embedded_sql_count = 2;' gen/embed.c; }
check 'embedded files are sorted and counted' sorted
version() { grep -q 'SARGAM_VERSION "1.2.3"' gen/version.h && grep -q 'SARGAM_COMMIT ""' gen/version.h; }
check 'version without git' version
touch -d 2001-01-01 gen/*
"$root/tools/gen" gen 'sql=sql/*.sql'
unchanged() { [[ -z $(find gen -newermt 2002-01-01 -type f) ]]; }
check 'same input, no file written' unchanged
printf 'SELECT 3;\n' >sql/c.sql
"$root/tools/gen" gen 'sql=sql/*.sql'
added() { grep -q '"c"' gen/embed.c && grep -q 'sql/c.sql' gen/embed_data.S; }
check 'a new file is embedded' added
echo "1..$n"
