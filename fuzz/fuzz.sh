#!/bin/sh
# Fuzzes, in TAP: each target for so many seconds, as many of them at a time as there are processors.
#
#   fuzz.sh BUILD SECONDS [TARGET]
#
# BUILD is configured with -Dfuzz=true. Corpora grow in BUILD/corpus; logs lie beside it, and what is found as
# TARGET-crash-... .
build=$1 seconds=$2 here=$(dirname "$0")

fuzz() {
    mkdir -p "$build/corpus/$1"
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$build/fuzz/fuzz_$1" -max_len=2048 -timeout=60 \
        -max_total_time="$seconds" -print_final_stats=1 -dict="$here/culvertd.dict" -artifact_prefix="$build/$1-" \
        "$build/corpus/$1" "$here/corpus/$1" >"$build/$1.log" 2>&1
}

# Silent when nothing was found.
tell() {
    if ! fuzz "$1"; then
        grep -vE '^#[0-9]' "$build/$1.log" | tail -n 40 | sed 's/^/# /'
        echo "not ok - $1"
    fi
    sed -n "s/^stat::number_of_executed_units: */$1 /p" "$build/$1.log" >"$build/$1.units"
}

if [ $# -gt 2 ]; then
    tell "$3"
    exit
fi
rm -f "$build"/*.units
found=$(ls "$here/corpus" | xargs -P "$(nproc)" -I{} "$0" "$build" "$seconds" {})
[ -z "$found" ] || echo "$found"
for target in $(ls "$here/corpus"); do
    echo "$found" | grep -q "^not ok - $target\$" || echo "ok - $target"
done
echo "1..$(ls "$here/corpus" | wc -l)"
awk '{ sum += $2 } END { printf "# figure: %d executions\n", sum }' "$build"/*.units
[ -z "$found" ]
