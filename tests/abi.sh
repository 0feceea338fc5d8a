#!/bin/sh
# The ABI against what is written down of it, as TAP, with what to do where they differ.
#
#   tests/abi.sh BUILDDIR | LIBRARY    checks
#   tests/abi.sh --renew BUILDDIR      writes it down anew
#
# Of a BUILDDIR, tests/libculvert_abi.so is built and taken: the library with debug information, which a LIBRARY is to
# have too. CC is the compiler (cc).
#
# tests/abi/culvert.abi is the library of x86-64 as abidw sees it: functions, their types, the SONAME.
# tests/abi/layout.txt is the header by numbers, the same everywhere: fields, sizes, constants.
set -u
renew=
if [ "${1:-}" = --renew ]; then
    renew=yes
    shift
fi
if [ $# -ne 1 ]; then
    sed -n '4,5s/^# *//p' "$0" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd) cc=${CC:-cc}
include=$(dirname "$here")/include
baseline=$here/abi/culvert.abi table=$here/abi/layout.txt
if [ -d "$1" ]; then
    library=$(realpath "$1")/tests/libculvert_abi.so
    said=$(ninja -C "$1" tests/libculvert_abi.so 2>&1) || {
        echo "$said" >&2
        exit 1
    }
else
    library=$(realpath -m "$1")
fi
. "$here/tap.sh"

lacks() { ! "has_$1"; }

has_abidiff() {
    missing="there is no abidiff"
    command -v abidiff >/dev/null
}

has_x86_64() {
    missing="the baseline is of x86-64, the library is not"
    readelf -h "$library" | grep -q 'Machine: .*X86-64' && readelf -h "$library" | grep -q ELF64
}

has_library() {
    missing="there is no $library: run ninja -C BUILDDIR tests/libculvert_abi.so"
    [ -e "$library" ]
}

# compilers ARCH: those at hand, one a line, that say that it is what they compile for.
compilers() {
    case $1 in
    x86_64) macro=__x86_64__ target=x86_64-linux-gnu gcc='gcc -m64' ;;
    i386) macro=__i386__ target=i386-linux-gnu gcc='gcc -m32' ;;
    armhf) macro=__ARM_PCS_VFP target=arm-linux-gnueabihf gcc=arm-linux-gnueabihf-gcc ;;
    esac
    for compiler in "$gcc" "clang --target=$target"; do
        if $compiler -E -dM -x c /dev/null 2>/dev/null | grep -q "^#define $macro "; then
            echo "$compiler"
        fi
    done
}

has_compiler_of_x86_64() { has_compiler x86_64; }
has_compiler_of_i386() { has_compiler i386; }
has_compiler_of_armhf() { has_compiler armhf; }
has_compiler() {
    compilers "$1" >found
    missing="there is no ${gcc%% *} and no clang for $1"
    [ -s found ]
}

# holds TABLE COMPILER: whether it lays the structs out so. Freestanding: the C library of that machine is not needed.
holds() {
    python3 "$here/abi/layout.py" asserts "$1" >asserts.c &&
        $2 -std=c11 -ffreestanding -fsyntax-only -I"$include" asserts.c
}

# holds_on ARCH TABLE: by every compiler for it.
holds_on() {
    compilers "$1" >found
    while read -r compiler; do
        holds "$2" "$compiler" || return 1
    done <found
}

the_table_is_true_on_x86_64() { holds_on x86_64 "$table"; }
the_table_is_true_on_i386() { holds_on i386 "$table"; }
the_table_is_true_on_armhf() { holds_on armhf "$table"; }

# differ OPTION... BASELINE: what abidiff finds. Of private types nothing is known to either side, and without places in
# the header abidiff would take all types for private.
differ() {
    abidiff --exported-interfaces-only "$@" "$library"
}

# What an older program may meet: more functions, and structs that are longer at their end.
cat >compatible.suppr <<'SUPPR'
[suppress_type]
type_kind = struct
has_data_member_inserted_at = end
SUPPR

# breaks: names what older programs would stumble over; fails when there is nothing.
breaks() {
    nothing=1
    python3 "$here/abi/layout.py" broken "$table" new || nothing=0
    if has_abidiff && has_x86_64; then
        differ --no-added-syms --suppressions compatible.suppr "$baseline" || nothing=0
    fi
    return $nothing
}

abi_version() {
    sed -n 's/^number CULVERT_ABI_VERSION //p' "$1"
}

# advice: one line on what to do about a difference.
advice() {
    if [ "$(abi_version "$table")" != "$(abi_version new)" ]; then
        echo "CULVERT_ABI_VERSION has changed: run tests/abi.sh --renew BUILDDIR"
    elif breaks >broken.log 2>&1; then
        echo "older programs would break: undo it, or raise CULVERT_ABI_VERSION and run tests/abi.sh --renew BUILDDIR"
    else
        echo "older programs go on to work: run tests/abi.sh --renew BUILDDIR"
    fi
}

