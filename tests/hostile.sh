#!/bin/sh
# Clients that mean culvertd no good, and what is left of it: in TAP.
#
#   hostile.sh HOSTILE CULVERTD WEIGHS MODE [ARGUMENT...] [-- OPTION...]
#
# WEIGHS is 1 where memory can be judged, 0 under an instrument that holds freed memory back. OPTION is culvertd's;
# with FILES=N it may have N descriptors.
set -u
hostile=$1 culvertd=$2 weighs=$3 mode=$4
shift 4
arguments=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    arguments="$arguments $1"
    shift
done
[ $# -eq 0 ] || shift
dir=$(mktemp -d)
broker=
finish() {
    [ -z "$broker" ] || kill -KILL "$broker" 2>/dev/null
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM
(
    [ -z "${FILES:-}" ] || ulimit -n "$FILES"
    exec "$culvertd" --socket "$dir/s" --crash-dir "$dir" "$@" 2>"$dir/log"
) &
broker=$!
waited=0
until [ -S "$dir/s" ] && grep -q ready "$dir/log"; do
    waited=$((waited + 1))
    if [ $waited -gt 200 ] || ! kill -0 "$broker" 2>/dev/null; then
        cat "$dir/log"
        echo "Bail out! culvertd does not start"
        exit 1
    fi
    sleep 0.05
done
# shellcheck disable=SC2086 # words
"$hostile" "$mode" "$dir/s" "$broker" "$dir/log" "$weighs" $arguments
status=$?
kill -TERM "$broker"
wait "$broker" || {
    sed 's/^/# /' "$dir/log" | tail -n 20
    echo "Bail out! culvertd ended badly"
    status=1
}
broker=
[ $status -eq 0 ] || sed 's/^/# /' "$dir/log" | grep -v 'rules of the\|ends: \|opened by' | tail -n 20
exit $status
