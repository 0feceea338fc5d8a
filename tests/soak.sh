#!/bin/sh
# That the soak finds what it is there for, in TAP: some seconds of it, with a leak of its own. tools/soak.sh is the
# whole of it.
#
#   CULVERTD=PROGRAM soak.sh SOAK
soak=$(realpath "$1")
here=$(dirname "$0")
. "$here/tap.sh"

# report WORD...: what the soak said, and where it left what it found.
report() {
    "$soak" "$@" >said && status=0 || status=$?
    cat said
    left=$(sed -n 's/^# culvertd.s log and reports are left in //p' said)
    [ -z "$left" ] || rm -r "$left"
}

streams_of_all_codecs_go_on() {
    report 2 2
    grep -q '^ok 1 ' said && grep -q '^#   2 .* kills [1-9]' said
}

memory_that_is_lost_is_found() {
    report 4 1 memory
    [ $status -ne 0 ] && grep -q '^not ok 2 ' said && grep -q '^# .*host: [0-9]* more KB' said
}

descriptors_that_are_lost_are_found() {
    report 4 1 descriptors
    [ $status -ne 0 ] && grep -q '^not ok 2 ' said && grep -q '^# .*host: [0-9]* more descriptors' said
}

check streams_of_all_codecs_go_on
check memory_that_is_lost_is_found
check descriptors_that_are_lost_are_found
done_testing
