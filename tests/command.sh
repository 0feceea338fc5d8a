#!/bin/sh
# The command, end to end, as TAP: command.sh CULVERT CLIP MANUAL CODEC. CODEC is h264, or null in a build without it.
set -u
culvert=$(realpath "$1") clip=$(realpath "$2") manual=$(realpath "$3") codec=$4
. "$(dirname "$0")/command_kit.sh"

# psnr GRAPH INPUT...: of the two pictures that GRAPH, which ends in psnr, is given.
psnr() {
    graph=$1
    shift
    ffmpeg -nostdin -v info "$@" -lavfi "$graph" -f null - 2>&1 | sed -n 's/.*average:\([0-9.inf]*\) .*/\1/p'
}

# above LEAST VALUE WHAT
above() {
    awk -v least="$1" -v value="$2" 'BEGIN { exit !(value == "inf" || value + 0 >= least) }' ||
        no "$3: '$2' dB is less than $1"
}

# ---- What it is asked

a_command_line_that_is_wrong_exits_2_with_one_line() {
    touch x.y4m
    while read -r line; do
        eval "set -- $line"
        run 2 "$@" && says '^culvert: .*(see culvert ' || return 1
        [ ! -s stdout ] || no "culvert $*: prints on standard output" || return 1
    done <<'LINES'

frobnicate
''
encode
encode x.y4m
encode -o out.h264
encode x.y4m -o
encode x.y4m -o ''
encode - - -o out.h264
encode x.y4m -o x.y4m
encode x.y4m -o out.h264 --aspect 70000:1
encode x.y4m -o out.h264 --slots 1
encode x.y4m -o out.h264 --bogus
encode x.y4m -o out.h264 -Z
encode x.y4m -o out.h264 --json=1
encode x.y4m -o out.h264 --p latest
encode x.y4m -o out.h264 --media clip.mkv
encode x.y4m -o out.h264 --codec theora
encode x.y4m -o out.h264 --bitrate 0
encode x.y4m -o out.h264 --bitrate 500001
encode x.y4m -o out.h264 --bitrate -1
encode x.y4m -o out.h264 --bitrate 4M
encode x.y4m -o out.h264 --bitrate ''
encode x.y4m -o out.h264 --burst 4001
encode x.y4m -o out.h264 --fps 0
encode x.y4m -o out.h264 --fps 1001
encode x.y4m -o out.h264 --fps 60/0
encode x.y4m -o out.h264 --speed 11
encode x.y4m -o out.h264 --threads 0
encode x.y4m -o out.h264 --threads 9
encode x.y4m -o out.h264 --slices 9
encode x.y4m -o out.h264 --codec vp8
encode x.y4m -o out.264 --codec vp9
encode x.y4m -o OUT.H264 --codec vp9
demo -o out.h264 --codec vp8
encode x.y4m -o out.h264 --layers 0
encode x.y4m -o out.h264 --layers 4
encode x.y4m -o out.h264 --references 1
encode x.y4m -o out.h264 --references 17
encode x.y4m -o out.h264 --resize slowly
encode x.y4m -o out.h264 --canvas 1x480
encode x.y4m -o out.webm
demo -o out.webm
encode x.y4m -o out.h264 --filter cubic
encode x.y4m -o out.h264 --floor round
encode x.y4m -o out.h264 --warm 0
encode x.y4m -o out.h264 --warm 9
encode x.y4m -o out.h264 --refresh 19
encode x.y4m -o out.h264 --refresh 3600001
encode x.y4m -o out.h264 --refresh always
encode x.y4m -o out.h264 --repeats=1
demo --coarse-stills=yes
encode x.y4m -o out.h264 --keyint 1000001
encode x.y4m -o out.h264 --profile extended
encode x.y4m -o out.h264 --level high
encode x.y4m -o out.h264 --max-size 1x1
encode x.y4m -o out.h264 --scale 9
encode x.y4m -o out.h264 --rotate 45
encode x.y4m -o out.h264 --flip x
encode x.y4m -o out.h264 --aspect 0:3
encode x.y4m -o out.h264 --matrix 2020
encode x.y4m -o out.h264 --range studio
encode x.y4m -o out.h264 --policy drop
encode x.y4m -o out.h264 --slots 3
encode x.y4m -o out.h264 --slots 1
encode x.y4m -o out.h264 --slots 128
encode x.y4m -o out.h264 --raw 640x480
encode x.y4m -o out.h264 --raw 640x480:rgb24:60
encode x.y4m -o out.h264 --raw 640x480:bgra:0
encode --raw 640x480:bgra x.y4m -o out.h264
encode x.y4m -o out.h264 --name $(printf %032d 0)
encode x.y4m -o out.h264 --endpoint $(printf %0112d 0)
encode x.y4m -o out.h264 --options $(printf %0512d 0)
demo clip.mkv
demo --raw 640x480:bgra:60
demo --realtime
crash
crash report report
crash --json report
doctor now
help frobnicate
LINES
    [ ! -e out.h264 ] || no "out.h264 was made"
}

