#!/bin/sh
# What the command shows and keeps of a culvertd's sessions, as TAP: views.sh CULVERT, which has tests/fake_daemon.c in
# it.
set -u
culvert=$(realpath "$1")
. "$(dirname "$0")/command_kit.sh"
export FAKE_SESSIONS="$dir/sessions"

# serves LINE...: the culvertd has these sessions from now on.
serves() {
    printf '%s\n' "$@" >sessions.new && mv sessions.new sessions
}

# comes FILE PATTERN COUNT: waits until so many lines of the file match.
comes() {
    for _ in $(seq 600); do
        [ "$(grep -c -e "$2" "$1")" -lt "$3" ] || return 0
        sleep 0.1
    done
    no "$1 does not come to $3 lines of '$2': $(cat "$1")"
}

# json FILE CODE: python's code holds of `lines`, the objects of a file's lines.
json() {
    python3 -c '
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
exec(sys.argv[2])' "$@"
}

doom='7 1 0 640 480 90 30 2 3987 12345 1 doom'
quake='9 2 0 320 240 5 60 0 1200 8000 0 quake'

a_command_line_that_is_wrong_exits_2_with_one_line() {
    while read -r line; do
        eval "set -- $line"
        run 2 "$@" && says '^culvert: .*(see culvert \(top\|record\) --help)$' || return 1
        [ ! -s stdout ] || no "culvert $*: prints on standard output" || return 1
    done <<'LINES'
top doom
top --endpoint none
top --endpoint ''
top --endpoint $(printf %0112d 0)
top --interval 0.05
top --interval 3601
top --interval soon
top --interval
top --sort size
top --once=1
top --duration 1
top -o x
record
record doom
record doom x.h264 more
record doom -
record doom x.webm
record doom x.h264 --endpoint none
record doom x.h264 --duration 0
record doom x.h264 --duration never
record doom x.h264 --once
record --codec h264 doom x.h264
LINES
    [ ! -e x.h264 ] && [ ! -e x.h264.json ] || no "a file was made"
}

# ---- publish

a_culvertd_that_dies_ends_a_stream_with_what_came_before() {
    made a.y4m 64 48 100 60:1 || return 1
    for fate in FAKE_END=gone FAKE_DEATH=10; do
        env $fate "$culvert" publish --endpoint none --codec null --policy block a.y4m -o out.ivf --json >stdout 2>stderr
        [ $? = 1 ] && [ "$(wc -l <stderr)" = 1 ] && says '^culvert: no culvertd answers.*is in out.ivf$' &&
            ivf out.ivf >frames || no "$fate: $(cat stderr)" || return 1
    done
    grep -q '^NULL 64x48 9 frames' frames || no "$(cat frames)" || return 1
    [ "$(figure frames)" -lt 100 ] || no "it went on"
}

# ---- top

one_table_shows_a_line_for_each_session_and_the_totals() {
    serves "$doom" "$quake" && run 0 top --once --interval 0.1 --endpoint unix:/s || return 1
    [ "$(wc -l <stdout)" = 5 ] && grep -q '^unix:/s: 2 sessions$' stdout &&
        grep -Eq '^ 7 doom +root +h264 +640x480 +[0-9.]+ +3987 +12.3 +[0-9.]+ +1 +1m' stdout &&
        grep -Eq '^ 9 quake +root +vp8 +320x240 +[0-9.]+ +1200 +8.0 +0.0 +0 +5s' stdout &&
        grep -Eq '^ +total +[0-9.]+ +5187 +12.3 +[0-9.]+ +1$' stdout || no "$(cat stdout)"
}

rates_are_those_of_the_interval() {
    serves "$doom" && run 0 top --once --interval 0.5 --json || return 1
    json stdout '
(one,) = lines[0]["sessions"]
# 30 frames, in half a second or, on a machine that is busy, more.
assert 0 < one["fps"] <= 60.1 and abs(one["fps"] / one["skips"] - 15) < 0.5, one'
}

no_session_is_no_error() {
    : >sessions
    run 0 top --once --interval 0.1 && grep -q ': 0 sessions$' stdout && grep -q '  *total ' stdout || no "$(cat stdout)"
}

names_cannot_write_to_the_terminal() {
    serves "$(printf '1 1 0 640 480 5 60 0 1200 8000 0 \033[2J\007evil\302\233x')" &&
        run 0 top --once --interval 0.1 && grep -q '?\[2J?evil?x' stdout &&
        ! LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177]')" stdout || no "$(cat -v stdout)"
}

the_table_follows_the_width_that_it_is_given() {
    serves '1 1 0 640 480 5 60 0 1200 8000 0 a-name-of-thirty-one-characters' || return 1
    run 0 top --once --interval 0.1 && awk 'length($0) > 80 { exit 1 }' stdout || no "$(cat stdout)" || return 1
    COLUMNS=120 run 0 top --once --interval 0.1 && grep -q ' a-name-of-thirty-one-characters' stdout &&
        grep -q 'PID' stdout || no "$(cat stdout)"
}

