#!/bin/sh
# Bitrates that a network takes away and gives back, on gameplay, and games that change their pace and size.
#
#   staircase.sh STAIRCASE CLIP CODEC
set -u
number=0 failed=0
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

# stairs WHAT FILTER SIZE STEP...: the clip, again and again.
stairs() {
    what=$1 filter=$2 size=$3
    shift 3
    number=$((number + 1)) verdict=ok
    ffmpeg -nostdin -v error -stream_loop -1 -i "$clip" -vf "$filter" -f rawvideo -pix_fmt yuv420p - 2>"$errors" |
        "$staircase" "$codec" "$size" 60 "$@" || verdict='not ok'
    [ "$verdict" = ok ] || failed=1
    echo "$verdict $number - $what"
}

staircase=$1 clip=$2 codec=$3
if ! command -v ffmpeg >/dev/null; then
    echo "1..0 # SKIP ffmpeg is not installed"
    exit 0
fi
echo 1..4
stairs bitrates_at_720p crop=320:180 '320x180*4' 8000:5 2000:5 4000:5 1000:5 8000:5
stairs bitrates_down_to_150_kb_s null 320x240 2000:5 150:7 2000:5 150:5
stairs a_game_that_drops_to_30_and_15_frames_told_or_not null '320x240*2' 2000:5 2000:5/2 2000:5/4 2000:5/2! 2000:5
stairs a_game_that_changes_its_size_ten_times_a_second null '320x240*2' 2000:6~6
exit $failed
