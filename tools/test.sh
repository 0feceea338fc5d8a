#!/bin/sh
# Builds culvert in every way that is supported, and passes its tests. The last line counts what ran.
#
#   tools/test.sh [STAGE...]     all stages, or those named:
#
#   gcc           gcc, no warning allowed; all tests
#   clang         clang, no warning allowed; all tests are built
#   without-x264  -Dx264=disabled; all tests that are left
#   asan          AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan          ThreadSanitizer, for what has threads
#   valgrind      memcheck, on the gcc build
#
# Installs what it needs from Debian, when something is missing. Builds lie in build/.
set -eu
cd "$(dirname "$0")/.."
. tools/packages.sh

stages=${*:-gcc clang without-x264 asan tsan valgrind}
need_packages gcc g++ clang meson ninja-build pkg-config libx264-dev libyuv-dev libavutil-dev check libsubunit-dev \
    valgrind libclang-rt-14-dev ffmpeg x264 python3 binutils
mkdir -p build
passed=0 failed=0 skipped=0

# Counts the tests of a run out of the report that Meson leaves; a run that ended badly without one failed.
count() {
    set -- "$1" "$2" $(python3 - "$1/meson-logs/testlog-$3.junit.xml" <<'PY'
import sys, xml.etree.ElementTree as tree
total = {'tests': 0, 'failures': 0, 'errors': 0, 'skipped': 0}
try:
    for suite in tree.parse(sys.argv[1]).getroot().iter('testsuite'):
        for name in total:
            total[name] += int(suite.get(name, 0))
except (OSError, tree.ParseError):
    pass
bad = total['failures'] + total['errors']
print(total['tests'] - bad - total['skipped'], bad, total['skipped'])
PY
)
    [ "$2" -eq 0 ] || [ "$4" -gt 0 ] || set -- "$1" "$2" "$3" 1 "$5"
    passed=$((passed + $3)) failed=$((failed + $4)) skipped=$((skipped + $5))
    tests="$3 passed, $4 failed, $5 skipped"
}

# configure DIRECTORY MESON-OPTION...: a build directory, made once and kept current.
configure() {
    if [ -f "$1/build.ninja" ]; then
        meson configure "$@" >"$1.log" 2>&1
    else
        meson setup --werror "$@" >"$1.log" 2>&1
    fi
}

# build DIRECTORY: 0, or a failure that is shown.
build() {
    ninja -C "$1" all test-programs >>"$1.log" 2>&1 || {
        tail -n 30 "$1.log" >&2
        failed=$((failed + 1))
        tests="the build failed, see $1.log"
        return 1
    }
}

# run DIRECTORY SETUP ARGUMENT...: passes the tests under a test setup of tests/meson.build.
run() {
    dir=$1 setup=$2 status=0
    shift 2
    meson test -C "$dir" --setup "$setup" --no-rebuild --print-errorlogs "$@" >>"$dir.log" 2>&1 ||
        status=$?
    [ $status -eq 0 ] || tail -n 60 "$dir.log" >&2
    count "$dir" $status "$setup"
}

stage() {
    tests=
    case $1 in
    gcc) configure build/gcc && build build/gcc && run build/gcc plain ;;
    clang) CC=clang configure build/clang && build build/clang && tests="no warning" ;;
    without-x264) configure build/without-x264 -Dx264=disabled && build build/without-x264 && run build/without-x264 plain ;;
    asan)
        configure build/asan -Db_sanitize=address,undefined -Dbuildtype=debugoptimized && build build/asan &&
            run build/asan asan
        ;;
    tsan)
        configure build/tsan -Db_sanitize=thread -Dbuildtype=debugoptimized && build build/tsan &&
            run build/tsan tsan --suite threads
        ;;
    valgrind) configure build/gcc && build build/gcc && run build/gcc valgrind --no-suite external ;;
    *)
        echo "tools/test.sh: no stage $1: the stages are gcc, clang, without-x264, asan, tsan, valgrind" >&2
        exit 2
        ;;
    esac
}

for name in $stages; do
    started=$(date +%s)
    stage "$name" || [ -n "$tests" ] || {
        tail -n 30 "build/$name.log" >&2
        failed=$((failed + 1))
        tests="could not be configured, see build/$name.log"
    }
    printf '%-13s %4d s  %s\n' "$name" $(($(date +%s) - started)) "$tests"
done
printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
[ $failed -eq 0 ]
