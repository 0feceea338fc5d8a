# What the command's tests share. Sourced with $culvert set; see tap.sh. CULVERT_ENDPOINT is unset.
. "$(dirname "$0")/tap.sh"
unset CULVERT_ENDPOINT

# has CODEC: whether this build has it.
has() {
    "$culvert" doctor | grep "^$1 " | grep -qv missing
}

lacks() {
    missing="there is no $1"
    case $1 in
    h264 | vp8) ! has "$1" ;;
    lack-of-h264) has h264 ;;
    *) ! command -v "$1" >/dev/null ;;
    esac
}

# run STATUS ARGUMENT...: the command ends with that status, and says one line when that is not 0.
run() {
    wanted=$1
    shift
    status=0
    "$culvert" "$@" >stdout 2>stderr </dev/null || status=$?
    [ $status -eq "$wanted" ] || no "culvert $*: status $status instead of $wanted: $(cat stderr)" || return 1
    [ $status -eq 0 ] || [ "$(wc -l <stderr)" -eq 1 ] || no "culvert $*: not one line: $(cat stderr)"
}

says() {
    grep -q -e "$1" stderr || no "'$1' is not in: $(cat stderr)"
}

# figure NAME: a number of the JSON object in stdout, "latency_us total p50" for a nested one.
figure() {
    python3 -c '
import json, sys
value = json.load(open("stdout"))
for key in sys.argv[1:]:
    value = value[key]
print(value)' "$@"
}

# counts NAME=VALUE...: the JSON object says so.
counts() {
    python3 -c '
import json, sys
totals = json.load(open("stdout"))
for name, wanted in (pair.split("=") for pair in sys.argv[1:]):
    if str(totals[name]) != wanted:
        sys.exit(f"{name} is {totals[name]} instead of {wanted}")' "$@"
}

# clip_of FILE FRAMES FILTER: some of the gameplay as Y4M.
clip_of() {
    ffmpeg -nostdin -v error -y -i "$clip" -frames:v "$2" -vf "$3" -pix_fmt yuv420p "$1"
}

# sizes FILE: the decoded frames' sizes, in runs: "40 320x240, 40 322x240".
sizes() {
    ffprobe -v error -show_entries frame=width,height -of csv=p=0 "$1" |
        awk -F, 'NF > 1 { print $1 "x" $2 }' | uniq -c | awk '{ printf "%s%s %s", (NR > 1) ? ", " : "", $1, $2 }'
}

# An inserted packet has a pts of its own, which ffmpeg's count of frames would not tell from that of its frame.
decodes() {
    complaints=$(ffmpeg -nostdin -v error -i "$1" -enc_time_base -1 -f null - 2>&1)
    [ -z "$complaints" ] || no "$1: $complaints" || return 1
    [ "$(sizes "$1")" = "$2" ] || no "$1 decodes to $(sizes "$1") instead of $2"
}

# ---- Files

# made FILE WIDTH HEIGHT FRAMES RATE: Y4M of grey frames, each of its own shade.
made() {
    python3 -c '
import sys
width, height, frames = map(int, sys.argv[1:4])
out = sys.stdout.buffer
out.write(b"YUV4MPEG2 W%d H%d F%s\n" % (width, height, sys.argv[4].encode()))
for n in range(frames):
    out.write(b"FRAME\n" + bytes([16 + n % 200]) * (width * height))
    out.write(b"\x80" * (2 * ((width + 1) // 2) * ((height + 1) // 2)))
' "$2" "$3" "$4" "$5" >"$1"
}

# stands FILE FRAMES...: Y4M of as many grey frames, of a shade for each number.
stands() {
    python3 -c '
import sys
out = open(sys.argv[1], "wb")
out.write(b"YUV4MPEG2 W64 H48 F60:1\n")
for n, frames in enumerate(sys.argv[2:]):
    out.write((b"FRAME\n" + bytes([16 + 40 * n]) * (64 * 48) + b"\x80" * (2 * 32 * 24)) * int(frames))
' "$@"
}

# ivf FILE: "FOURCC WIDTHxHEIGHT N frames, LENGTH ms", of a file that is whole and whose pts rise.
ivf() {
    python3 -c '
import struct, sys
data = open(sys.argv[1], "rb").read()
magic, version, size, fourcc, width, height, num, den, length = struct.unpack_from("<4sHH4sHHIIQ", data)
assert (magic, version, size, num, den) == (b"DKIF", 0, 32, 1000000, 1), data[:32]
at, frames, last = 32, 0, -1
while at < len(data):
    size, pts = struct.unpack_from("<IQ", data, at)
    assert pts > last and 0 < size <= len(data) - at - 12, f"frame {frames}: {size} bytes, pts {pts} after {last}"
    at, frames, last = at + 12 + size, frames + 1, pts
print(f"{fourcc.decode()} {width}x{height} {frames} frames, {length / 1000:.0f} ms")' "$1"
}

# holds FILE TEXT: ivf says so of it.
holds() {
    said=$(ivf "$1" 2>&1)
    [ "$said" = "$2" ] || no "$1: '$said' instead of '$2'"
}
