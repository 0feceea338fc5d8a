#!/bin/sh
# What documents say, against what there is, as TAP: documents.sh BUILD LIBRARY CULVERT CULVERTD CRASHER CC...
# CRASHER REPORT leaves a crash report.
set -u
build=$(realpath "$1") library=$(realpath "$2") culvert=$(realpath "$3") culvertd=$(realpath "$4")
crasher=$(realpath "$5")
shift 5
cc=$*
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
header=$root/include/culvert/culvert.h clip=$here/media/doom-320x240.mkv
. "$here/command_kit.sh"
own= daemon= publisher=
clear_up() {
    for process in $own $daemon; do
        kill -9 "$process" 2>/dev/null
    done
    rm -rf "$dir"
}
trap clear_up EXIT

about() {
    python3 "$here/documents/read.py" "$root" "$@"
}

# ---- The header

# doxygen_over HEADER: complains of each public name without a comment, and leaves what it found in xml.
doxygen_over() {
    rm -rf xml
    doxygen - <<DOXYFILE
QUIET = YES
INPUT = $1
INPUT_FILTER = "python3 $here/documents/header_filter.py"
OUTPUT_DIRECTORY = $dir
GENERATE_HTML = NO
GENERATE_LATEX = NO
GENERATE_XML = YES
XML_PROGRAMLISTING = NO
OPTIMIZE_OUTPUT_FOR_C = YES
EXTRACT_ALL = NO
WARN_IF_UNDOCUMENTED = YES
WARN_IF_DOC_ERROR = YES
WARN_AS_ERROR = FAIL_ON_WARNINGS
MACRO_EXPANSION = YES
EXPAND_ONLY_PREDEF = YES
PREDEFINED = CULVERT_API=
DOXYFILE
    status=$?
    # Doxygen of Debian 12 says nothing of an enum's values, nor of a file that it takes for empty.
    python3 -c '
import sys, xml.etree.ElementTree as tree
found = {"function": 0, "enumvalue": 0, "error": 0}
status = 0
for element in tree.parse("xml/culvert_8h.xml").iter():
    kind = element.get("kind") if element.tag == "memberdef" else element.tag
    if kind not in found:
        continue
    name = element.findtext("name")
    found[kind] += 1
    found["error"] += name.startswith("CULVERT_E_")
    if not any("".join(element.find(part).itertext()).strip() for part in ("briefdescription", "detaileddescription")):
        print(name, "is not documented")
        status = 1
text = open(sys.argv[1]).read()
wanted = text.count("\nCULVERT_API "), text.count("    X(")
if (found["function"], found["error"]) != wanted:
    sys.exit(f"Doxygen finds {found}, and not {wanted} functions and errors")
sys.exit(status)' "$1" && return $status
}

every_name_in_the_header_has_a_comment() {
    doxygen_over "$header"
}

# without WHAT SED: Doxygen complains of WHAT, and of nothing else, when sed has taken its comment away.
without() {
    mkdir -p copy && sed "$2" "$header" >copy/culvert.h
    ! cmp -s "$header" copy/culvert.h || no "sed changes nothing for $1" || return 1
    ! doxygen_over copy/culvert.h >said 2>&1 || no "nothing is said of $1" || return 1
    grep -q "is not documented" said && ! grep -vw "$1" said || no "without $1: $(cat said)"
}

a_name_without_a_comment_is_found() {
    without culvert_version '/^\/\* "[0-9.]*"; static. \*\/$/d' &&
        without culvert_encode '/^\/\* Submits a frame and waits/s/\/\*/\n&/;/^ \* (CULVERT_E_HANDLE). \*\/$/s/$/\n/' &&
        without culvert_latency '/^\/\* Durations in microseconds/d' &&
        without keyframes '/uint64_t keyframes;/s|/\*.*||' &&
        without CULVERT_CODEC_VP8 '/CULVERT_CODEC_VP8 =/s|/\*.*||' &&
        without CULVERT_NEVER '/define CULVERT_NEVER/s|/\*.*||' &&
        without culvert_loan '/^\/\* Memory that is lent to the host/d'
}

