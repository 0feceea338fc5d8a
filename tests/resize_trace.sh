#!/bin/sh
# The resize trace on gameplay.
#
#   resize_trace.sh RESIZE_TRACE CLIP CODEC SECONDS
set -u
if ! command -v ffmpeg >/dev/null; then
    echo "1..0 # SKIP ffmpeg is not installed"
    exit 0
fi
ffmpeg -nostdin -v error -i "$2" -vf crop=320:180,scale=1280:720:flags=neighbor -frames:v 100 -f rawvideo \
    -pix_fmt yuv420p - 2>/dev/null | "$1" "$3" 1280x720 100 "$4"
