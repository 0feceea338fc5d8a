#!/bin/sh
# The resize storm, and ffmpeg's word on the stream, which it decodes as it comes.
#
#   storm.sh STORM SWITCHES
set -u
# One arena: glibc keeps the free end of every other one, of a size that changes from run to run, malloc_trim or not.
export MALLOC_ARENA_MAX=1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
what="ffmpeg decodes every frame of every epoch without a word"
echo 1..4
if ! command -v ffmpeg >/dev/null; then
    "$1" "$2" /dev/null
    status=$?
    echo "ok 4 - $what # SKIP ffmpeg is not installed"
    exit $status
fi

mkfifo "$dir/stream"
# One thread, and frames passed on as they are: a new filter graph for each size would take longer than the decoding.
ffmpeg -v error -threads 1 -f h264 -i "$dir/stream" -autoscale 0 -fps_mode passthrough -c:v rawvideo -f framecrc - \
    >"$dir/frames" 2>"$dir/errors" &
"$1" "$2" "$dir/stream" >"$dir/tap"
status=$?
[ $status -eq 0 ] || kill $! 2>/dev/null # it may wait for a stream that nobody began
wait $!
cat "$dir/tap"
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
