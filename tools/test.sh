#!/bin/sh
# Builds culvert in every way that is supported, and passes its tests. The last line counts what ran.
#
#   tools/test.sh [STAGE...]     what every change must pass, or the stages named:
#   tools/test.sh --all          fuzz and faults as well
#
#   gcc           gcc, no warning allowed; all tests
#   clang         clang, no warning allowed; all tests are built
#   without-x264  -Dx264=disabled; all tests that are left
#   bare          -Dx264=disabled -Dvpx=disabled -Dseccomp=disabled; all tests that are left, and culvertd in Valgrind
#   asan          AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan          ThreadSanitizer, for what has threads, and for sessions in culvertd
#   valgrind      memcheck, on the gcc build
#   clock         what measures time, on the gcc build, with nothing beside it
#   fuzz          each fuzz target for FUZZ_SECONDS (60), by libFuzzer with AddressSanitizer
#   faults        faults that are planted in a copy of the sources: the tests must notice each
#
# Installs what it needs from Debian, when something is missing. Builds lie in build/.
set -eu
cd "$(dirname "$0")/.."
. tools/packages.sh

usual="gcc clang without-x264 bare asan tsan valgrind clock"
all="$usual fuzz faults"
stages=${*:-$usual}
[ "$stages" != --all ] || stages=$all
for name in $stages; do
    case " $all " in
    *" $name "*) ;;
    *)
        echo "tools/test.sh: no stage $name: the stages are $all" >&2
        exit 2
        ;;
    esac
done

# Prometheus' own check of the metrics. Its package brings a server and starts it, so the one program is unpacked into
# build/; without it, the test that needs it is skipped.
fetch_promtool() {
    command -v promtool >/dev/null && return
    PATH=$PATH:$PWD/build/promtool/usr/bin
    command -v promtool >/dev/null && return
    mkdir -p build/promtool
    (cd build/promtool && apt-get -q download prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb >files.tar &&
        tar -xf files.tar ./usr/bin/promtool && rm files.tar prometheus_*.deb) >build/promtool.log 2>&1 || :
}

need_packages gcc g++ clang meson ninja-build pkg-config libx264-dev libvpx-dev libyuv-dev libavutil-dev \
    libavcodec-dev libdw-dev libmicrohttpd-dev libseccomp-dev systemtap-sdt-dev check libsubunit-dev valgrind libclang-rt-14-dev ffmpeg vpx-tools \
    python3 binutils procps systemd abigail-tools doxygen
mkdir -p build
fetch_promtool
passed=0 failed=0 skipped=0

# directory STAGE: where it is built, as $dir.
directory() {
    dir=build/$1
    [ "$1" != valgrind ] && [ "$1" != clock ] || dir=build/gcc
}

# configure OPTION...: the build directory, made once and kept current.
configure() {
    if [ -f "$dir/build.ninja" ]; then
        meson configure "$dir" "$@"
    else
        meson setup --werror "$dir" "$@"
    fi
}

# ready STAGE: configures and builds what it runs.
ready() {
    directory "$1"
    goals="all test-programs"
    case $1 in
    gcc | valgrind | clock) configure ;;
    clang) CC=clang configure ;;
    without-x264) configure -Dx264=disabled ;;
    bare) configure -Dx264=disabled -Dvpx=disabled -Dseccomp=disabled ;;
    asan) configure -Db_sanitize=address,undefined -Dbuildtype=debugoptimized ;;
    tsan) configure -Db_sanitize=thread -Dbuildtype=debugoptimized ;;
    fuzz)
        CC=clang configure -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debugoptimized \
            -Dtools=disabled
        goals=all
        ;;
    # It builds by itself, again and again.
    faults) return 0 ;;
    esac >"$dir.log" 2>&1 && ninja -C "$dir" $goals >>"$dir.log" 2>&1
}

# count STATUS SETUP: adds up the report that Meson leaves of a run; one that ended badly without a report failed.
count() {
    set -- "$1" $(python3 - "$dir/meson-logs/testlog-$2.junit.xml" <<'PY'
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
    [ "$1" -eq 0 ] || [ "$3" -gt 0 ] || set -- "$1" "$2" 1 "$4"
    passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
    result="$2 passed, $3 failed, $4 skipped"
}

# run SETUP ARGUMENT...: passes the tests under a test setup of tests/meson.build.
run() {
    setup=$1 status=0
    shift
    rm -f "$dir/meson-logs/testlog-$setup.junit.xml"
    # One more than there are processors: several tests wait for the clock.
    meson test -C "$dir" --setup "$setup" --no-rebuild --print-errorlogs --num-processes $(($(nproc) + 1)) "$@" \
        >"$dir.log" 2>&1 || status=$?
    [ $status -eq 0 ] || grep -vE '^ *[0-9]+/[0-9]+ .* OK ' "$dir.log" | tail -n 80 >&2
    count $status "$setup"
}

# fuzz: what a target finds is left beside its log, and its corpus for the next time.
fuzz() {
    executions=0 found=0 targets=0
    for corpus in fuzz/corpus/*/; do
        target=$(basename "$corpus")
        targets=$((targets + 1))
        mkdir -p "$dir/corpus/$target"
        UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$dir/fuzz/fuzz_$target" -max_len=2048 -timeout=60 \
            -max_total_time="${FUZZ_SECONDS:-60}" -print_final_stats=1 -dict=fuzz/culvertd.dict \
            -artifact_prefix="$dir/$target-" "$dir/corpus/$target" "$corpus" >"$dir/$target.log" 2>&1 || {
            found=$((found + 1))
            grep -vE '^#[0-9]' "$dir/$target.log" | tail -n 40 >&2
        }
        units=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/$target.log")
        executions=$((executions + ${units:-0}))
    done
    passed=$((passed + targets - found)) failed=$((failed + found))
    result="$((targets - found)) passed, $found failed, 0 skipped, $executions executions"
}

faults() {
    python3 tests/faults.py . "$dir" >"$dir.log" || :
    noticed=$(grep -c '^ok ' "$dir.log") unnoticed=$(grep -c '^not ok\|^Bail out' "$dir.log") || :
    grep '^not ok\|^Bail out' "$dir.log" >&2 || :
    passed=$((passed + noticed)) failed=$((failed + unnoticed))
    result="$noticed passed, $unnoticed failed, 0 skipped"
}

stage() {
    case $1 in
    gcc) run plain --no-suite clock ;;
    without-x264 | bare) run plain --no-suite clock --no-suite rates --no-suite storms --no-suite once ;;
    clang) result="no warning" ;;
    asan) run asan --no-suite clock ;;
    tsan) run tsan --suite threads --suite storms --suite remote ;;
    valgrind) run valgrind --suite threads --suite single ;;
    clock) run plain --suite clock ;;
    fuzz) fuzz ;;
    faults) faults ;;
    esac
}

# While the tests of the first stage run, of which one is long and keeps one processor busy, the others are built.
build_rest() {
    for other in $stages; do
        [ "$other" = "${stages%% *}" ] || [ "$other" = valgrind ] || [ "$other" = clock ] || ready "$other" || :
    done
}

for name in $stages; do
    started=$(date +%s)
    if ready "$name"; then
        [ "$name" != "${stages%% *}" ] || build_rest &
        stage "$name"
        wait
    else
        tail -n 30 "$dir.log" >&2
        failed=$((failed + 1)) result="it does not build, see $dir.log"
    fi
    printf '%-13s %4d s  %s\n' "$name" $(($(date +%s) - started)) "$result"
done
printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
[ $failed -eq 0 ]