describe() {
    python3 "$here/abi/layout.py" table "$include/culvert/culvert.h" $cc >new
}

the_table_is_that_of_the_header() {
    describe || return 1
    diff "$table" new && return
    advice
    return 1
}

no_struct_has_padding() {
    python3 "$here/abi/layout.py" gaps new
}

the_library_has_the_abi_of_the_baseline() {
    # Without it abidiff compares nothing but the names of functions.
    readelf -SW "$library" | grep -q '\.debug_info ' || {
        echo "$library has no debug information"
        return 1
    }
    differ --harmless "$baseline" && return
    describe && advice
    return 1
}

# changed FILE LINES COMMAND...: a copy in which sed has changed as many lines.
changed() {
    file=$1 lines=$2
    shift 2
    sed "$@" "$file" >changed
    [ "$(diff "$file" changed | grep -c '^>')" = "$lines" ] && return
    echo "sed $* did not change $lines of $file"
    return 1
}

another_baseline_is_told_apart() {
    int=$(sed -n "s/.*type-decl name='int' .* id='\(.*\)'.*/\1/p" "$baseline")
    for change in "/class-decl name='culvert_frame'/,/class-decl>/s/offset-in-bits='32'/offset-in-bits='48'/" \
        "/function-decl name='culvert_release'/,/function-decl>/s/parameter type-id='[^']*'/parameter type-id='$int'/" \
        "s/<elf-symbol name='culvert_release' \(.*\)/&<elf-symbol name='culvert_gone' \1/"; do
        changed "$baseline" 1 -e "$change" || return 1
        ! differ changed >said || {
            echo "nothing was said about $change"
            return 1
        }
        # It has compared, and not merely failed.
        grep -q 'changes summary' said || {
            cat said
            return 1
        }
    done
}

another_table_is_told_apart() {
    changed "$table" 4 -e 's/^\(field culvert_frame format\) 4 /\1 8 /' -e 's/^\(struct culvert_listing\) .*/\1 8/' \
        -e 's/^\(number CULVERT_FORMAT_BGRA\) .*/\1 9/' -e 's/^\(type culvert_session\) .*/\1 8/' || return 1
    compilers x86_64 >found
    while read -r compiler; do
        holds changed "$compiler" >said 2>&1
        for what in culvert_frame.format 'struct culvert_listing' CULVERT_FORMAT_BGRA culvert_session; do
            grep -q "error: .*\"$what differs from the table" said || {
                echo "$compiler says nothing about $what"
                return 1
            }
        done
    done <found
}

if [ -n "$renew" ]; then
    if ! has_abidiff || ! has_library || ! has_x86_64; then
        echo "tests/abi.sh: $missing" >&2
        exit 1
    fi
    describe || exit 1
    python3 "$here/abi/layout.py" gaps new || exit 1
    for arch in x86_64 i386 armhf; do
        holds_on $arch new || {
            echo "tests/abi.sh: the header is laid out in another way on $arch" >&2
            exit 1
        }
    done
    if [ -e "$table" ] && [ -e "$baseline" ] && [ "$(abi_version "$table")" = "$(abi_version new)" ] && breaks; then
        echo "tests/abi.sh: older programs would break: raise CULVERT_ABI_VERSION first" >&2
        exit 1
    fi
    # Nothing of the machine that it was made on, nor of what the library was linked with.
    abidw --exported-interfaces-only --headers-dir "$include" --drop-private-types --no-show-locs --no-corpus-path \
        --no-comp-dir-path --no-elf-needed --type-id-style hash "$library" |
        sed "s|path='[^']*/src/abi/|path='src/abi/|" >abi
    if ! grep -q "class-decl name='culvert_config'" abi; then
        echo "tests/abi.sh: abidw finds no types in $library" >&2
        exit 1
    fi
    # Meson reads the version when it configures.
    if ! grep -q "soname='libculvert.so.$(abi_version new)'" abi; then
        echo "tests/abi.sh: the SONAME is not that of CULVERT_ABI_VERSION: run meson setup --reconfigure $1 first" >&2
        exit 1
    fi
    cp abi "$baseline" && cp new "$table"
    exit
fi

check the_table_is_that_of_the_header
check no_struct_has_padding
check the_table_is_true_on_x86_64 compiler_of_x86_64
check the_table_is_true_on_i386 compiler_of_i386
check the_table_is_true_on_armhf compiler_of_armhf
check another_table_is_told_apart compiler_of_x86_64
check the_library_has_the_abi_of_the_baseline abidiff library x86_64
check another_baseline_is_told_apart abidiff library x86_64
done_testing
