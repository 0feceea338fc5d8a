#!/bin/sh
# publish.sh through a culvertd of its own: publish_there.sh CULVERTD CULVERT CLIP CODEC.
set -u
dir=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill "$daemon"; rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$dir/crashes"
"$1" --socket "$dir/s" --crash-dir "$dir/crashes" 2>"$dir/log" &
daemon=$!
for _ in $(seq 600); do
    ! grep -q ' ready for ' "$dir/log" || break
    kill -0 "$daemon" || break
    sleep 0.1
done
grep -q ' ready for ' "$dir/log" || {
    echo "Bail out! culvertd: $(cat "$dir/log")"
    exit 1
}
"$(dirname "$0")/publish.sh" "$2" "$3" "$4" "unix:$dir/s"
status=$?
# It outlives what was done to it, and nothing of it crashed.
[ -z "$(ls "$dir/crashes")" ] || {
    echo "Bail out! encoder processes crashed: $(grep warning "$dir/log")"
    exit 1
}
exit $status
