#!/bin/sh
# Whether a write into memory that was given back is reported.
#
#   write_after_commit.sh address|valgrind|none PROGRAM
set -u
report=$(mktemp)
trap 'rm -f "$report"' EXIT

run() {
    case $instrument in
    address) "$@" ;;
    valgrind) valgrind --quiet --error-exitcode=99 "$@" ;;
    esac >"$report" 2>&1
}

tell() {
    if [ "$1" = yes ]; then
        echo "ok $2"
    else
        echo "not ok $2"
        sed 's/^/# /' "$report"
    fi
}

instrument=$1
program=$2
case $instrument in
address) death=1 words=use-after-poison ;;
valgrind) death=99 words='Invalid write' ;;
*)
    echo "1..0 # SKIP this build tells neither ASan nor Valgrind what is out of bounds"
    exit
    ;;
esac
if [ "$instrument" = valgrind ] && ! command -v valgrind >"$report"; then
    echo "1..0 # SKIP valgrind is not installed"
    exit
fi

run "$program" before
status=$?
if grep -q 'debuginfo reader' "$report"; then
    echo "1..0 # SKIP this valgrind cannot read this compiler's debug information"
    exit
fi

echo 1..3
[ $status = 0 ] && fine=yes || fine=no
tell $fine "1 - writes before commit are nothing to report"
for when in after closed; do
    run "$program" $when
    [ $? = $death ] && grep -q "$words" "$report" && caught=yes || caught=no
    [ $when = after ] && name="2 - a write after commit" || name="3 - a write after a commit that came after the close"
    tell $caught "$name is reported"
done
