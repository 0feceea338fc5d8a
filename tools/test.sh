#!/bin/sh
# Builds culvert in every way that is supported, and passes its tests, in stages. Each says in a line how long it took
# and what came out; the last line counts what ran.
#
#   tools/test.sh [STAGE...]     what every change must pass, or the stages named
#   tools/test.sh --all          all stages
#
#   gcc           gcc, no warning allowed; all tests
#   clang         clang, no warning allowed; all tests are built
#   without-x264  -Dx264=disabled; all tests that are left, but not again those of culvertd and of libvpx alone
#   bare          -Dx264=disabled -Dvpx=disabled -Dseccomp=disabled; all tests that are left, and culvertd in Valgrind
#   asan          AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan          ThreadSanitizer, for what has threads, and for sessions in culvertd
#   valgrind      memcheck, on the gcc build
#   want          out of memory, and of the system's help, on the gcc build
#   abi           what is exported, how it is laid out, and how the lock-free code is compiled, on the gcc build
#   documents     documents are compared with what there is, on the gcc build
#   hosts         the bindings of Go, Python, Node and Rust, as far as these are here; by its name, or in --all, what is
#                 missing of them is installed
#   fuzz        * each fuzz target for FUZZ_SECONDS (60), by libFuzzer with AddressSanitizer
#   mutation    * weakened memory orders, on the gcc build, and faults planted in a copy: the tests must notice each
#   arm         * 32-bit ARM: built for armhf, and all tests under qemu-user that it can run
#   coverage    * how much of src the tests reach
#   analysis    * formatting, and what clang-tidy, cppcheck and gcc's analyzer find
#   soak        * tools/soak.sh for SOAK_MINUTES (10); beside other stages, when there are any
#   clock         what measures time, on the gcc build, with nothing beside it
#
# * in --all alone. Installs what it needs from Debian, when something is missing; a stage that lacks a tool all the
# same is skipped, and says so. Builds and logs lie in build/.
set -eu
cd "$(dirname "$0")/.."
. tools/packages.sh

all="gcc clang without-x264 bare asan tsan valgrind want abi documents hosts fuzz mutation arm coverage analysis"
all="$all soak clock"
case ${1:-} in
--all) stages=$all ;;
'') stages="gcc clang without-x264 bare asan tsan valgrind want abi documents hosts clock" ;;
*) stages=$* ;;
esac
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

need_packages gcc g++ meson ninja-build pkg-config libx264-dev libvpx-dev libyuv-dev libavutil-dev libavcodec-dev \
    libdw-dev libmicrohttpd-dev libseccomp-dev systemtap-sdt-dev check libsubunit-dev valgrind ffmpeg vpx-tools \
    python3 binutils procps systemd
need_packages clang libclang-rt-14-dev abigail-tools doxygen gcovr clang-format clang-tidy cppcheck \
    binutils-arm-linux-gnueabihf || :
# need COMMAND PACKAGE...: Debian's packages, unless the command came from elsewhere.
need() {
    command=$1
    shift
    command -v "$command" >/dev/null || need_packages "$@" || :
}
case " $* " in
*' --all '* | *' hosts '*)
    need go golang-go
    need cargo cargo
    need node nodejs npm
    need_packages python3-numpy python3-setuptools python3-wheel python3-venv python3-pip python3-build mypy pyflakes3 \
        black || :
    ;;
esac
mkdir -p build
fetch_promtool
passed=0 failed=0 skipped=0

# ---- Builds

# directory STAGE: where it is built, as $dir.
directory() {
    case $1 in
    valgrind | want | abi | documents | hosts | mutation | soak | clock) dir=build/gcc ;;
    *) dir=build/$1 ;;
    esac
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
    gcc | valgrind | want | abi | documents | hosts | mutation | soak | clock) configure ;;
    clang) CC=clang configure ;;
    without-x264) configure -Dx264=disabled ;;
    bare) configure -Dx264=disabled -Dvpx=disabled -Dseccomp=disabled ;;
    asan) configure -Db_sanitize=address,undefined -Dbuildtype=debugoptimized ;;
    tsan) configure -Db_sanitize=thread -Dbuildtype=debugoptimized ;;
    # A filter would keep a worker from writing what it has counted.
    coverage)
        configure -Db_coverage=true -Dseccomp=disabled -Dbuildtype=debug -Dc_args=-fprofile-update=atomic
        ;;
    fuzz)
        CC=clang configure -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debugoptimized \
            -Dtools=disabled
        goals=all
        ;;
    arm)
        cross="--cross-file build/arm-root/here.ini --cross-file tests/arm/armhf.ini"
        [ ! -f "$dir/build.ninja" ] || cross=
        configure $cross -Dseccomp=disabled
        ;;
    # How files are compiled is all that it needs.
    analysis) CC=gcc configure -Dbuildtype=debug && return ;;
    # They build by themselves.
    *) return 0 ;;
    esac >"$dir.log" 2>&1 && ninja -C "$dir" $goals >>"$dir.log" 2>&1
}

