#!/bin/sh
# Formatting and static analysis of every C file, as TAP: tests/analysis.sh BUILD_DIR
#
# BUILD_DIR is configured by Meson for gcc, and with -Dbuildtype=debug, so that what is asserted is known; nothing need be
# built there. What the tools look for stands in .clang-format, the .clang-tidy of each folder, tests/analysis and below.
# Each tool is also given a file with faults, and must find them: one that looks at nothing finds nothing.
set -u
if [ $# -ne 1 ] || [ ! -e "$1/compile_commands.json" ]; then
    echo "usage: tests/analysis.sh BUILD_DIR, made by: CC=gcc meson setup -Dbuildtype=debug BUILD_DIR" >&2
    exit 2
fi
build=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
folders="examples fuzz include src tests tools"
. "$here/tap.sh"

# prepare ROOT DIRECTORY: the names of the files of ROOT, and how they are compiled.
prepare() {
    mkdir -p "$2"
    (cd "$1" && find $folders -name '*.[ch]' 2>/dev/null | sort) >"$2/files"
    python3 "$here/analysis/database.py" "$build" "$1" "$2" >"$2/commands"
}

# each OPTION... COMMAND...: for each line of standard input, on all processors.
each() {
    xargs -d '\n' -P "$(nproc)" "$@"
}

# format ROOT DIRECTORY, and so the others: says what the tool finds; fails if that is anything.
format() {
    (cd "$1" && each -n 50 clang-format --dry-run -Werror --style=file <"$2/files")
}

# On standard error it counts what it does not show.
tidy() {
    sed -n 's/.* -c //p' "$2/commands" | each -n 1 clang-tidy --quiet -p "$2" 2>counts && return
    cat counts
    return 1
}

# Without its checks of style: whether a file is cut in the right places is not their matter, and where they say that a
# condition is always true, they do not know of signals, other threads and casts.
inspect() {
    cppcheck --project="$2/compile_commands.json" -j "$(nproc)" --quiet --error-exitcode=1 \
        --enable=warning,performance,portability --inline-suppr --library=posix --library=gnu \
        --library="$here/analysis/cppcheck.xml" --suppressions-list="$here/analysis/cppcheck.suppressions" \
        --template='{file}:{line}: {message} [{id}]' 2>&1
}

# Not the tests: they take memory without asking whether there was any.
analyse() {
    grep -v " -c $1/tests/" "$2/commands" |
        sed 's/$/ -fanalyzer -Werror -fdiagnostics-plain-output/' | each -n 1 sh -c
}

every_file_is_formatted() { format "$root" "$dir/all"; }
clang_tidy_finds_nothing() { tidy "$root" "$dir/all"; }
cppcheck_finds_nothing() { inspect "$root" "$dir/all"; }
the_analyzer_of_gcc_finds_nothing() { analyse "$root" "$dir/all"; }

# plant: faults at a place that real ones may have, below $dir/planted.
plant() {
    mkdir -p planted/src/base
    cp "$root/.clang-format" "$root/.clang-tidy" planted
    cat >planted/src/base/planted.h <<'C'
static inline int planted_nowhere(void)
{
    const int *nowhere = 0;
    return *nowhere;
}
C
    cat >planted/src/base/planted.c <<'C'
#include "planted.h"

#include <stdlib.h>

int planted(int size)
{
    char *text = malloc(16);
    if (text == NULL)
        return planted_nowhere();
    if (size > 16)
        return -1;
    free(text);
      return text[0];
}
C
    prepare "$dir/planted" "$dir/planted"
}

# sees COMMAND FINDING...: it fails on what is planted, and for these reasons.
sees() {
    command=$1
    shift
    plant || return 1
    ! "$command" "$dir/planted" "$dir/planted" >said 2>&1 || no "it finds nothing" || return 1
    for finding in "$@"; do
        grep -qe "$finding" said || no "it does not find $finding: $(cat said)" || return 1
    done
}

clang_format_finds_what_is_planted() { sees format 'planted\.c:.*clang-format-violations'; }
clang_tidy_finds_what_is_planted() {
    sees tidy 'planted\.h:4:.*NullDereference' 'planted\.c:11:.*unix\.Malloc' 'planted\.c:13:.*unix\.Malloc'
}
cppcheck_finds_what_is_planted() {
    sees inspect 'planted\.h:4:.*nullPointer' 'planted\.c:11:.*memleak'
}
the_analyzer_of_gcc_finds_what_is_planted() {
    sees analyse 'planted\.h:4:.*null-dereference' 'planted\.c:11:.*malloc-leak' 'planted\.c:13:.*use-after-free'
}

prepare "$root" "$dir/all" || exit 1
check every_file_is_formatted clang-format
check clang_format_finds_what_is_planted clang-format
check clang_tidy_finds_nothing clang-tidy
check clang_tidy_finds_what_is_planted clang-tidy
check cppcheck_finds_nothing cppcheck
check cppcheck_finds_what_is_planted cppcheck
check the_analyzer_of_gcc_finds_nothing gcc
check the_analyzer_of_gcc_finds_what_is_planted gcc
done_testing
