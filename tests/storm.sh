#!/bin/sh
# The resize storm, and ffmpeg's word on the stream that it leaves.
#
#   storm.sh STORM SWITCHES
set -u
# One arena: glibc keeps the free end of every other one, of a size that changes from run to run, malloc_trim or not.
export MALLOC_ARENA_MAX=1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
echo 1..4
"$1" "$2" "$dir/storm.h264" >"$dir/tap"
status=$?
cat "$dir/tap"
what="ffmpeg decodes every frame of every epoch without a word"
if ! command -v ffmpeg >/dev/null; then
    echo "ok 4 - $what # SKIP ffmpeg is not installed"
    exit $status
fi
# One thread, and frames passed on as they are: a new filter graph for each size would take longer than the decoding.
ffmpeg -v error -threads 1 -i "$dir/storm.h264" -autoscale 0 -fps_mode passthrough -c:v rawvideo -f framecrc - \
    >"$dir/frames" 2>"$dir/errors"
wanted=$(sed -n 's/^# \([0-9]*\) frames$/\1/p' "$dir/tap")
decoded=$(grep -c '^0,' "$dir/frames")
if [ -s "$dir/errors" ] || [ "$decoded" != "$wanted" ]; then
    sed 's/^/# /' "$dir/errors" | head -n 20
    echo "# decoded $decoded of $wanted frames"
    echo "not ok 4 - $what"
    exit 1
fi
echo "ok 4 - $what"
exit $status