# ---- C

# compiles FILE PLACE: the fragment, with what it leaves open, or the program.
compiles() {
    set -- "$1" "$2" "$here/documents/fragment.c"
    ! grep -q 'int main(' "$1" || set -- "$1" "$2" "$1"
    $cc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror "-DFRAGMENT=\"$dir/$1\"" -I"$root/include" "$3" -o program \
        "$library" "-Wl,-rpath,$(dirname "$library")" || no "$2 does not compile"
}

each_c_block_compiles() {
    about fragments "$dir" >blocks || return 1
    [ -s blocks ] || no 'no block is found' || return 1
    while read -r file place; do
        compiles "$file" "$place" || return 1
    done <blocks
}

each_c_block_runs() {
    each_c_block_compiles || return 1
    while read -r file place; do
        compiles "$file" "$place" && ./program || no "$place does not run" || return 1
    done <blocks
}

# ---- Commands

# stub NAME: a program of that name, for a command line in a document; its text is standard input.
stub() {
    { echo '#!/bin/sh' && cat; } >"bin/$1"
    chmod +x "bin/$1"
}

prepare() {
    mkdir -p bin run var
    ln -sf "$culvert" bin/culvert
    ln -sf "$culvertd" bin/culvertd
    ln -sfn "$root/examples" examples
    # Half a second of frames, and more until the game is over.
    stub game <<STUB
exec python3 -c '
import os, sys, time
for n in range(3600):
    if n >= 30 and os.path.exists("$dir/over"):
        break
    sys.stdout.buffer.write(bytes([n % 200]) * (640 * 480 * 2))
    sys.stdout.buffer.flush()
    time.sleep(1 / 60)'
STUB
    echo 'cat >viewed' | stub viewer
    echo 'cat >viewed' | stub ffplay
    ln -sf "$clip" clip.mkv
    head -c $((256 * 224 * 2 * 30)) /dev/zero >frames.raw
    for file in $(cut -f 2 lines | grep -o '[a-z0-9-]*\.y4m' | sort -u); do
        # In the size that its name has.
        size=$(echo "$file" | grep -o '[0-9]*x[0-9]*' || echo 320x240)
        made "$file" "${size%x*}" "${size#*x}" 30 60:1 || return 1
    done
    for file in $(cut -f 2 lines | grep -o '[a-z0-9-]*\.crash' | sort -u); do
        (cd var && "$crasher" "$file"; true) >/dev/null 2>&1
        [ -s "var/$file" ] || no "no report is there: $file" || return 1
    done
}

# until_there COMMAND...: for ten seconds.
until_there() {
    for attempt in $(seq 200); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.05
    done
    no "in vain, $attempt times: $*"
}

is_published() {
    culvert top --once --interval 0.1 | grep -q ' game '
}

# wrote LINE: its output, where it names one.
wrote() {
    for file in $(echo "$1" | sed -n 's/.* -o \([a-z][^ ]*\).*/\1/p;s/.*\.\/encode \([^ ]*\).*/\1/p'); do
        [ -s "$file" ] || no "$1: $file is empty" || return 1
    done
}

# play LINE: as a reader would, who ends what does not end by itself.
play() {
    case $1 in
    'culvertd '*)
        eval "exec $1" &
        daemon=$!
        until_there grep -q 'info: ready' "$said" || return 1
        kill $daemon && wait $daemon && daemon=
        ;;
    'game | culvert publish '*)
        rm -f over viewed
        sh -c "$1" &
        publisher=$!
        until_there is_published || return 1
        case $1 in
        *'| ffplay -') touch over && wait $publisher && publisher= && [ -s viewed ] ;;
        esac
        ;;
    'culvert top'*)
        # It goes on until it is interrupted.
        timeout --preserve-status -s TERM 3 $1 && grep -q "${publisher:+ game }" "$said"
        ;;
    'culvert record '*)
        set -- "$1" $1
        sh -c "$1" &
        recorder=$!
        until_there test -s "$5" && touch over && wait $publisher && publisher= && wait $recorder && [ -s "$5.json" ]
        ;;
    *'| viewer' | *'| ffplay -')
        rm -f viewed
        sh -c "$1" && [ -s viewed ]
        ;;
    *) sh -c "$1" && wrote "$1" ;;
    esac
}