settings_that_the_session_refuses_exit_2_and_leave_the_output_alone() {
    printf 'YUV4MPEG2 W4 H2 F60:1\nFRAME\nYYYYYYYYUUVV' >small.y4m
    echo kept >kept.h264
    for options in '--options bogus=1' '--options qp=x:' '--slots 8 --policy latest' \
        '--canvas 641x480'; do
        # shellcheck disable=SC2086
        run 2 encode small.y4m -o kept.h264 --codec "$codec" $options || return 1
    done
    [ "$(cat kept.h264)" = kept ]
}

a_setting_that_the_codec_does_not_have_is_refused() {
    printf 'YUV4MPEG2 W4 H2 F60:1\nFRAME\nYYYYYYYYUUVV' >small.y4m
    for poor in null vp8 vp9; do
        has $poor || continue
        for setting in 'profile main' 'level 3.1' 'slices 2'; do
            # shellcheck disable=SC2086
            run 2 encode small.y4m -o out.ivf --codec $poor --$setting && says "^culvert: ${setting% *} .*$poor" ||
                return 1
        done
    done
    [ ! -e out.ivf ]
}

a_codec_that_is_not_in_the_build_is_named() {
    printf 'YUV4MPEG2 W4 H2 F60:1\nFRAME\nYYYYYYYYUUVV' >small.y4m
    for command in 'encode small.y4m -o out.bin' demo; do
        # shellcheck disable=SC2086
        run 2 $command && says '^culvert: h264 is not in this build: .*--codec' || return 1
    done
}

a_canvas_and_another_resize_exclude_each_other() {
    printf 'YUV4MPEG2 W4 H2 F60:1\nFRAME\nYYYYYYYYUUVV' >small.y4m
    for options in '--canvas 64x48 --resize beside' '--resize at-once --canvas 64x48'; do
        # shellcheck disable=SC2086
        run 2 encode small.y4m -o out.null --codec null $options && says '^culvert: --canvas needs --resize canvas' ||
            return 1
    done
    run 0 encode small.y4m -o out.null --codec null --resize canvas --canvas 64x48
}

a_container_that_is_not_written_is_refused_with_the_way_to_it() {
    printf 'YUV4MPEG2 W4 H2 F60:1\nFRAME\nYYYYYYYYUUVV' >small.y4m
    for file in x.webm x.mp4 x.MKV x.mov x.ts x.avi; do
        run 2 encode small.y4m -o $file --codec null && says "^culvert: -o $file: .*ffmpeg -i .* -c copy OUT\." &&
            [ ! -e $file ] || return 1
    done
}

help_and_version_are_printed() {
    for line in --version --help help 'help encode' 'help demo' 'help crash' 'help doctor' 'crash -h' \
        'encode --help' 'demo -h' 'doctor -h' \
        'publish --help' 'help top' 'top -h' 'help record' 'record -h'; do
        # shellcheck disable=SC2086
        run 0 $line && [ -s stdout ] && [ ! -s stderr ] || no "culvert $line: $(cat stderr)" || return 1
    done
    run 0 --version && grep -Eqx 'culvert [0-9]+\.[0-9]+\.[0-9]+' stdout
}

