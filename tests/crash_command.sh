#!/bin/sh
# `culvert crash`, as TAP: crash_command.sh CULVERT CRASHER SYMBOLS. CRASHER REPORT leaves a crash report; SYMBOLS says
# whether this build looks up functions.
set -u
culvert=$(realpath "$1") crasher=$(realpath "$2") symbols=$3
. "$(dirname "$0")/tap.sh"
cp "$crasher" crasher
# The shell's own word about the signal is not wanted.
(./crasher report; true) >/dev/null 2>&1

lacks() {
    missing="this build looks up no functions"
    [ "$symbols" != true ]
}

# run STATUS ARGUMENT...: ends with that status, and says one line when that is not 0.
run() {
    wanted=$1
    shift
    status=0
    "$culvert" crash "$@" >stdout 2>stderr || status=$?
    [ $status -eq "$wanted" ] || no "culvert crash $*: status $status instead of $wanted: $(cat stderr)" || return 1
    [ $status -ne 0 ] || [ ! -s stderr ] || no "culvert crash $*: $(cat stderr)" || return 1
    [ $status -eq 0 ] || [ "$(wc -l <stderr)" -eq 1 ] || no "culvert crash $*: not one line: $(cat stderr)"
}

prints() {
    grep -q -e "$1" stdout || no "'$1' is not in: $(cat stdout)"
}

says() {
    grep -q -e "$1" stderr || no "'$1' is not in: $(cat stderr)"
}

a_report_begins_with_a_sentence_that_says_what_happened() {
    run 0 report && head -n 1 stdout >first && mv first stdout &&
        prints '^culvert [0-9.]*, process [0-9]*, thread [0-9]* (crasher), died of SIGSEGV' &&
        prints ', while it encoded frame 17: it touched 0x18, where nothing is mapped\.$'
}

settings_events_and_modules_are_listed() {
    run 0 report && prints '^  codec  *h264$' && prints '^  width  *640$' &&
        prints '^ *-[0-9]*\.[0-9]*  key  *frame=17 bytes=12345 qp=30$' && prints "^  $dir/crasher$" &&
        prints '^  #0 ' && ! grep note: stdout
}

functions_are_named_in_order() {
    run 0 report || return 1
    prints '^culvert .* in touch_nothing on ' && prints '^  #0 .* touch_nothing+0x' &&
        prints '^  #1 .* encode_a_frame+0x.*(crasher+0x' && prints '^  #2 .* main+0x'
}

a_build_without_libdw_prints_modules_and_offsets() {
    run 0 report && prints '^  #0 .*  crasher+0x[0-9a-f]*$' && prints 'note: .* built without libdw'
}

another_file_in_the_modules_place_is_not_taken_for_it() {
    cp "$culvert" crasher
    run 0 report && prints "note: $dir/crasher is another file by now" && prints '^  #0 .*  crasher+0x[0-9a-f]*$' &&
        ! grep touch_nothing stdout || return 1
    rm crasher
    run 0 report && prints "note: $dir/crasher is not there any more" && prints '^  #0 .*  crasher+0x[0-9a-f]*$' ||
        return 1
    for other in mkfifo mkdir; do
        $other crasher
        run 0 report && prints "note: $dir/crasher is not there any more, or cannot be read" || return 1
        rm -r crasher
    done
    cp "$crasher" crasher
}

a_report_comes_from_standard_input_too() {
    run 0 report && mv stdout expected && run 0 - <report && cmp stdout expected
}

a_report_that_was_cut_short_is_printed_as_far_as_it_goes() {
    run 0 report && [ "$(grep -c 'cut short' stdout)" -eq 0 ] || no "the whole report is taken for a cut one" || return 1
    size=$(wc -c <report)
    for part in 2 3 5 20; do
        head -c $((size / part)) report >cut
        run 0 cut && prints '^culvert ' && prints '^note: the report was cut short' || return 1
    done
}

what_is_no_report_is_refused_with_its_line() {
    echo nonsense >bad && run 1 bad && says '^culvert: bad is no crash report of culvertd: line 1: ' || return 1
    : >empty && run 1 empty && says 'line 1: ' || return 1
    sed '3s/.*/architecture/' report >bad && run 1 bad && says 'line 3: ' || return 1
    sed '1s/1$/2/' report >bad && run 1 bad && says 'line 1: format 2' || return 1
    head -c 3000000 /dev/zero >bad && run 1 bad && says 'line 1: ' || return 1
    { cat report && printf '\033[2J\n'; } >bad && run 1 bad && says 'control character'
}

what_cannot_be_read_is_said() {
    run 1 nowhere && says '^culvert: cannot open nowhere: ' && run 1 . && says '^culvert: cannot read \.: '
}

a_command_line_that_is_wrong_exits_2_with_one_line() {
    for line in '' 'report report' '--bogus'; do
        # shellcheck disable=SC2086
        run 2 $line && says '(see culvert crash --help)' && [ ! -s stdout ] || return 1
    done
    run 0 --help && prints '^usage: culvert crash FILE'
}

check a_report_begins_with_a_sentence_that_says_what_happened
check settings_events_and_modules_are_listed functions
check functions_are_named_in_order functions
[ "$symbols" = true ] || check a_build_without_libdw_prints_modules_and_offsets
check another_file_in_the_modules_place_is_not_taken_for_it functions
check a_report_comes_from_standard_input_too
check a_report_that_was_cut_short_is_printed_as_far_as_it_goes
check what_is_no_report_is_refused_with_its_line
check what_cannot_be_read_is_said
check a_command_line_that_is_wrong_exits_2_with_one_line
done_testing
