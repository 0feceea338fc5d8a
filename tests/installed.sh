#!/bin/sh
# Installs culvert into an empty place, as a packager would, and builds and runs the example against that.
#
#   installed.sh BUILD-DIRECTORY EXAMPLE.c
set -u
build=$1 example=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
number=0 failed=0
check() {
    number=$((number + 1))
    what=$1
    shift
    if "$@" >"$root/log" 2>&1; then
        echo "ok $number - $what"
    else
        sed 's/^/# /' "$root/log"
        echo "not ok $number - $what"
        failed=1
    fi
}

echo 1..6
check "meson install puts everything in its place" meson install -C "$build" --no-rebuild --destdir "$root"
pc=$(find "$root" -name culvert.pc)
export PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_PATH="${pc%/*}"
check "the shared library's SONAME is the ABI version" sh -c \
    "readelf -d '${pc%/*}/../libculvert.so' | grep -q 'SONAME.*libculvert.so.0\]'"
check "pkg-config is all that the example needs to build" sh -c \
    "cc -std=c11 -Wall -Werror -o '$root/encode' '$example' \$(pkg-config --cflags --libs culvert)"
check "the example runs" env LD_LIBRARY_PATH="${pc%/*}/.." "$root/encode" "$root/out.h264"
if command -v ffprobe >/dev/null; then
    check "its ten seconds decode" sh -c "[ \$(ffprobe -v error -count_frames -show_entries stream=nb_read_frames \
        -of csv=p=0 '$root/out.h264') = 600 ]"
else
    echo "ok 5 - its ten seconds decode # SKIP ffprobe is not installed"
fi
check "the example says when it could not write" sh -c \
    "! LD_LIBRARY_PATH='${pc%/*}/..' '$root/encode' /dev/full 2>'$root/said' && grep -q 'not all of it' '$root/said'"
exit $failed
