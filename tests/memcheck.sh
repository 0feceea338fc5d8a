#!/bin/sh
# culvertd and its encoder processes under memcheck, and a host that streams through them, as TAP:
#
#   memcheck.sh CULVERT CULVERTD
#
# Both without a seccomp filter, which does not foresee what Valgrind calls. CULVERTD is one that waits for an encoder
# process until memcheck has looked for what it leaked.
set -u
culvert=$(realpath "$1") culvertd=$(realpath "$2")
. "$(dirname "$0")/command_kit.sh"
if ! valgrind --version >/dev/null 2>&1; then
    echo "1..0 # SKIP there is no valgrind"
    exit 0
fi
memcheck="valgrind --quiet --trace-children=yes --leak-check=full --errors-for-leak-kinds=definite,indirect,possible"
mkdir crashes found
# A process that starts, or opens a codec, shows no life for longer than otherwise.
$memcheck --log-file=found/%p "$culvertd" --socket s --crash-dir crashes --hang 60000 --deaths 100/1 2>said &
daemon=$!
trap '[ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null; rm -rf "$dir"' EXIT
here=$PWD
endpoint=unix:$here/s

# comes PATTERN COUNT: waits until culvertd has said so as often.
comes() {
    for _ in $(seq 600); do
        [ "$(grep -c -e "$1" "$here/said")" -lt "$2" ] || return 0
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.1
    done
    no "culvertd does not say '$1' $2 times: $(cat "$here/said")"
}

sessions_come_and_go() {
    made a.y4m 64 48 40 60:1 && made b.y4m 32 64 40 60:1 || return 1
    for policy in latest block reject; do
        $memcheck --error-exitcode=99 "$culvert" publish --endpoint "$endpoint" --codec null --policy "$policy" \
            --json -o out.null a.y4m b.y4m >stdout 2>stderr </dev/null || no "status $?: $(cat stderr)" || return 1
        counts epochs=2 failed=0 lost=0 || return 1
    done
}

a_session_outlives_its_process() {
    made a.y4m 64 48 400 60:1 || return 1
    "$culvert" publish --endpoint "$endpoint" --codec null --json a.y4m >stdout 2>stderr </dev/null &
    publisher=$!
    comes 'opened by process' 4 && sleep 1 || return 1
    # Those that wait for a session as well: they are replaced, too.
    pkill -KILL -P "$daemon"
    comes 'died of SIGKILL' 1 || return 1
    wait $publisher || no "status $?: $(cat stderr)" || return 1
    counts frames=400 restarts=1 failed=0
}

who_breaks_the_rules_is_cut_off() {
    python3 -c '
import socket, sys
for words in (b"", b"nonsense", b"cvlt" + bytes(12), b"cvlt" + bytes([1, 0, 0, 0, 1, 0, 0, 0]) + bytes(772)):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.connect(sys.argv[1])
    client.send(words)
    client.settimeout(60)
    while client.recv(65536):
        pass' "$here/s" || no "a client is not cut off"
}

memcheck_finds_nothing() {
    kill -TERM "$daemon" && wait "$daemon" || no "culvertd ended with status $?: $(cat "$here/said")" || return 1
    daemon=
    [ "$(find "$here/found" -type f | wc -l)" -ge 6 ] || no "too few processes were watched" || return 1
    [ -z "$(cat "$here"/found/*)" ] || no "$(cat "$here"/found/*)"
}

comes 'ready for' 1 || exit 1
check sessions_come_and_go python3
check a_session_outlives_its_process python3
check who_breaks_the_rules_is_cut_off python3
check memcheck_finds_nothing
done_testing