help_lists_the_options_that_the_manual_lists() {
    for command in encode publish demo top record; do
        run 0 $command --help || return 1
        grep -Eo -e '^ +(-.,)? *--[a-z0-9-]+' stdout | grep -Eo -e '--[a-z0-9-]+' | sort >listed.$command
    done
    sed -n 's/^\.It.* Fl -\([a-z0-9-]*\).*/--\1/p' "$manual" | sort -u >described
    sort -u listed.* | diff described -
}

the_doctor_finds_that_encoding_works() {
    run 0 doctor && grep -q '^encoding  *works' stdout && grep -q '^culvert  *[0-9]' stdout || no "$(cat stdout)"
}

what_cannot_be_printed_is_an_error() {
    "$culvert" --version >/dev/full 2>stderr
    [ $? -eq 1 ] && says 'standard output: No space left'
}

# ---- Gameplay

gameplay_in_three_sizes_comes_out_as_it_went_in() {
    clip_of a.y4m 40 scale=320:240 && clip_of b.y4m 40 scale=321:239 && clip_of c.y4m 40 scale=255:223 &&
        run 0 encode a.y4m b.y4m c.y4m -o three.h264 --keyint 20 --json || return 1
    decodes three.h264 '40 320x240, 40 322x240, 40 256x224' || return 1
    counts frames=120 packets=120 encoded=120 epochs=3 keyframes=6 skipped=0 repeated=0 dropped=0 failed=0 \
        duration=2.0 bytes="$(stat -c %s three.h264)" || return 1
    ffmpeg -nostdin -v error -y -i three.h264 -autoscale 0 -f rawvideo -pix_fmt yuv420p three.yuv
    at=0
    for part in 'a 320x240 320:240' 'b 322x240 321:239' 'c 256x224 255:223'; do
        set -- $part
        bytes=$((40 * ${2%x*} * ${2#*x} * 3 / 2))
        tail -c +$((at + 1)) three.yuv | head -c $bytes >part.yuv
        at=$((at + bytes))
        above 36 "$(psnr "[0]crop=$3:0:0:exact=1[a];[a][1]psnr" -f rawvideo -pix_fmt yuv420p -r 60 -s "$2" \
            -i part.yuv -r 60 -i "$1.y4m")" "$1.y4m" || return 1
    done
}

key_frames_come_every_two_seconds_unless_told_otherwise() {
    clip_of two.y4m 130 scale=64:48 && run 0 encode two.y4m -o two.h264 --json && counts keyframes=2 frames=130 &&
        run 0 encode two.y4m -o two.h264 --json --fps 30 && counts keyframes=3 &&
        run 0 encode two.y4m -o two.h264 --json --keyint 0 && counts keyframes=1
}

every_raw_format_comes_out_in_its_colours() {
    for format in i420:yuv420p nv12:nv12 bgra:bgra rgba:rgba xrgb8888:bgr0 rgb565:rgb565le 0rgb1555:rgb555le; do
        ffmpeg -nostdin -v error -y -i "$clip" -frames:v 10 -pix_fmt "${format#*:}" -f rawvideo frames.raw &&
            run 0 encode --raw "320x240:${format%:*}:60" frames.raw -o raw.h264 --json && counts frames=10 || return 1
        above 27 "$(psnr '[0]format=gbrp[a];[1]trim=end_frame=10,format=gbrp[b];[a][b]psnr' -r 60 -i raw.h264 \
            -r 60 -i "$clip")" "$format" || return 1
    done
}

standard_input_and_output_carry_the_same_stream() {
    clip_of a.y4m 40 scale=320:240 && run 0 encode a.y4m -o file.h264 || return 1
    "$culvert" encode - -o - --json <a.y4m >pipe.h264 2>stdout && cmp file.h264 pipe.h264 && counts frames=40 ||
        return 1
    "$culvert" encode --fps 60 -q - -o pipe.h264 <a.y4m 2>stderr && cmp file.h264 pipe.h264 && [ ! -s stderr ] ||
        return 1
    cp a.y4m before.y4m
    "$culvert" encode - -o a.y4m <a.y4m 2>stderr
    [ $? = 2 ] && says 'standard input: is both' && cmp a.y4m before.y4m
}

rotation_and_scale_change_the_size_and_the_aspect_is_kept() {
    clip_of a.y4m 5 scale=64:48,setsar=1 && run 0 encode a.y4m -o turned.h264 --rotate 90 &&
        decodes turned.h264 '5 48x64' && run 0 encode a.y4m -o large.h264 --scale 3 --flip hv --aspect 16:9 &&
        decodes large.h264 '5 192x144' || return 1
    aspect=$(ffprobe -v error -show_entries stream=display_aspect_ratio -of csv=p=0 large.h264)
    [ "$aspect" = 16:9 ] || no "display aspect $aspect"
}

a_bitrate_profile_and_level_hold() {
    clip_of b.y4m 160 null && run 0 encode b.y4m -o rate.h264 --json -b 1000 --profile main --level 3 &&
        awk -v kbps="$(figure kbps)" 'BEGIN { exit !(kbps > 900 && kbps < 1100) }' || no "$(figure kbps) kbps" ||
        return 1
    ffprobe -v error -show_entries stream=profile -of csv=p=0 rate.h264 | grep -qx Main || no "not Main"
    run 1 encode b.y4m -o low.h264 -b 60 --level 1 && says 'b.y4m: frame 1: ' && [ ! -e low.h264 ]
}

# ---- IVF

vp8_and_vp9_go_into_ivf_in_every_size() {
    clip_of a.y4m 40 scale=320:240 && clip_of b.y4m 40 scale=321:239 && clip_of c.y4m 40 scale=400:300 || return 1
    for row in vp8:VP80 vp9:VP90; do
        run 0 encode --codec "${row%:*}" a.y4m b.y4m c.y4m -o three.ivf --json &&
            counts codec="${row%:*}" frames=120 packets=120 epochs=3 dropped=0 scaled=0 &&
            holds three.ivf "${row#*:} 320x240 120 frames, 2000 ms" &&
            decodes three.ivf '40 320x240, 40 322x240, 40 400x300' || return 1
    done
}

vpxdec_follows_the_sizes_of_an_ivf_file() {
    clip_of a.y4m 20 scale=320:240 && clip_of b.y4m 20 scale=400:300 || return 1
    for vpx in vp8 vp9; do
        run 0 encode --codec $vpx a.y4m b.y4m a.y4m -o sizes.ivf &&
            vpxdec --i420 -o sizes.yuv sizes.ivf && above 30 "$(tail -c $((20 * 320 * 240 * 3 / 2)) sizes.yuv |
                psnr '[0][1]psnr' -f rawvideo -pix_fmt yuv420p -r 60 -s 320x240 -i - -r 60 -i a.y4m)" $vpx || return 1
    done
}

the_outputs_name_chooses_the_codec_and_the_container() {
    clip_of a.y4m 10 scale=64:48 || return 1
    for row in x.ivf:vp8:VP80 X.IVF:vp8:VP80 'x.ivf --codec vp9:vp9:VP90' 'x.ivf --codec h264:h264:H264' \
        'x.bin --codec vp9:vp9:VP90'; do
        file=${row%% *} file=${file%%:*} rest=${row#*:}
        # shellcheck disable=SC2086
        run 0 encode a.y4m --json -o ${row%%:*} && counts "codec=${rest%:*}" packets=10 &&
            holds "$file" "${rest#*:} 64x48 10 frames, 167 ms" && decodes "$file" '10 64x48' || return 1
    done
    run 0 encode a.y4m -o x.bin --json && counts codec=h264 && run 0 encode a.y4m -o x.264 --json && cmp x.bin x.264
}

vp9_is_not_put_where_h264_is_looked_for() {
    printf 'YUV4MPEG2 W4 H2 F60:1\nFRAME\nYYYYYYYYUUVV' >small.y4m
    run 2 encode small.y4m -o small.264 --codec vp9 && says 'small.264: .*\.ivf' && [ ! -e small.264 ]
}

slices_of_one_picture_are_one_frame_of_ivf() {
    clip_of a.y4m 20 scale=320:240 && run 0 encode a.y4m -o slices.ivf --codec h264 --slices 4 --json &&
        holds slices.ivf 'H264 320x240 20 frames, 333 ms' && decodes slices.ivf '20 320x240' &&
        counts packets=80 &&
        run 0 encode a.y4m -o slices.h264 --slices 4 && decodes slices.h264 '20 320x240'
}

ivf_goes_through_a_pipe_but_for_its_length() {
    made a.y4m 64 48 30 60:1 && run 0 encode --codec null a.y4m -o file.ivf && ln -s /dev/stdout stdout.ivf &&
        "$culvert" encode --codec null -q a.y4m -o stdout.ivf 2>stderr | cat >pipe.ivf &&
        holds pipe.ivf 'NULL 64x48 30 frames, 0 ms' && holds file.ivf 'NULL 64x48 30 frames, 500 ms' || return 1
    tail -c +33 file.ivf >file.rest
    tail -c +33 pipe.ivf | cmp - file.rest
}

ivf_in_a_file_that_the_shell_opened_gets_its_length() {
    clip_of a.y4m 30 scale=64:48 && "$culvert" encode --codec vp8 -q a.y4m -o - >out.ivf &&
        holds out.ivf 'VP80 64x48 30 frames, 500 ms' || return 1
    printf 'before' >more.ivf
    "$culvert" encode --codec vp8 -q a.y4m -o - >>more.ivf
    [ "$(head -c 10 more.ivf)" = beforeDKIF ] && tail -c +7 more.ivf >rest.ivf &&
        holds rest.ivf 'VP80 64x48 30 frames, 0 ms'
}

a_disk_that_fills_up_leaves_an_ivf_file_that_is_whole() {
    made a.y4m 64 48 30 60:1 || return 1
    (
        ulimit -f 64
        run 1 encode --codec null --options pixels=1 a.y4m -o full.ivf
    ) && says '^culvert: full.ivf: cannot be written: File too large$' &&
        holds full.ivf 'NULL 64x48 7 frames, 117 ms'
}

repeats_count_in_the_length_of_an_ivf_file() {
    stands last.y4m 239 1 && run 0 encode --codec null -g 0 last.y4m -o last.ivf &&
        holds last.ivf 'NULL 64x48 2 frames, 4000 ms' && stands first.y4m 1 239 &&
        run 0 encode --codec null -g 0 first.y4m -o first.ivf && holds first.ivf 'NULL 64x48 2 frames, 4000 ms'
}

a_signal_leaves_an_ivf_file_that_is_whole() {
    made a.y4m 64 48 300 60:1 || return 1
    "$culvert" encode --codec null -r a.y4m -o out.ivf --json >stdout 2>stderr &
    sleep 0.5
    kill -TERM $! && wait $! || no "status $?: $(cat stderr)" || return 1
    frames=$(figure packets)
    holds out.ivf "NULL 64x48 $frames frames, $(awk -v frames="$frames" 'BEGIN { printf "%.0f", frames / 0.06 }') ms"
}

# ---- Sizes

a_canvas_holds_every_size_in_one_epoch() {
    clip_of a.y4m 20 scale=320:240 && clip_of b.y4m 20 scale=256:224 || return 1
    run 0 encode a.y4m b.y4m -o canvas.h264 --canvas 640x480 --filter nearest --json &&
        counts epochs=1 frames=40 packets=40 && decodes canvas.h264 '40 640x480' &&
        run 0 encode a.y4m b.y4m -o canvas.h264 --resize canvas --json && counts epochs=1 &&
        decodes canvas.h264 '40 320x240' && run 0 encode a.y4m -o canvas.h264 --canvas 3000x2000 --json &&
        decodes canvas.h264 '20 3000x2000'
}

# ---- Without a codec

inputs_follow_one_another_in_size_and_rate() {
    made a.y4m 64 48 30 60:1 && made b.y4m 63 49 30 30:1 && made c.y4m 64 48 30 30000:1001 && made d.y4m 2 2 30 0:0 &&
        run 0 encode --codec null a.y4m b.y4m c.y4m d.y4m -o out.null --json &&
        counts frames=120 packets=120 epochs=4 codec=null duration=3.502 restarts=0 lost=0 &&
        run 0 encode --codec null a.y4m b.y4m c.y4m d.y4m -o out.null --json --fps 60 && counts duration=2.0 || return 1
    [ "$(figure latency_us total max)" -ge "$(figure latency_us total p50)" ] &&
        [ "$(figure peak_memory)" -gt 1000000 ]
}

a_frame_that_repeats_is_counted() {
    printf 'YUV4MPEG2 W4 H2 F60:1\nFRAME\nYYYYYYYYUUVVFRAME\nYYYYYYYYUUVVFRAME\nyYYYYYYYUUVV' >same.y4m
    run 0 encode --codec null same.y4m -o out.ivf --json && counts frames=3 packets=2 repeated=1 &&
        run 0 encode --codec null same.y4m -o same.ivf --json --repeats && counts frames=3 packets=3 repeated=1 &&
        holds same.ivf 'NULL 4x2 2 frames, 50 ms' && run 0 encode --codec null same.y4m -o out.ivf &&
        says 'without a packet: 0 skipped, 1 repeated' && run 0 encode --codec null same.y4m -o same.ivf --repeats &&
        says 'with one of no bytes: 1 repeated'
}

frames_are_taken_in_their_time() {
    made a.y4m 64 48 31 60:1 && run 0 encode --codec null -r a.y4m -o out.null --json --policy latest || return 1
    awk -v took="$(figure elapsed)" 'BEGIN { exit !(took >= 0.5 && took < 5) }' || no "took $(figure elapsed) s"
}

a_frame_larger_than_the_largest_is_an_error() {
    made a.y4m 64 48 2 60:1 && made wide.y4m 2050 4 1 60:1 || return 1
    run 1 encode --codec null a.y4m -o out.null --max-size 48x32 && says 'a.y4m: its 64x48' &&
        run 0 encode --codec null a.y4m -o out.null --max-size 48x64 &&
        run 0 encode --codec null a.y4m wide.y4m -o out.null &&
        "$culvert" encode --codec null -q - -o out.null <wide.y4m || return 1
    "$culvert" encode --codec null a.y4m - -o out.null <wide.y4m 2>stderr
    [ $? -eq 1 ] && says 'standard input: its 2050x4.*--max-size'
}

# ---- Bad input

a_file_that_breaks_off_is_kept_up_to_there() {
    made a.y4m 64 48 30 60:1 && head -c 60000 a.y4m >cut.y4m && rm -f out.null || return 1
    run 1 encode --codec null cut.y4m a.y4m -o out.null --json &&
        says '^culvert: cut.y4m: frame 13 is cut short.*out.null' &&
        counts frames=12 packets=12 bytes="$(stat -c %s out.null)"
}

a_file_of_garbage_loses_nothing_that_came_before() {
    made a.y4m 64 48 10 60:1 && head -c 5000 /dev/urandom >junk.y4m || return 1
    run 1 encode --codec null a.y4m junk.y4m a.y4m -o out.null --json && says '^culvert: junk.y4m: .*not a Y4M file' &&
        counts frames=10 packets=10 bytes="$(stat -c %s out.null)"
}

an_input_without_a_frame_is_an_error_wherever_it_stands() {
    made a.y4m 64 48 10 60:1 && head -n 1 a.y4m >none.y4m && : >none.raw || return 1
    for row in '0 none.y4m a.y4m' '10 a.y4m none.y4m a.y4m' '10 a.y4m none.y4m'; do
        # shellcheck disable=SC2086
        run 1 encode --codec null ${row#* } -o out.null --json && says '^culvert: none.y4m: there is no frame in it' &&
            counts "frames=${row%% *}" || return 1
    done
    run 1 encode --codec null a.y4m --raw 64x48:bgra none.raw -o out.null && says '^culvert: none.raw: .*out.null$'
}

a_header_that_cannot_be_is_one_clear_line() {
    while read -r header; do
        # shellcheck disable=SC2059
        printf "$header" >bad.y4m
        run 1 encode --codec null bad.y4m -o bad.null && says '^culvert: bad.y4m: ' || return 1
        [ ! -e bad.null ] || no "$header: bad.null was made" || return 1
    done <<'LINES'

YUV4MPEG2
YUV4MPEG2\n
YUV4MPEG2 W4 H2 F60:1\n
YUV4MPEG2 W4 H2\nFRAME\nYYYYYYYYUUVV
YUV4MPEG2 W4 H2 F2000:1\nFRAME\nYYYYYYYYUUVV
YUV4MPEG2 W99999 H99999 F60:1\nFRAME\n
YUV4MPEG2 W4 H2 F60:1 C422\nFRAME\n
YUV4MPEG2 W4 H2 F60:1 C420p10\nFRAME\n
YUV4MPEG2 W4 H2 F60:1 It\nFRAME\n
YUV4MPEG2 W4 H2 F60:1\nFRAME\nYYY
YUV4MPEG2 W4 H2 F60:1\nGARBAGE
LINES
}

an_output_that_exists_survives_an_input_that_does_not() {
    made a.y4m 64 48 2 60:1 && echo kept >kept.null || return 1
    for inputs in missing.y4m /dev/null / 'missing.y4m a.y4m' 'a.y4m missing.y4m'; do
        # shellcheck disable=SC2086
        run 1 encode --codec null $inputs -o kept.null || return 1
    done
    [ "$(cat kept.null)" = kept ] || no "kept.null is lost" || return 1
    run 0 encode --codec null a.y4m -o kept.null && ! grep -q kept kept.null
}

a_full_disk_is_an_error() {
    made a.y4m 64 48 30 60:1 && run 1 encode --codec null --options pixels=1 a.y4m -o /dev/full &&
        says '^culvert: /dev/full: .*No space left' && run 1 encode --codec null a.y4m -o missing/out.null &&
        says '^culvert: missing/out.null: '
}

a_closed_pipe_is_an_error() {
    made a.y4m 640 480 30 60:1 || return 1
    {
        "$culvert" encode --codec null --options pixels=1 -q a.y4m -o - 2>stderr
        echo $? >status
    } | head -c 1 >/dev/null
    [ "$(cat status)" = 1 ] && [ "$(wc -l <stderr)" -eq 1 ] && says 'standard output: .*Broken pipe'
}

a_signal_ends_the_input_and_not_the_output() {
    made a.y4m 64 48 300 60:1 || return 1
    "$culvert" encode --codec null -r a.y4m -o out.null --json >stdout 2>stderr &
    sleep 0.7
    kill -TERM $! && wait $! || no "status $?: $(cat stderr)" || return 1
    counts bytes="$(stat -c %s out.null)" && [ "$(figure frames)" -gt 0 ] && [ "$(figure frames)" -lt 300 ]
}

# ---- The demo

the_demo_plays_ten_epochs_that_decode() {
    run 0 demo --media "$clip" -o demo.h264 --keyint 30 --json && counts epochs=10 failed=0 || return 1
    [ "$(grep -c '^ *[0-9]*x[0-9]*  *[0-9]*x[0-9]* ' stderr)" = 10 ] || no "$(cat stderr)" || return 1
    [ "$(figure frames)" = 600 ] || no "$(figure frames) frames" || return 1
    played=$(sizes demo.h264 | sed 's/[0-9]* \([0-9]*x\)/\1/g')
    [ "$played" = '320x240, 256x224, 322x240, 512x240, 640x480, 256x224, 368x240, 640x480, 256x224, 320x240' ] ||
        no "$played" || return 1
    counts losses=1 && grep -q '  3 lost, ' stderr || no "$(cat stderr)" || return 1
    awk '/a still picture/ { good = $4 < 1000 && $7 == "-" } END { exit !good }' stderr || no "$(cat stderr)"
}

the_demo_plays_vp9_in_one_canvas() {
    run 0 demo --codec vp9 --media "$clip" -o demo.ivf --canvas 320x240 --references 0 --json &&
        counts codec=vp9 epochs=1 losses=1 recovered=0 failed=0 || return 1
    [ "$(grep -c '^ *[0-9]*x[0-9]*  *320x240 ' stderr)" = 10 ] && grep -q '3 lost, a key frame' stderr ||
        no "$(cat stderr)" || return 1
    decodes demo.ivf "$(figure packets) 320x240"
}

the_demo_says_what_is_missing() {
    echo text >text.mkv && run 1 demo --codec null --media missing.mkv && says 'missing.mkv' &&
        run 1 demo --codec null --media text.mkv && says 'text.mkv: ffmpeg cannot decode it' || return 1
    PATH=/nowhere "$culvert" demo --codec null --media "$clip" 2>stderr
    [ $? -eq 1 ] && says 'apt-get install ffmpeg'
}

check a_command_line_that_is_wrong_exits_2_with_one_line
check settings_that_the_session_refuses_exit_2_and_leave_the_output_alone
check a_setting_that_the_codec_does_not_have_is_refused
check a_codec_that_is_not_in_the_build_is_named lack-of-h264
check a_canvas_and_another_resize_exclude_each_other
check a_container_that_is_not_written_is_refused_with_the_way_to_it
check help_and_version_are_printed
check help_lists_the_options_that_the_manual_lists
check the_doctor_finds_that_encoding_works
check what_cannot_be_printed_is_an_error
check gameplay_in_three_sizes_comes_out_as_it_went_in h264 ffmpeg ffprobe python3
check key_frames_come_every_two_seconds_unless_told_otherwise h264 ffmpeg python3
check every_raw_format_comes_out_in_its_colours h264 ffmpeg python3
check standard_input_and_output_carry_the_same_stream h264 ffmpeg python3
check rotation_and_scale_change_the_size_and_the_aspect_is_kept h264 ffmpeg ffprobe
check a_bitrate_profile_and_level_hold h264 ffmpeg ffprobe python3
check vp8_and_vp9_go_into_ivf_in_every_size vp8 ffmpeg ffprobe python3
check vpxdec_follows_the_sizes_of_an_ivf_file vp8 ffmpeg vpxdec
check the_outputs_name_chooses_the_codec_and_the_container h264 vp8 ffmpeg ffprobe python3
check vp9_is_not_put_where_h264_is_looked_for
check slices_of_one_picture_are_one_frame_of_ivf h264 ffmpeg ffprobe python3
check ivf_goes_through_a_pipe_but_for_its_length python3
check ivf_in_a_file_that_the_shell_opened_gets_its_length vp8 ffmpeg python3
check a_disk_that_fills_up_leaves_an_ivf_file_that_is_whole python3
check repeats_count_in_the_length_of_an_ivf_file python3
check a_signal_leaves_an_ivf_file_that_is_whole python3
check a_canvas_holds_every_size_in_one_epoch h264 ffmpeg ffprobe python3
check inputs_follow_one_another_in_size_and_rate python3
check a_frame_that_repeats_is_counted python3
check frames_are_taken_in_their_time python3
check a_frame_larger_than_the_largest_is_an_error python3
check a_file_that_breaks_off_is_kept_up_to_there python3
check a_file_of_garbage_loses_nothing_that_came_before python3
check an_input_without_a_frame_is_an_error_wherever_it_stands python3
check a_header_that_cannot_be_is_one_clear_line
check an_output_that_exists_survives_an_input_that_does_not python3
check a_full_disk_is_an_error python3
check a_closed_pipe_is_an_error python3
check a_signal_ends_the_input_and_not_the_output python3
check the_demo_plays_ten_epochs_that_decode h264 ffmpeg ffprobe python3
check the_demo_plays_vp9_in_one_canvas vp8 ffmpeg ffprobe python3
check the_demo_says_what_is_missing ffmpeg
done_testing
