#!/bin/sh
# How much of src/ the tests reach: its lines and branches, on the last line.
#
#   tests/coverage.sh BUILD
#
# BUILD is built with -Db_coverage=true -Dseccomp=disabled -Dbuildtype=debug -Dc_args=-fprofile-update=atomic; the
# filter's own tests are built into BUILD-filter, with the filter, and count for it alone. What is not reached stands in
# BUILD/coverage.txt, file by file. Fails when a test does, or when less is reached than stands below.
set -eu
build=$1 filter=$1-filter
cd "$(dirname "$0")/.."
line_least=97 branch_least=88

# What a run before has counted.
find "$build" -name '*.gcda' -delete
[ -f "$filter/build.ninja" ] || meson setup --werror "$filter" -Db_coverage=true -Dseccomp=enabled -Dbuildtype=debug \
    -Dc_args=-fprofile-update=atomic >"$filter.log"
ninja -C "$filter" tests/test_sandbox tests/test_sandbox_streams >>"$filter.log"
find "$filter" -name '*.gcda' -delete

# Suites: not those over simulated atomics, whose steps no program takes, nor what is as long as a stream. From outside,
# culvertd's operation, and clients that mean it no good: they reach what no suite does, but keep a clock that a build
# without optimisation cannot, so they are not judged here.
names=$(meson test -C "$build" --list --suite single --suite threads --suite remote 2>/dev/null | sed -n 's|.* / ||p' |
    grep -vxE 'interleave|recovery|recovery_remote')
outside=$(meson test -C "$build" --list --suite external 2>/dev/null | sed -n 's|.* / ||p' |
    grep -xE 'operation|hostile_(messages|memory|limits_.*)')
status=0
# shellcheck disable=SC2086 # names
meson test -C "$build" --no-rebuild --num-processes $(($(nproc) + 1)) $outside >"$build/outside.log" 2>&1 || :
# shellcheck disable=SC2086 # names
meson test -C "$build" --setup coverage --no-rebuild --print-errorlogs --num-processes $(($(nproc) + 1)) $names ||
    status=$?
for name in sandbox sandbox_streams; do
    (cd "$filter" && CK_VERBOSITY=minimal "tests/test_$name") || status=$?
done

# found OUTPUT BUILD OPTION...: an assertion that does not fail is not left out by a test. What gcov computes of threads
# that go on while a process ends can be negative.
found() {
    output=$1 from=$2
    shift 2
    gcovr --root . --object-directory "$from" "$from" --gcov-ignore-parse-errors \
        --exclude-branches-by-pattern '.*\bassert\(.*' --json "$output" "$@" 2>"$output.log"
}
found "$build/rest.json" "$build" --filter src/ --exclude src/daemon/sandbox.c
found "$build/filter.json" "$filter" --filter src/daemon/sandbox.c
gcovr --root . -a "$build/rest.json" -a "$build/filter.json" --txt "$build/coverage.txt" --csv "$build/coverage.csv" \
    --print-summary --fail-under-line $line_least --fail-under-branch $branch_least >"$build/summary" || status=$?
sed -n 's/^\(lines\|branches\): \([0-9.]*\)% .*/\1 \2 %/p' "$build/summary" | paste -sd, | sed 's/,/, /'
exit $status