# lacking STAGE: what it cannot do without and is not to be had.
lacking() {
    case $1 in
    clang | fuzz) tool=clang ;;
    valgrind) tool=valgrind ;;
    coverage) tool=gcovr ;;
    arm)
        tests/arm/prepare.sh build/arm-root || :
        return
        ;;
    *) return 0 ;;
    esac
    command -v $tool >/dev/null || echo "there is no $tool"
}

# ---- Results

# add PASSED FAILED SKIPPED [FIGURE]: to what the stage has so far.
add() {
    good=$((good + $1)) bad=$((bad + $2)) unable=$((unable + $3)) figure=${4:-$figure}
}

# tell STAGE SECONDS
tell() {
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + unable)) word=passed
    [ $good -gt 0 ] || word=skipped
    [ $bad -eq 0 ] || word=FAILED
    printf '%-13s %-7s %4d s  %d passed, %d failed, %d skipped%s\n' "$1" $word "$2" $good $bad $unable \
        "${figure:+; $figure}"
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
    add "$2" "$3" "$4"
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

# tap LOG STATUS: adds up what a program said in TAP; its figure is in a line that begins with "# figure: ".
tap() {
    set -- "$1" "$2" $(grep -c '^ok ' "$1") $(grep -c '^not ok \|^Bail out!' "$1") $(grep -c '^ok .*# SKIP' "$1")
    [ "$2" -eq 0 ] || [ "$4" -gt 0 ] || set -- "$1" "$2" "$3" 1 "$5"
    [ "$4" -eq 0 ] || grep -v '^ok ' "$1" | tail -n 80 >&2
    add $(($3 - $5)) "$4" "$5" "$(sed -n 's/^# figure: //p' "$1" | tail -n 1)"
}

# told PROGRAM ARGUMENT...: the same of one that is run now.
told() {
    status=0
    "$@" >"$dir.log" 2>&1 || status=$?
    tap "$dir.log" $status
}

# ---- Stages

# Its tests are counted by Meson's report, and its figure is what it says last.
coverage() {
    status=0
    rm -f "$dir/meson-logs/testlog-coverage.junit.xml"
    tests/coverage.sh "$dir" >"$dir.log" 2>&1 || status=$?
    [ $status -eq 0 ] || grep -vE '^ *[0-9]+/[0-9]+ .* OK ' "$dir.log" | tail -n 80 >&2
    count $status coverage
    figure=$(tail -n 1 "$dir.log")
}

# What each was run with stands in its figure.
hosts() {
    figures=
    for language in tests/hosts/*.sh; do
        figure=
        told "$language" "$dir"
        figures="$figures${figures:+${figure:+; }}$figure"
    done
    figure=$figures
}

stage() {
    case $1 in
    gcc) run plain --no-suite clock --no-suite once --no-suite want --no-suite abi ;;
    without-x264)
        run plain --suite single --suite threads --suite external --no-suite native --no-suite want --no-suite once
        ;;
    bare) run plain --no-suite clock --no-suite rates --no-suite storms --no-suite once --no-suite want ;;
    clang) add 1 0 0 "no warning" ;;
    asan) run asan --no-suite clock ;;
    tsan) run tsan --suite threads --suite storms --suite remote ;;
    valgrind) run valgrind --suite threads --suite single ;;
    want | abi | documents | clock) run plain --suite "$1" ;;
    arm) run arm --suite single --suite threads --suite remote --no-suite native ;;
    fuzz) told fuzz/fuzz.sh "$dir" "${FUZZ_SECONDS:-60}" ;;
    mutation)
        run plain --suite mutation
        told python3 tests/faults.py . build/faults
        ;;
    coverage) coverage ;;
    hosts) hosts ;;
    analysis) told tests/analysis.sh "$dir" ;;
    soak) finish_soak ;;
    esac
}

# While the tests of the first stage run, of which some wait for the clock, the others are built.
build_rest() {
    for other in $stages; do
        directory "$other"
        [ "$other" = "$name" ] || [ "$dir" = build/gcc ] || [ -n "$(lacking "$other")" ] || ready "$other" || :
    done
}

# It rests most of the time, and is not about time: it runs beside the others, from when what it needs is built.
begin_soak() {
    case " $stages " in
    *' soak '*) tools/soak.sh "${SOAK_MINUTES:-10}" >build/soak.log 2>&1 & soak=$! ;;
    esac
}

finish_soak() {
    status=0
    wait $soak || status=$?
    soak=
    tap build/soak.log $status
}

soak= rest=
trap '[ -z "$soak" ] || kill $soak 2>/dev/null' EXIT
trap 'exit 1' HUP INT TERM
for name in $stages; do
    started=$(date +%s) good=0 bad=0 unable=0 figure=
    lack=$(lacking "$name")
    if [ -n "$lack" ]; then
        add 0 0 1 "$lack"
    elif ready "$name"; then
        if [ -z "$rest" ]; then
            begin_soak
            build_rest &
            rest=$!
        fi
        stage "$name"
        # The builds; of a child that was waited for already nothing is left to be said.
        wait $rest 2>/dev/null || :
    else
        tail -n 30 "$dir.log" >&2
        add 0 1 0 "it does not build, see $dir.log"
    fi
    tell "$name" $(($(date +%s) - started))
done
printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
[ $failed -eq 0 ]
