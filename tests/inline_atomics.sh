#!/bin/sh
# The atomics on a frame's way are single instructions, or a loop of a few, on x86-64 and ARMv7, as TAP:
# inline_atomics.sh ROOT CC...; CC is this machine's compiler. The sources are compiled here by each compiler there is
# for those machines, and the objects disassembled; nothing is run. Where another machine's C library has no headers
# here, this machine's serve: what differs is no atomic.
set -u
root=$(realpath "$1")
shift
cc="$*"
. "$root/tests/tap.sh"

# What a frame passes, and who waits for it, holds it or lends it.
way="base/doorbell base/handle base/platform_linux base/region frame/mailbox frame/queue frame/ring session/control
    session/deliver session/inside session/lease session/loan session/outbox session/packets session/receive
    session/session session/stats session/submit session/work"
others='libatomic|__atomic_|__sync_|__kuser_|__aeabi_.*atomic'

lacks() { ! "has_$1"; }

# compilers ARCH: those at hand, one a line, that say that it is what they compile for, in $arch.found; $dump shows it.
compilers() {
    case $1 in
    x86_64)
        macro=__x86_64__ candidates="$cc|gcc -m64|clang --target=x86_64-linux-gnu"
        dumps="objdump x86_64-linux-gnu-objdump"
        ;;
    armv7)
        macro=__ARM_ARCH_7A__ dumps="arm-linux-gnueabihf-objdump llvm-objdump llvm-objdump-14"
        candidates="clang --target=armv7-linux-gnueabihf|arm-linux-gnueabihf-gcc|arm-linux-gnueabihf-gcc-12"
        ;;
    esac
    echo "$candidates" | tr '|' '\n' | sort -u | while read -r compiler; do
        if $compiler -E -dM -x c /dev/null 2>/dev/null | grep -q "^#define $macro "; then
            echo "$compiler"
        fi
    done >"$1.found"
    dump=
    for candidate in $dumps; do
        command -v "$candidate" >/dev/null && dump=$candidate && break
    done
}

has_x86_64() { has_tools x86_64; }
has_armv7() { has_tools armv7; }
has_tools() {
    compilers "$1"
    missing="there is no compiler for $1, or nothing that disassembles it"
    [ -s "$1.found" ] && [ -n "$dump" ]
}

# The directories where the native compiler finds the system's headers, but for its own.
headers() {
    $cc -E -v -x c /dev/null 2>&1 | sed -n '/^#include </,/^End/s/^ \(.*\)/\1/p' | grep -v '/lib/\(gcc\|llvm\|clang\)'
}

# Nothing optional; and in glibc's headers of x86-64, no list of 32-bit stubs, and no type or attribute that ARM has not.
mkdir -p plain/gnu plain/bits
printf '#define %s 0\n' HAVE_X264 HAVE_VPX HAVE_VALGRIND HAVE_PROBES HAVE_SECCOMP >plain/config.h
: >plain/gnu/stubs-32.h
{
    printf '#define __HAVE_%s 0\n' FLOAT128 DISTINCT_FLOAT128 FLOAT64X FLOAT64X_LONG_DOUBLE
    echo '#include <bits/floatn-common.h>'
} >plain/bits/floatn.h
flags="-std=c11 -O2 -D_GNU_SOURCE -DNDEBUG -fPIC -w -D__regparm__(n)=__unused__ -Iplain -I$root -I$root/src -I$root/include"
for directory in $(headers); do
    system="${system:-} -isystem $directory"
done

# compile COMPILER SOURCE OBJECT
compile() {
    $1 $flags -I"$(dirname "$2")" $system -c "$2" -o "$3"
}

# compile_way ARCH: an object for each source and compiler, in ARCH/NUMBER.
compile_way() {
    each=0
    while read -r compiler; do
        each=$((each + 1))
        mkdir -p "$1/$each"
        for source in $way; do
            compile "$compiler" "$root/src/$source.c" "$1/$each/$(basename "$source").o" </dev/null || return 1
        done
    done <"$1.found"
}

show() { $dump -d -r "$1"; }

# wide ARCH OBJECT: prints the atomic instructions of 64 bits or more. x86-64 loads and stores as many by a plain mov:
# that these are no atomics shows on ARM, where they would be ldrexd.
wide() {
    case $1 in
    armv7) show "$2" | grep -E '\b(ldrexd|strexd|ldaexd|stlexd)\b' ;;
    x86_64)
        show "$2" |
            grep -E 'cmpxchg(8|16)b|\block (\w+q\b|\w+ +%r([a-ds][xip]|[0-9]+),)|\bxchg +%r([a-ds][xip]|[0-9]+),.*\('
        ;;
    esac
}