json_is_an_object_a_line_that_programs_read() {
    serves "$doom" "$(printf '9 4 1 0 0 5 60 0 1200 8000 0 "quo\\te\377\033')" &&
        run 0 top --once --interval 0.1 --json --endpoint unix:/s || return 1
    json stdout '
(table,) = lines
assert table["endpoint"] == "unix:/s"
one, other = table["sessions"]
assert one["name"] == "doom" and one["codec"] == "h264" and one["user"] == "root" and one["restarts"] == 1, one
assert one["latency_us"]["total"]["p99"] == 12345 and one["kbps"] == 3987, one
assert other["name"] == "\"quo\\te\ufffd\x1b" and other["width"] == 0 and other["codec"] == "null", other'
}

where_nobody_answers_one_table_is_an_error() {
    rm -f sessions
    run 1 top --once --interval 0.1 && says '^culvert: unix:/run/culvert/culvertd.sock: no culvertd answers' &&
        CULVERT_ENDPOINT=unix:/other run 1 top --once --interval 0.1 && says '^culvert: unix:/other: ' &&
        [ ! -s stdout ]
}

tables_go_on_through_the_absence_of_a_culvertd() {
    rm -f sessions
    "$culvert" top --interval 0.1 >stdout 2>stderr &
    comes stderr 'no culvertd answers.*trying again$' 1 && serves "$doom" && comes stdout ' doom ' 3 || return 1
    rm sessions
    comes stderr 'no culvertd answers' 2 && serves "$quake" && comes stdout ' quake ' 3 && kill -TERM $! && wait $! ||
        no "status $?" || return 1
    [ "$(wc -l <stderr)" = 2 ] && ! grep -q "$(printf '\033')" stdout || no "$(cat stderr stdout)"
}

a_reader_that_had_enough_ends_the_tables() {
    serves "$doom"
    {
        "$culvert" top --interval 0.1 2>stderr
        echo $? >status
    } | head -n 1 >/dev/null
    [ "$(cat status)" = 1 ] && [ "$(wc -l <stderr)" -eq 1 ] && says 'standard output: Broken pipe'
}

# ---- record

recorded='
first, packets, last = lines[0], [line for line in lines[1:-1] if "pts" in line], lines[-1]
size = sum(packet["size"] for packet in packets)
import os
assert size == last["bytes"] and len(packets) == last["packets"] > 0, last
assert os.path.getsize(sys.argv[1].removesuffix(".json")) == size + offset(len(packets)), size'
annexb="offset = lambda packets: 0$recorded"
ivf="offset = lambda packets: 32 + 12 * packets$recorded"

a_session_is_recorded_to_its_end() {
    serves '6 4 0 64 48 90 30 2 3987 12345 1 doom' '7 4 0 64 48 90 30 2 3987 12345 0 doom' "$quake"
    FAKE_FRAMES=50 run 0 record doom out.bin && says '^out.bin: 50 packets, .*key frames: 1, epochs: 1, gaps: 0' ||
        return 1
    json out.bin.json "$annexb
assert first['session']['id'] == 7 and first['session']['codec'] == 'null' and first['session']['name'] == 'doom'
assert last['ended'] == 'end' and last['error'] is None and last['session'] is None and last['frames'] == 50, last
assert packets[0]['flags'] == ['key', 'epoch', 'first_slice', 'last_slice'], packets[0]
assert packets[1]['flags'] == ['first_slice', 'last_slice'] and packets[1]['width'] == 64, packets[1]
assert [packet['pts'] for packet in packets] == [10000 * n for n in range(50)]
assert [packet['frame'] for packet in packets] == [1 + n for n in range(50)]"
}

a_name_that_ends_in_ivf_makes_an_ivf_file() {
    serves '7 4 0 64 48 90 30 2 3987 12345 0 doom'
    FAKE_FRAMES=20 run 0 record doom out.ivf --quiet && [ ! -s stderr ] && json out.ivf.json "$ivf" &&
        holds out.ivf 'NULL 64x48 20 frames, 200 ms'
}

a_gap_is_an_event_between_its_neighbours() {
    serves '7 4 0 64 48 90 30 2 3987 12345 0 doom'
    FAKE_FRAMES=20 FAKE_GAP=11 run 0 record doom out.ivf && says 'gaps: 1' && json out.ivf.json "$ivf
assert [n for n, line in enumerate(lines) if 'event' in line] == [11] and len(packets) == 19
assert lines[11] == {'event': 'gap', 'after': 90000, 'before': 110000}, lines[11]"
}

its_time_ends_a_recording() {
    serves '7 4 0 64 48 90 30 2 3987 12345 0 doom'
    FAKE_FRAMES=100000 run 0 record doom out.ivf --duration 0.5 && json out.ivf.json "$ivf
assert last['ended'] == 'duration' and last['elapsed'] >= 0.5 and last['session']['id'] == 7, last" &&
        ivf out.ivf >/dev/null
}

