#!/bin/sh
# What bindings/ repeats of the header, as TAP: it is what bindings/generate makes of it, and goes stale when the header
# moves.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/tap.sh"

what_the_bindings_repeat_of_the_header_is_current() { python3 -B "$root/bindings/generate" --check; }

# copy: all that is read and made.
copy() {
    mkdir -p there/tests/abi there/include/culvert
    cp -R "$root/bindings" there/
    cp "$root/include/culvert/culvert.h" there/include/culvert/
    cp "$root/tests/abi/layout.txt" there/tests/abi/
}

# stale HOW MANY: so many files are, and made anew they are not.
stale() {
    if python3 -B there/bindings/generate --check >stale; then
        no "nothing is stale"
        return
    fi
    cat stale
    [ "$(wc -l <stale)" -ge "$1" ] || no "not each of the bindings says so" || return
    python3 -B there/bindings/generate >made && python3 -B there/bindings/generate --check
}

an_error_that_is_added_makes_each_of_them_stale() {
    copy
    sed -i 's|^    X(DENIED, -20, \(.*\)$|    X(DENIED, -20, \1 \\\n    X(WEATHER, -21, "it rains")|' \
        there/include/culvert/culvert.h
    echo 'number CULVERT_E_WEATHER -21' >>there/tests/abi/layout.txt
    stale 4 && grep -rqi weather there/bindings/go && grep -rqi weather there/bindings/node &&
        grep -rqi weather there/bindings/python && grep -rqi weather there/bindings/rust
}

a_field_that_moves_makes_those_with_layouts_of_their_own_stale() {
    copy
    sed -i 's/^field culvert_frame rotation 48 /field culvert_frame rotation 52 /' there/tests/abi/layout.txt
    stale 1
}

a_number_that_the_table_lacks_is_refused() {
    copy
    sed -i '/CULVERT_SPEED_SLOWEST/d' there/tests/abi/layout.txt
    ! python3 -B there/bindings/generate --check >said 2>&1 && grep CULVERT_SPEED_SLOWEST said
}

each_package_has_the_librarys_version() {
    version=$("$root/tools/version.sh")
    for file in node/package.json node/package-lock.json rust/culvert/Cargo.toml rust/culvert-sys/Cargo.toml; do
        grep -Eq "^ *\"?version\"? ?[:=] ?\"$version\"" "$root/bindings/$file" ||
            no "bindings/$file has another version than $version: set it" || return
    done
}

check what_the_bindings_repeat_of_the_header_is_current python3
check an_error_that_is_added_makes_each_of_them_stale python3
check a_field_that_moves_makes_those_with_layouts_of_their_own_stale python3
check a_number_that_the_table_lacks_is_refused python3
check each_package_has_the_librarys_version
done_testing
