#!/bin/sh
# Builds culvert, plays its demo with each codec and checks what came out:
#
#   out/demo.h264   ten seconds of gameplay, a new size every second
#   out/demo.png    a contact sheet: a frame of each epoch
#   out/demo.json   the totals
#   out/demo-vp8.ivf, out/demo-vp8.png, ... the same of VP8 and VP9
#
# On Debian it installs the packages that are missing, as root or with sudo. It can be run again at any time.
set -eu
cd "$(dirname "$0")/.."
. tools/packages.sh

fail() {
    echo "quickstart.sh: $*" >&2
    exit 1
}

# total NAME: of the demo that was played last.
total() {
    sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$stem.json"
}

# play CODEC FILE: every packet must decode, in as many sizes as there were epochs.
play() {
    file=$2 stem=${2%.*}
    $build/tools/culvert demo --codec "$1" --media tests/media/doom-320x240.mkv --json -o "$file" >"$stem.json"
    # In the stream's own ticks, as an inserted packet comes only a few microseconds after its frame.
    complaints=$(ffmpeg -nostdin -v error -i "$file" -enc_time_base -1 -f null - 2>&1) || true
    [ -z "$complaints" ] || fail "ffmpeg does not decode $file without an error: $complaints"
    ffprobe -v error -show_entries frame=width,height -of csv=p=0 "$file" |
        awk -F, 'NF > 1 { print $1 "x" $2 }' | uniq -c >"$stem.epochs"
    decoded=$(awk '{ sum += $1 } END { print sum + 0 }' "$stem.epochs")
    epochs=$(awk 'END { print NR }' "$stem.epochs")
    [ "$decoded" = "$(total packets)" ] || fail "$(total packets) packets were encoded, but $decoded frames come out"
    [ "$epochs" = "$(total epochs)" ] || fail "$(total epochs) epochs were encoded, but $epochs come out"
}

# A change of size starts the filters anew, so frame 0 is the first of each epoch.
draw_sheet() {
    mkdir out/epochs
    ffmpeg -nostdin -v error -i "$file" -vf 'select=eq(n\,0),scale=320:240,setsar=1' -vsync passthrough \
        out/epochs/%02d.png
    ffmpeg -nostdin -v error -i out/epochs/%02d.png -vf "tile=5x$(((epochs + 4) / 5))" -frames:v 1 "$stem.png"
    rm -r out/epochs
}

need_packages gcc libc6-dev meson ninja-build pkg-config libx264-dev libvpx-dev libyuv-dev libavutil-dev libseccomp-dev \
    ffmpeg

# A build directory that was moved, or left half made, is made anew.
build=build/quickstart
if [ ! -f $build/build.ninja ] || ! meson setup --reconfigure $build; then
    rm -rf $build
    meson setup $build -Dtests=disabled
fi
ninja -C $build

mkdir -p out
rm -rf out/demo.* out/demo-* out/epochs
for demo in 'h264 out/demo.h264' 'vp8 out/demo-vp8.ivf' 'vp9 out/demo-vp9.ivf'; do
    play $demo
    draw_sheet
    echo "ffmpeg decodes all $decoded frames of all $epochs epochs: $file, $stem.png, $stem.json"
done