an_interrupt_leaves_a_recording_that_is_whole() {
    serves '7 4 0 64 48 90 30 2 3987 12345 0 doom'
    for signal in INT TERM; do
        rm -f out.ivf out.ivf.json
        touch out.ivf.json
        FAKE_FRAMES=100000 "$culvert" record doom out.ivf 2>stderr &
        comes out.ivf.json '"pts"' 3 && kill -$signal $! && wait $! || no "status $?: $(cat stderr)" || return 1
        json out.ivf.json "$ivf
assert last['ended'] == 'interrupt' and last['error'] is None, last" && ivf out.ivf >/dev/null || return 1
    done
}

a_culvertd_that_dies_leaves_a_recording_that_is_whole() {
    serves '7 4 0 64 48 90 30 2 3987 12345 0 doom'
    FAKE_FRAMES=20 FAKE_END=gone run 1 record doom out.ivf && says '^culvert: no culvertd answers.*is in out.ivf$' &&
        json out.ivf.json "$ivf
assert last['ended'] == 'failure' and 'no culvertd' in last['error'] and len(packets) == 20, last" &&
        holds out.ivf 'NULL 64x48 20 frames, 200 ms'
}

a_session_without_a_packet_is_said_to_have_none() {
    serves '7 4 0 64 48 90 30 2 3987 12345 0 doom' && rm -f out.ivf
    FAKE_FRAMES=0 run 1 record doom out.ivf && says "^culvert: 'doom': no packet came" && [ ! -e out.ivf ] &&
        json out.ivf.json 'assert len(lines) == 2 and lines[1]["packets"] == 0'
}

a_session_that_is_not_there_is_an_error_that_leaves_no_file() {
    serves "$quake" && rm -f out.*
    run 1 record doom out.h264 && says "^culvert: .*: no session there is called 'doom'" || return 1
    rm sessions
    run 1 record doom out.h264 && says '^culvert: .*no culvertd answers' || return 1
    [ ! -e out.h264 ] && [ ! -e out.h264.json ] || no "a file was left"
}

vp8_is_not_put_where_h264_is_looked_for() {
    serves "$quake" && rm -f out.*
    run 1 record quake out.h264 && says "^culvert: out.h264: .*'quake' is vp8: .*\.ivf$" && [ ! -e out.h264 ] &&
        [ ! -e out.h264.json ]
}

files_that_cannot_be_written_are_found_before_anything_is_watched() {
    rm -f sessions
    run 1 record doom missing/out.h264 && says '^culvert: missing/out.h264: cannot be opened' || return 1
    mkdir -p taken.h264.json
    run 1 record doom taken.h264 && says '^culvert: taken.h264.json: cannot be opened' && [ ! -e taken.h264 ] ||
        return 1
    run 1 record doom "$(printf %0252d 0)" && says 'cannot be opened: File name too long' && ! ls | grep -q 000000
}

a_disk_that_fills_up_ends_a_recording_with_whole_files() {
    serves '7 4 0 64 48 90 30 2 3987 12345 0 doom' && rm -f out.*
    # In units of 512 bytes: seven pictures, or as many lines.
    (
        ulimit -f 64
        run 1 record doom out.ivf
    ) && says '^culvert: out.ivf: cannot be written: File too large; what came before is in out.ivf$' &&
        holds out.ivf 'NULL 64x48 7 frames, 70 ms' && json out.ivf.json 'assert lines[-1]["ended"] == "failure"'
}

notes_that_cannot_be_written_end_a_recording() {
    serves '7 4 0 64 48 90 30 2 3987 12345 0 doom' && rm -f out.* && ln -s /dev/full out.ivf.json
    FAKE_FRAMES=100000 run 1 record doom out.ivf && says '^culvert: out.ivf.json: cannot be written: No space left'
}

check a_command_line_that_is_wrong_exits_2_with_one_line
check a_culvertd_that_dies_ends_a_stream_with_what_came_before python3
check one_table_shows_a_line_for_each_session_and_the_totals
check rates_are_those_of_the_interval python3
check no_session_is_no_error
check names_cannot_write_to_the_terminal
check the_table_follows_the_width_that_it_is_given
check json_is_an_object_a_line_that_programs_read python3
check where_nobody_answers_one_table_is_an_error
check tables_go_on_through_the_absence_of_a_culvertd
check a_reader_that_had_enough_ends_the_tables
check a_session_is_recorded_to_its_end python3
check a_name_that_ends_in_ivf_makes_an_ivf_file python3
check a_gap_is_an_event_between_its_neighbours python3
check its_time_ends_a_recording python3
check an_interrupt_leaves_a_recording_that_is_whole python3
check a_culvertd_that_dies_leaves_a_recording_that_is_whole python3
check a_session_without_a_packet_is_said_to_have_none python3
check a_session_that_is_not_there_is_an_error_that_leaves_no_file
check vp8_is_not_put_where_h264_is_looked_for
check files_that_cannot_be_written_are_found_before_anything_is_watched
check a_disk_that_fills_up_ends_a_recording_with_whole_files python3
check notes_that_cannot_be_written_end_a_recording
done_testing
