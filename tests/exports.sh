#!/bin/sh
# What the library shows to programs, against its header, as TAP: exports.sh LIBRARY HEADER MAP CC...
set -u
library=$(realpath "$1") header=$(realpath "$2") map=$(realpath "$3")
shift 3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
number=0

# report NAME: the test that NAME states has passed if the last command has; else the log says why.
report() {
    status=$?
    number=$((number + 1))
    if [ $status -eq 0 ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        sed 's/^/# /' "$dir/log"
    fi
}

skip() {
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

echo 1..10
# A declaration may go on in the next line; its name is the first word before a parenthesis.
sed '/^#/d' "$header" | tr '\n' ' ' | grep -o 'CULVERT_API [^(;]*(' | sed 's/.*[ *]\([a-z_0-9]*\)(/\1/' | sort >"$dir/declared"
nm -D --defined-only "$library" | awk '$2 == "T" || $2 == "D" || $2 == "B" || $2 == "R" {print $3}' | sort \
    >"$dir/exported"
sed -n 's/^ *\(culvert_[a-z_0-9]*\);$/\1/p' "$map" >"$dir/listed"

[ "$(wc -l <"$dir/declared")" -ge 25 ] >"$dir/log" 2>&1
report "the header's declarations are found"
diff "$dir/declared" "$dir/exported" >"$dir/log" 2>&1
report "the library exports what the header declares and nothing else"
sort "$dir/listed" | diff "$dir/declared" - >"$dir/log" 2>&1
report "the map lists what the header declares and nothing else"
sort -c "$dir/listed" >"$dir/log" 2>&1
report "the map is in alphabetical order"

abi=$(sed -n 's/^#define CULVERT_ABI_VERSION //p' "$header")
readelf -d "$library" >"$dir/log" 2>&1 && grep -q "SONAME.*\[libculvert\.so\.$abi\]" "$dir/log"
report "the SONAME is the ABI's version"

include=$(dirname "$(dirname "$header")")
echo '#include <culvert/culvert.h>' | tee "$dir/alone.c" >"$dir/alone.cpp"
strict="-pedantic-errors -Wall -Wextra -Wconversion -Werror -fsyntax-only"
"$@" -std=c11 $strict -I"$include" "$dir/alone.c" >"$dir/log" 2>&1
report "the header compiles alone as C11"
# by COMPILER STANDARD FILE NAME
by() {
    if command -v "$1" >/dev/null; then
        "$1" "-std=$2" $strict -I"$include" "$3" >"$dir/log" 2>&1
        report "the header compiles alone as $4 by $1"
    else
        skip "the header compiles alone as $4 by $1" "there is no $1"
    fi
}
by gcc c11 "$dir/alone.c" C11
by clang c11 "$dir/alone.c" C11
by g++ c++17 "$dir/alone.cpp" C++17
by clang++ c++17 "$dir/alone.cpp" C++17
