#!/bin/sh
# The Go binding, as TAP: go.sh BUILDDIR. Its caches lie in BUILDDIR/hosts/go. STORM_CHANGES and STORM_SEED are of the
# storm: 100000 changes are its full strength.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath "$1")
changes=${STORM_CHANGES:-1200} seed=${STORM_SEED:-1} cgocheck=1
export PKG_CONFIG_PATH="$build/meson-uninstalled" LD_LIBRARY_PATH="$build/src" CULVERTD="$build/src/daemon/culvertd"
export GOCACHE="$build/hosts/go/cache" GOPATH="$build/hosts/go/path" GOMODCACHE="$build/hosts/go/modules"
export GOENV=off GOPROXY=off GOTOOLCHAIN=local GOFLAGS=-buildvcs=false GOWORK=off
. "$root/tests/tap.sh"
exec 3>&1

lacks() {
    missing="there is no $1"
    case $1 in
    culvertd) ! [ -x "$CULVERTD" ] ;;
    h264) ! grep -q '^#define HAVE_X264 1' "$build/config.h" ;;
    race)
        missing="Go's race detector is not for this machine"
        case $(go env GOARCH) in amd64 | arm64 | ppc64le | s390x) false ;; esac
        ;;
    *) ! command -v "$1" >/dev/null ;;
    esac
}

# in_go DIRECTORY ARGUMENT...: go, in that directory of the tree.
in_go() {
    (cd "$root/$1" && shift && go "$@")
}

# through_culvertd COMMAND...: with one of its own, at unix:$dir/s.
through_culvertd() {
    : >culvertd.log
    "$CULVERTD" --socket "$dir/s" >>culvertd.log 2>&1 &
    daemon=$!
    until grep -q 'info: ready' culvertd.log; do
        kill -0 $daemon || no "culvertd does not start: $(cat culvertd.log)" || return 1
        sleep 0.1
    done
    "$@"
    status=$?
    kill -TERM $daemon
    wait $daemon
    return $status
}

sources_are_formatted_and_vetted() {
    gofmt -l "$root/bindings/go" "$root/examples/go" >unformatted
    cat unformatted
    [ ! -s unformatted ] && in_go bindings/go vet ./... && in_go bindings/go vet -tags keeps_go_memory ./storm &&
        in_go examples/go vet ./...
}

everything_has_its_documentation() {
    in_go bindings/go doc -all . >reference && grep -q '^func (s \*Session) Submit(f \*Frame) error' reference
}

unit_tests_pass() { in_go bindings/go test -timeout 600s .; }

unit_tests_pass_under_the_race_detector_through_culvertd() {
    in_go bindings/go test -race -timeout 600s . -daemon
}

# decodes FILE AT_LEAST: so many pictures at least, and no error.
decodes() {
    ffmpeg -nostdin -v error -f h264 -i "$1" -f null - 2>&1 | tee errors
    pictures=$(ffprobe -v error -count_frames -show_entries stream=nb_read_frames -of csv=p=0 "$1")
    [ ! -s errors ] && [ "$pictures" -ge "$2" ] || no "$pictures pictures"
}

the_streamer_streams_what_ffmpeg_decodes() {
    in_go examples/go build -o "$dir/streamer" . && ./streamer out.h264 2 && decodes out.h264 60 || return 1
    through_culvertd ./streamer - 2 "unix:$dir/s" >there.h264 && decodes there.h264 60
}

the_encoder_in_a_screenful_passes_its_tests() { in_go examples/go test -timeout 600s ./encoder; }

# The first block of Go of the page, with the module that it says.
the_loop_of_the_page_runs() {
    mkdir page && sed -n '/^```go$/,/^```$/p' "$root/docs/hosts/go.md" | sed '/^```/d' >page/main.go
    printf '%s\n' 'module page' 'go 1.19' 'require culvert v0.0.0' "replace culvert => $root/bindings/go" >page/go.mod
    (cd page && go vet . && go run .) >page.h264 && decodes page.h264 120
}

# storm PROGRAM CHANGES ARGUMENT...: the collector never rests, and writes over what it frees. C's memory is in few
# arenas, so that what grows shows. What the storm says on the way is seen at once.
storm() {
    program=$1 many=$2
    shift 2
    MALLOC_ARENA_MAX=2 GOGC=1 GODEBUG=cgocheck=$cgocheck,clobberfree=1 \
        timeout 3600 "$program" -changes "$many" -seed "$seed" "$@" >&3
}

# Up to Go 1.20 the full check is a setting of the program's, from then on an experiment of the compiler's.
no_change_of_size_is_felt_in_a_storm() {
    case $(go env GOVERSION) in
    go1.1[0-9]* | go1.20*) experiment= cgocheck=2 ;;
    *) experiment=cgocheck2 cgocheck=1 ;;
    esac
    GOEXPERIMENT=$experiment in_go bindings/go build -o "$dir/storm" ./storm && storm ./storm "$changes"
}

nor_through_culvertd() {
    through_culvertd storm ./storm $((changes / 4)) -endpoint "unix:$dir/s"
}

nor_under_the_race_detector() {
    in_go bindings/go build -race -o "$dir/racing" ./storm && storm ./racing $((changes / 4))
}

# The same storm, on memory that C keeps.
a_pointer_that_c_keeps_is_noticed() {
    in_go bindings/go build -tags keeps_go_memory -o "$dir/keeps" ./storm || return 1
    if storm ./keeps 200 3>storm.log 2>said; then
        no "it was not noticed"
        return
    fi
    cat said
    grep -q 'the picture of frame .* differs from what was submitted' said
}

check sources_are_formatted_and_vetted go gofmt gcc
check everything_has_its_documentation go
check unit_tests_pass go gcc
check unit_tests_pass_under_the_race_detector_through_culvertd go gcc race culvertd
check the_streamer_streams_what_ffmpeg_decodes go gcc h264 ffmpeg culvertd
check the_encoder_in_a_screenful_passes_its_tests go gcc h264
check the_loop_of_the_page_runs go gcc h264 ffmpeg
check no_change_of_size_is_felt_in_a_storm go gcc ffprobe
check nor_through_culvertd go gcc ffprobe culvertd
check nor_under_the_race_detector go gcc ffprobe race
check a_pointer_that_c_keeps_is_noticed go gcc ffprobe
! command -v go >/dev/null || echo "# figure: $(go env GOVERSION), $changes size changes in the storm"
done_testing