called() { show "$1" | grep -E "$others"; }

# none ARCH COMMAND...: it finds nothing in any object.
none() {
    arch=$1 looked=0
    shift
    for object in "$arch"/*/*.o; do
        looked=$((looked + 1))
        ! "$@" "$object" || no "in $object" || return 1
    done
    echo "$looked objects"
    [ "$looked" -ge "$(echo "$way" | wc -w)" ]
}

# has ARCH OBJECT PATTERN...: each instruction is there, by every compiler.
has() {
    for object in "$1"/*/"$2".o; do
        shift 2
        for pattern in "$@"; do
            show "$object" | grep -qE "$pattern" || no "$object has no $pattern" || return 1
        done
        set -- "$arch" "$(basename "$object" .o)" "$@"
    done
}

every_source_on_the_way_compiles_with_its_asserted_alignment() { compile_way x86_64 && compile_way armv7; }

no_atomic_on_x86_64_is_a_call() { compilers x86_64 && none x86_64 called; }
no_atomic_on_armv7_is_a_call() { compilers armv7 && none armv7 called; }
no_atomic_on_x86_64_has_64_bits() { compilers x86_64 && none x86_64 wide x86_64; }
no_atomic_on_armv7_has_64_bits() { compilers armv7 && none armv7 wide armv7; }

no_source_declares_a_64_bit_atomic() {
    grep -rnE '_Atomic' "$root/src" --include='*.[ch]' >declared
    [ "$(wc -l <declared)" -ge 10 ] || no "no atomics are found" || return 1
    ! grep -vE '_Atomic (uint32_t|int|bool|pid_t)\b|\*_Atomic ' declared | grep -E '_Atomic[ (]'
}

the_instructions_are_those_of_x86_64() {
    arch=x86_64 && compilers x86_64
    has x86_64 mailbox '\bxchg +%e' && has x86_64 handle '\block cmpxchg +%e' && has x86_64 region '\block (xadd|add|sub|inc|dec)l?'
}

the_instructions_are_those_of_armv7() {
    arch=armv7 && compilers armv7
    has armv7 mailbox '\bldrex\b' '\bstrex\b' '\bdmb\b' && has armv7 handle '\bldrex\b' '\bstrex\b' '\bdmb\b' &&
        has armv7 region '\bldrex\b' '\bstrex\b' && has armv7 ring '\bdmb\b' && has armv7 queue '\bdmb\b'
}

# What must be found: one of 64 bits, and one that no machine has.
cat >control.c <<'C'
#include <stdatomic.h>
#include <stdint.h>
struct large { uint64_t part[4]; };
uint64_t count(_Atomic uint64_t *word) { return atomic_fetch_add(word, 3); }
uint64_t swap(_Atomic uint64_t *word, uint64_t value) { return atomic_exchange(word, value); }
struct large get(_Atomic struct large *place) { return atomic_load(place); }
C

found_on() {
    compilers "$1"
    while read -r compiler; do
        compile "$compiler" control.c control.o </dev/null || return 1
        [ "$(wide "$1" control.o | wc -l)" -ge 2 ] || no "$compiler: 64 bits are not found" || return 1
        called control.o || no "$compiler: the call is not found" || return 1
    done <"$1.found"
}

what_is_wrong_on_x86_64_is_found() { found_on x86_64; }
what_is_wrong_on_armv7_is_found() { found_on armv7; }

# An index that shares its line with the other.
alignment_that_is_lost_does_not_compile() {
    mkdir -p lost/frame
    sed 's/alignas(CACHE_LINE) \(_Atomic uint32_t tail\)/\1/' "$root/src/frame/ring.h" >lost/frame/ring.h
    ! cmp -s lost/frame/ring.h "$root/src/frame/ring.h" || no "ring.h has another tail" || return 1
    cp "$root/src/frame/ring.c" lost/frame
    cat x86_64.found armv7.found >found
    while read -r compiler; do
        ! $compiler -Ilost $flags $system -c lost/frame/ring.c -o lost.o </dev/null 2>said || return 1
        grep -q 'each index has its cache lines to itself' said || no "$compiler: $(cat said)" || return 1
    done <found
}

check every_source_on_the_way_compiles_with_its_asserted_alignment x86_64 armv7
check alignment_that_is_lost_does_not_compile x86_64 armv7
check no_source_declares_a_64_bit_atomic
for arch in x86_64 armv7; do
    check no_atomic_on_${arch}_is_a_call $arch
    check no_atomic_on_${arch}_has_64_bits $arch
    check the_instructions_are_those_of_$arch $arch
    check what_is_wrong_on_${arch}_is_found $arch
done
done_testing
