#!/bin/sh
# Frames in real time, end to end, as TAP: publish.sh CULVERT CLIP CODEC ENDPOINT. CODEC is h264, or null in a build
# without it; ENDPOINT is a culvertd's, or none for sessions in the command's own process.
set -u
culvert=$(realpath "$1") clip=$(realpath "$2") codec=$3 endpoint=$4
. "$(dirname "$0")/command_kit.sh"

# publish STATUS ARGUMENT...: standard input goes on to the command, which ends with that status.
publish() {
    wanted=$1
    shift
    status=0
    "$culvert" publish --endpoint "$endpoint" "$@" >stdout 2>stderr || status=$?
    [ $status -eq "$wanted" ] || no "culvert publish $*: status $status instead of $wanted: $(cat stderr)"
}

# least SECONDS: so long it took; there is no telling how much longer on a machine that is busy.
least() {
    awk -v took="$(figure elapsed)" -v least="$1" 'BEGIN { exit !(took >= least) }' ||
        no "took $(figure elapsed) s, less than $1"
}

# written FILE: waits until there is something in it.
written() {
    for _ in $(seq 600); do
        [ ! -s "$1" ] || return 0
        sleep 0.1
    done
    no "nothing was written to $1: $(cat stderr)"
}

# settles: every frame of the JSON object in stdout came to one end.
settles() {
    python3 -c '
import json
totals = json.load(open("stdout"))
ends = ["encoded", "skipped", "repeated", "dropped", "lost", "failed"]
total = sum(totals[end] for end in ends)
assert totals["frames"] == total, totals'
}

# slowly SECONDS FILE OUTPUT: a Y4M file as a program would write it that waits so long before each frame but the first,
# from when the frame before it has come out into OUTPUT: however busy the machine is, it had arrived by then.
slowly() {
    rm -f "$3"
    python3 -c '
import os, sys, time
seconds, path, output = float(sys.argv[1]), sys.argv[2], sys.argv[3]
header, *frames = open(path, "rb").read().split(b"FRAME\n")
out = sys.stdout.buffer
out.write(header)
size = lambda: os.path.getsize(output) if os.path.exists(output) else 0
came, deadline = 0, time.monotonic() + 60
for frame in frames:
    out.write(b"FRAME\n" + frame)
    out.flush()
    while size() == came and time.monotonic() < deadline:
        time.sleep(0.001)
    came = size()
    time.sleep(seconds)' "$@"
}

# ---- What it is asked

a_command_line_that_is_wrong_exits_2_with_one_line() {
    touch x.y4m
    while read -r line; do
        eval "set -- $line"
        run 2 publish "$@" && says '^culvert: .*(see culvert publish --help)$' || return 1
        [ ! -s stdout ] && [ ! -e out.h264 ] || no "culvert publish $*: wrote something" || return 1
    done <<'LINES'
- - -o out.h264
x.y4m -o x.y4m
-o out.webm
--raw 64x48:bgra -o out.h264
--endpoint
--endpoint $(printf %0112d 0)
--reconnect
--no-reconnect=1
--interval 1
--media clip.mkv
--policy queue
LINES
    CULVERT_ENDPOINT=$(printf %0112d 0) run 2 publish x.y4m && says '^culvert: CULVERT_ENDPOINT: .*not short enough'
}

where_nobody_answers_is_an_error_that_leaves_the_output_alone() {
    made a.y4m 64 48 2 60:1 && echo kept >kept.null || return 1
    for arguments in 'publish --no-reconnect --endpoint' 'encode --endpoint'; do
        # shellcheck disable=SC2086
        "$culvert" ${arguments} unix:/nowhere/s --codec null a.y4m -o kept.null 2>stderr && no "it works" && return 1
        [ "$(wc -l <stderr)" -eq 1 ] && says '^culvert: .*unix:/nowhere/s' && [ "$(cat kept.null)" = kept ] ||
            no "$(cat stderr)" || return 1
    done
}

the_surroundings_say_where_unless_the_command_line_does() {
    made a.y4m 64 48 2 60:1 || return 1
    CULVERT_ENDPOINT=unix:/nowhere/s "$culvert" publish --no-reconnect --codec null a.y4m 2>stderr && no "it works" && return 1
    says 'unix:/nowhere/s' || return 1
    export CULVERT_ENDPOINT=unix:/nowhere/s
    publish 0 --codec null a.y4m && run 0 encode --codec null a.y4m -o out.null && [ -s out.null ]
    status=$?
    unset CULVERT_ENDPOINT
    return $status
}

without_a_word_it_looks_for_the_systems_culvertd() {
    [ ! -e /run/culvert ] || { echo "# there is one here" && return 0; }
    made a.y4m 64 48 2 60:1 || return 1
    "$culvert" publish --no-reconnect --codec null a.y4m 2>stderr && no "it works" && return 1
    says 'unix:/run/culvert/culvertd.sock'
}

# ---- Frames

