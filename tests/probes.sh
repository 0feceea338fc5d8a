#!/bin/sh
# probes.sh LIBRARY CULVERTD: whether the probes are where the documents say.
echo 1..2
number=0
# look FILE NAME...: the file has these probes, three arguments each.
look() {
    number=$((number + 1)) file=$1 missing=
    shift
    notes=$(readelf -n "$file")
    for probe in "$@"; do
        echo "$notes" | awk -v probe="$probe" '
            $1 == "Provider:" { ours = $2 == "culvert" }
            $1 == "Name:" { named = ours && $2 == probe }
            $1 == "Arguments:" && named && NF == 4 { found = 1 }
            END { exit !found }' || missing="$missing $probe"
    done
    [ -z "$missing" ] && echo "ok $number - $(basename "$file") has the probes $*" ||
        echo "not ok $number - $(basename "$file") has no probe$missing"
}
look "$1" submit encode_start encode_end epoch restart
look "$2" encode_start encode_end epoch
