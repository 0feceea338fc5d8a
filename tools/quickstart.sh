#!/bin/sh
# Builds culvert, plays its demo and checks what came out:
#
#   out/demo.h264   ten seconds of gameplay, a new size every second
#   out/demo.png    a contact sheet: a frame of each epoch
#   out/demo.json   the totals
#
# On Debian it installs the packages that are missing, as root or with sudo. It can be run again at any time.
set -eu
cd "$(dirname "$0")/.."
. tools/packages.sh

fail() {
    echo "quickstart.sh: $*" >&2
    exit 1
}

total() {
    sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" out/demo.json
}

need_packages gcc libc6-dev meson ninja-build pkg-config libx264-dev libyuv-dev libavutil-dev ffmpeg

# A build directory that was moved, or left half made, is made anew.
build=build/quickstart
if [ ! -f $build/build.ninja ] || ! meson setup --reconfigure $build; then
    rm -rf $build
    meson setup $build -Dtests=disabled
fi
ninja -C $build

mkdir -p out
rm -rf out/demo.* out/epochs
$build/tools/culvert demo --media tests/media/doom-320x240.mkv --json -o out/demo.h264 >out/demo.json

complaints=$(ffmpeg -nostdin -v error -i out/demo.h264 -f null - 2>&1) || true
[ -z "$complaints" ] || fail "ffmpeg does not decode out/demo.h264 without an error: $complaints"
ffprobe -v error -show_entries frame=width,height -of csv=p=0 out/demo.h264 |
    awk -F, 'NF > 1 { print $1 "x" $2 }' | uniq -c >out/demo.epochs
decoded=$(awk '{ sum += $1 } END { print sum + 0 }' out/demo.epochs)
epochs=$(awk 'END { print NR }' out/demo.epochs)
[ "$decoded" = "$(total packets)" ] || fail "$(total packets) packets were encoded, but $decoded frames come out"
[ "$epochs" = "$(total epochs)" ] || fail "$(total epochs) epochs were encoded, but $epochs come out"

# A change of size starts the filters anew, so frame 0 is the first of each epoch.
mkdir out/epochs
ffmpeg -nostdin -v error -i out/demo.h264 -vf 'select=eq(n\,0),scale=320:240,setsar=1' -vsync passthrough \
    out/epochs/%02d.png
ffmpeg -nostdin -v error -i out/epochs/%02d.png -vf "tile=5x$(((epochs + 4) / 5))" -frames:v 1 out/demo.png
rm -r out/epochs

echo "ffmpeg decodes all $decoded frames of all $epochs epochs: out/demo.h264, out/demo.png, out/demo.json"