raw_frames_from_a_pipe_come_out_in_their_size() {
    ffmpeg -nostdin -v error -y -i "$clip" -frames:v 40 -pix_fmt rgb565le -f rawvideo frames.raw || return 1
    cat frames.raw | publish 0 -r --raw 320x240:rgb565:60 -o raw.h264 --policy block --json &&
        counts frames=40 encoded=40 epochs=1 keyframes=1 lost=0 restarts=0 failed=0 &&
        decodes raw.h264 '40 320x240'
}

y4m_from_a_pipe_comes_out_in_its_size() {
    clip_of a.y4m 40 scale=321:239 || return 1
    cat a.y4m | publish 0 -r - -o pipe.h264 --policy block --json && counts frames=40 packets=40 codec=h264 &&
        decodes pipe.h264 '40 322x240'
}

files_of_several_sizes_follow_one_another() {
    clip_of a.y4m 20 scale=320:240 && clip_of b.y4m 20 scale=256:224 &&
        publish 0 a.y4m b.y4m -o sizes.h264 --policy block --json </dev/null &&
        counts frames=40 packets=40 epochs=2 && decodes sizes.h264 '20 320x240, 20 256x224'
}

the_newest_frame_wins_and_each_is_accounted_for() {
    made a.y4m 640 480 60 60:1 || return 1
    cat a.y4m | publish 0 --codec null --json -o out.null && counts frames=60 && settles &&
        [ "$(figure bytes)" = "$(stat -c %s out.null)" ]
}

vp8_goes_into_ivf() {
    clip_of a.y4m 20 scale=320:240 &&
        publish 0 a.y4m -o out.ivf --policy block --json </dev/null && counts codec=vp8 frames=20 &&
        holds out.ivf 'VP80 320x240 20 frames, 333 ms' && decodes out.ivf '20 320x240'
}

packets_go_to_standard_output() {
    clip_of a.y4m 20 scale=320:240 || return 1
    "$culvert" publish --endpoint "$endpoint" --policy block --json -o - <a.y4m >out.h264 2>stdout &&
        counts frames=20 bytes="$(stat -c %s out.h264)" && decodes out.h264 '20 320x240'
}

without_an_output_packets_are_counted() {
    made a.y4m 64 48 5 60:1 && publish 0 --codec null <a.y4m && says '^totals: 5 frames, ' && [ ! -s stdout ] || return 1
    restarts=0
    [ "$endpoint" = none ] || restarts=1
    [ "$(grep -c '^  restarts: 0, frames lost with an encoder that died: 0$' stderr)" = $restarts ] || no "$(cat stderr)"
}

# ---- Time

frames_of_a_file_are_taken_in_their_time() {
    made a.y4m 64 48 31 60:1 && publish 0 --codec null a.y4m --json </dev/null && least 0.5 && counts duration=0.517 &&
        publish 0 --codec null --json <a.y4m && least 0.5 && counts frames=31
}

frames_of_a_pipe_are_taken_as_they_come() {
    made a.y4m 64 48 31 1:1 || return 1
    cat a.y4m | publish 0 --codec null --json && counts frames=31 || return 1
    awk -v took="$(figure elapsed)" 'BEGIN { exit !(took < 20) }' || no "took $(figure elapsed) s"
}

a_pipe_waits_for_a_clock_when_it_is_asked_to() {
    made a.y4m 64 48 31 60:1 || return 1
    cat a.y4m | publish 0 --codec null --json -r && counts frames=31 duration=0.517 && least 0.5
}

the_time_of_a_frame_from_a_pipe_is_that_of_its_arrival() {
    made a.y4m 64 48 4 60:1 || return 1
    slowly 0.2 a.y4m out.ivf | publish 0 --codec null --json --refresh never -o out.ivf && counts frames=4 || return 1
    python3 -c '
import json, struct
data = open("out.ivf", "rb").read()
at, all = 32, []
while at < len(data):
    size, pts = struct.unpack_from("<IQ", data, at)
    at, all = at + 12 + size, all + [pts]
assert all[0] == 0 and all[-1] >= 600000, all
assert abs(json.load(open("stdout"))["duration"] - (all[-1] + 16667) / 1e6) < 0.002, all'
}

files_and_pipes_share_one_clock() {
    made a.y4m 64 48 10 60:1 && made b.y4m 48 64 10 60:1 || return 1
    cat b.y4m | publish 0 --codec null --policy block --refresh never --json a.y4m - b.y4m -o out.ivf &&
        counts frames=30 encoded=30 epochs=2 && ivf out.ivf | grep -q '^NULL 64x48 30 frames' || no "$(ivf out.ivf)"
}

# ---- Ends

an_interrupt_ends_a_silent_pipe_with_what_was_encoded() {
    made a.y4m 64 48 5 60:1 && mkfifo pipe || return 1
    for signal in INT TERM; do
        rm -f out.null
        "$culvert" publish --endpoint "$endpoint" --codec null --json --refresh never --policy block -o out.null \
            <pipe >stdout 2>stderr &
        publisher=$!
        exec 3>pipe
        cat a.y4m >&3
        written out.null && kill -$signal $publisher && wait $publisher || no "status $?: $(cat stderr)" || return 1
        exec 3>&-
        counts bytes="$(stat -c %s out.null)" && settles && [ "$(figure frames)" -ge 1 ] || return 1
    done
}

