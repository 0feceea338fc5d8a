#!/bin/sh
# What the way through culvertd costs, on gameplay.
#
#   detour.sh DETOUR CLIP ROUNDS SECONDS        with the daemon of CULVERT_TEST_ENDPOINT
set -u
if ! command -v ffmpeg >/dev/null; then
    echo "1..0 # SKIP ffmpeg is not installed"
    exit 0
fi
ffmpeg -nostdin -v error -i "$2" -vf crop=320:180,scale=1280:720:flags=neighbor -frames:v 100 -f rawvideo \
    -pix_fmt yuv420p - 2>/dev/null | "$1" "$CULVERT_TEST_ENDPOINT" 1280x720 100 "$3" "$4"