each_command_line_runs() {
    about commands >lines || return 1
    [ "$(wc -l <lines)" -ge 10 ] || no 'the command lines are not found' || return 1
    prepare || return 1
    PATH=$dir/bin:$PATH CULVERT_ENDPOINT=unix:$dir/culvertd.sock CULVERT_MEDIA=$clip
    PKG_CONFIG_PATH=$build/meson-uninstalled LD_LIBRARY_PATH=$(dirname "$library")
    export PATH CULVERT_ENDPOINT CULVERT_MEDIA PKG_CONFIG_PATH LD_LIBRARY_PATH
    culvertd --socket "$dir/culvertd.sock" 2>own.log &
    own=$!
    until_there grep -q 'info: ready' own.log || return 1
    touch over
    count=0 failed=0
    while IFS='	' read -r path line <&3; do
        count=$((count + 1))
        said=$count.said
        line=$(printf "%s\n" "$line" | sed "s|/run/culvert/|$dir/run/|;s|/var/lib/culvert|$dir/var|")
        printf "%s\n" "$line" >$said
        play "$line" >>$said 2>&1 3<&- </dev/null || {
            no "$path: $(cat $said)"
            failed=1
        }
    done 3<lines
    touch over
    kill $own && wait $own && own= && [ $failed -eq 0 ]
}

each_block_is_known() {
    about blocks
}

# ---- Names

listed_options() {
    for command in encode publish demo top record; do
        "$culvert" $command --help || return 1
    done >help
    "$culvertd" --help >help.daemon
}

each_option_in_a_document_exists() {
    listed_options && about options "$dir/help" "$dir/help.daemon"
}

the_manual_of_culvertd_has_the_options_of_its_help() {
    listed_options || return 1
    grep -Eo -e '^  --[a-z-]+' help.daemon | tr -d ' ' | sort >listed
    sed -n '/^\.SH OPTIONS/,/^\.SH SIGNALS/{/^\.TP/{n;s/\\-/-/g;p}}' "$root/src/daemon/culvertd.8" |
        grep -Eo -e '--[a-z-]+' | sort >described
    [ -s listed ] && diff described listed
}

the_manual_of_culvert_has_the_options_of_its_help() {
    listed_options || return 1
    grep -Eo -e '^ +(-.,)? *--[a-z0-9-]+' help | grep -Eo -e '--[a-z0-9-]+' | sort -u >listed
    sed -n 's/^\.It.* Fl -\([a-z0-9-]*\).*/--\1/p' "$root/tools/culvert.1" | sort -u >described
    [ -s listed ] && diff described listed
}

each_name_of_the_library_in_a_document_exists() {
    about names
}

each_link_and_path_leads_somewhere() {
    about paths
}

each_test_and_target_in_a_command_line_exists() {
    about tests "$build"
}

# ---- Promises

each_error_is_expected_by_a_test() {
    about errors
}

each_number_in_the_readme_is_true() {
    about numbers "$dir"
}

check every_name_in_the_header_has_a_comment doxygen
check a_name_without_a_comment_is_found doxygen
check each_c_block_compiles
check each_c_block_runs h264
check each_block_is_known
about told | sed 's/^/# not run: /'
check each_command_line_runs h264 vp8 ffmpeg pkg-config
check each_option_in_a_document_exists
check the_manual_of_culvertd_has_the_options_of_its_help
check the_manual_of_culvert_has_the_options_of_its_help
check each_name_of_the_library_in_a_document_exists
check each_link_and_path_leads_somewhere
check each_test_and_target_in_a_command_line_exists h264 vp8
check each_error_is_expected_by_a_test
check each_number_in_the_readme_is_true
done_testing