an_interrupt_ends_a_file_with_what_was_encoded() {
    clip_of a.y4m 300 scale=320:240 && rm -f out.h264 || return 1
    "$culvert" publish --endpoint "$endpoint" a.y4m -o out.h264 --json </dev/null >stdout 2>stderr &
    written out.h264 && kill -TERM $! && wait $! || no "status $?: $(cat stderr)" || return 1
    counts bytes="$(stat -c %s out.h264)" && settles && [ "$(figure frames)" -lt 300 ] &&
        decodes out.h264 "$(($(figure encoded) + $(figure inserted))) 320x240"
}

a_reader_that_closes_its_end_ends_it_with_an_error() {
    made a.y4m 640 480 300 60:1 || return 1
    {
        "$culvert" publish --endpoint "$endpoint" --codec null --options pixels=1 -q a.y4m -o - </dev/null 2>stderr
        echo $? >status
    } | head -c 1 >/dev/null
    [ "$(cat status)" = 1 ] && [ "$(wc -l <stderr)" -eq 1 ] && says 'standard output: .*Broken pipe'
}

a_reader_that_closes_its_end_ends_a_silent_pipe_too() {
    made a.y4m 64 48 5 60:1 && mkfifo silent && rm -f status || return 1
    {
        "$culvert" publish --endpoint "$endpoint" --codec null --options pixels=1 --refresh 20 -q -o - <silent 2>stderr
        echo $? >status
    } | head -c 1 >/dev/null &
    exec 3>silent
    cat a.y4m >&3
    written status
    exec 3>&-
    [ "$(cat status)" = 1 ] && [ "$(wc -l <stderr)" -eq 1 ] && says 'standard output: .*Broken pipe'
}

a_full_disk_is_an_error() {
    made a.y4m 64 48 30 60:1 && publish 1 --codec null --options pixels=1 a.y4m -o /dev/full </dev/null &&
        says '^culvert: /dev/full: .*No space left' && publish 1 --codec null a.y4m -o missing/out.null </dev/null &&
        says '^culvert: missing/out.null: '
}

a_pipe_that_breaks_off_is_kept_up_to_there() {
    made a.y4m 64 48 30 60:1 || return 1
    head -c 60000 a.y4m | publish 1 --codec null --policy block -o out.null --json &&
        says '^culvert: standard input: frame 13 is cut short.*out.null' && counts frames=12 || return 1
    : | publish 1 --codec null && says '^culvert: standard input: it is empty' || return 1
    head -c 60000 /dev/urandom | publish 1 --codec null && says '^culvert: standard input: it is not a Y4M file'
}

# ---- The other commands

every_frame_of_a_file_is_encoded_there_too() {
    made a.y4m 64 48 100 60:1 &&
        run 0 encode --endpoint "$endpoint" --codec null --options pixels=1 a.y4m -o there.null --json &&
        counts frames=100 encoded=100 && run 0 encode --codec null --options pixels=1 a.y4m -o here.null --json &&
        cmp there.null here.null
}

the_demo_plays_there_too() {
    run 0 demo --endpoint "$endpoint" --codec null --media "$clip" --json && counts frames=600 epochs=10 failed=0 lost=0
}

check a_command_line_that_is_wrong_exits_2_with_one_line
check where_nobody_answers_is_an_error_that_leaves_the_output_alone python3
check the_surroundings_say_where_unless_the_command_line_does python3
check without_a_word_it_looks_for_the_systems_culvertd python3
check raw_frames_from_a_pipe_come_out_in_their_size h264 ffmpeg ffprobe python3
check y4m_from_a_pipe_comes_out_in_its_size h264 ffmpeg ffprobe python3
check files_of_several_sizes_follow_one_another h264 ffmpeg ffprobe python3
check the_newest_frame_wins_and_each_is_accounted_for python3
check vp8_goes_into_ivf vp8 ffmpeg ffprobe python3
check packets_go_to_standard_output h264 ffmpeg ffprobe python3
check without_an_output_packets_are_counted python3
check frames_of_a_file_are_taken_in_their_time python3
check frames_of_a_pipe_are_taken_as_they_come python3
check a_pipe_waits_for_a_clock_when_it_is_asked_to python3
check the_time_of_a_frame_from_a_pipe_is_that_of_its_arrival python3
check files_and_pipes_share_one_clock python3
check an_interrupt_ends_a_silent_pipe_with_what_was_encoded python3
check an_interrupt_ends_a_file_with_what_was_encoded h264 ffmpeg ffprobe python3
check a_reader_that_closes_its_end_ends_it_with_an_error python3
check a_reader_that_closes_its_end_ends_a_silent_pipe_too python3
check a_full_disk_is_an_error python3
check every_frame_of_a_file_is_encoded_there_too python3
check the_demo_plays_there_too ffmpeg python3
check a_pipe_that_breaks_off_is_kept_up_to_there python3
done_testing
