#!/bin/sh
# Prints the version that the public header states, or with "abi" the ABI version: it is written there and nowhere else.
set -eu
header=$(dirname "$0")/../include/culvert/culvert.h
number() {
    sed -n "s/^#define CULVERT_$1 //p" "$header"
}
if [ "${1:-}" = abi ]; then
    number ABI_VERSION
else
    echo "$(number VERSION_MAJOR).$(number VERSION_MINOR).$(number VERSION_PATCH)"
fi
