#!/bin/sh
# Runs a test program with its sessions' encoders apart (apart.h): with_daemon.sh CULVERTD PROGRAM [ARG...]. Passes on
# what the program prints, and fails when it does, or when culvertd says anything but what it says of sessions that do well.
set -u
culvertd=$1
shift
dir=$(mktemp -d)
daemon= run=${MESON_EXE_WRAPPER:-}
clear_up() {
    [ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null
    rm -rf "$dir"
}
trap clear_up EXIT
trap 'exit 1' HUP INT TERM

no() {
    echo "$*" >&2
    grep -v ': info: session' "$dir/log" >&2
    exit 1
}

# A codec that a test holds shows no life for as long as the test likes.
export CULVERT_TEST_MEMORY="$dir/memory"
: >"$dir/log"
$run "$culvertd" --socket "$dir/socket" --crash-dir "$dir" --deaths 100/1 --hang 600000 --drain 60000 2>>"$dir/log" &
daemon=$!
until grep -q 'info: ready' "$dir/log"; do
    kill -0 "$daemon" 2>/dev/null || no 'culvertd does not start:'
    sleep 0.02
done

export CULVERT_TEST_ENDPOINT="unix:$dir/socket"
# A cross build's program is run by its emulator.
$run "$@"
status=$?
kill "$daemon"
wait "$daemon" || no "culvertd ended with status $?:"
daemon=
# Its own lines, but for a refusal's and that of a build for sanitizers, are of deaths and violations; what is none of
# its lines is a sanitizer's.
if grep -vE '^culvertd: info: |^culvertd: warning: (this build has no seccomp filter|session [0-9]+ \(.*\) ends: )' \
    "$dir/log" >&2 ||
    grep -qE 'ends: .*(cut off|died|reported|could not)' "$dir/log"; then
    no 'culvertd has more to say than that sessions came and went:'
fi
! ls "$dir"/*.crash >/dev/null 2>&1 || no 'a worker has left a crash report:'
exit $status
