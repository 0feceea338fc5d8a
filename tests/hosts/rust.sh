#!/bin/sh
# culvert from Rust, as TAP: rust.sh BUILDDIR. Crates are built below BUILDDIR; nothing is fetched. STORM_CHANGES and
# STORM_SEED in the environment make another storm.
set -u
build=$(realpath "$1")
root=$(realpath "$(dirname "$0")/../..")
. "$root/tests/tap.sh"
export PKG_CONFIG_PATH="$build/meson-uninstalled" LD_LIBRARY_PATH="$build/src" CULVERTD="$build/src/daemon/culvertd"
export CARGO_HOME="$build/hosts/rust/home" CARGO_TARGET_DIR="$build/hosts/rust/target" CARGO_NET_OFFLINE=true
export CARGO_TERM_COLOR=never RUST_BACKTRACE=0

crates="bindings/rust examples/rust tests/hosts/rust"
: "${STORM_CHANGES:=1000}" "${STORM_SEED:=1}"

# carry COMMAND CRATE [ARGUMENT...]: cargo there, with the versions that stand in its lock file.
carry() {
    command=$1 manifest=$root/$2/Cargo.toml
    shift 2
    cargo "$command" --quiet --locked --manifest-path "$manifest" "$@"
}

# each COMMAND [ARGUMENT...]: in every crate.
each() {
    command=$1
    shift
    for crate in $crates; do
        carry "$command" "$crate" "$@" || return 1
    done
}

daemon=
trap '[ -z "$daemon" ] || kill "$daemon"; rm -rf "$dir"' EXIT

# through_culvertd COMMAND...: with a daemon at $endpoint, whose workers do not die. (Of a session that was closed, and
# is 0 to it then, it kills the worker when that takes its time to end.)
through_culvertd() {
    : >daemon.log
    "$CULVERTD" --socket "$dir/socket" --crash-dir "$dir" --hang 60000 2>>daemon.log &
    daemon=$!
    until grep -q 'info: ready' daemon.log; do
        kill -0 $daemon || no "culvertd does not start: $(cat daemon.log)" || return 1
        sleep 0.05
    done
    endpoint=unix:$dir/socket
    "$@"
    status=$?
    kill $daemon
    wait $daemon || no "culvertd ended with status $?: $(cat daemon.log)" || return 1
    daemon=
    [ $status -eq 0 ] && ! grep -E 'session [1-9][0-9]* .*(died|cut off|no life)' daemon.log
}

tested_there() { CULVERT_TEST_ENDPOINT=$endpoint carry test bindings/rust --test contract; }

# The example says how many access units it has sent; as many pictures come of them.
streamed() {
    carry run examples/rust -- "$dir/out.h264" 3 "$@" 2>sizes || no "$(cat sizes)" || return 1
    ffmpeg -nostdin -v error -f h264 -i out.h264 -fps_mode passthrough -autoscale 0 -progress progress -f null - 2>said
    [ ! -s said ] || no "ffmpeg says: $(cat said)" || return 1
    sent=$(sed -n 's/ access units$//p' sizes) decoded=$(sed -n 's/^frame=//p' progress | tail -n 1)
    [ "$(grep -c ' s: ' sizes)" -eq 3 ] && [ "$sent" -gt 3 ] && [ "$sent" = "$decoded" ] ||
        no "$sent access units, $decoded pictures: $(cat sizes)"
}

storm() {
    carry run tests/hosts/rust -- "$dir" "$STORM_CHANGES" "$STORM_SEED" "$@" >storm.log || return 1
    echo "# figure: $(rustc --version | cut -d ' ' -f 1-2)${1:+ through culvertd}: $(head -n 1 storm.log)" >&3
}
storm_there() { storm "$endpoint"; }
streamed_there() { streamed "$endpoint"; }

the_crates_pass_their_tests() { carry test bindings/rust -- --include-ignored; }
the_tests_pass_through_culvertd() { through_culvertd tested_there; }
the_code_of_the_page_runs() { carry test tests/hosts/rust --doc; }
the_example_streams_what_decodes() { streamed && through_culvertd streamed_there; }
the_storm_harms_nothing() { storm; }
the_storm_harms_nothing_through_culvertd() { through_culvertd storm_there; }
rustfmt_changes_nothing() {
    for crate in $crates; do
        cargo fmt --all --manifest-path "$root/$crate/Cargo.toml" -- --check || return 1
    done
}
clippy_finds_nothing() { each clippy --all-targets -- -D warnings; }
rustdoc_warns_of_nothing() { RUSTDOCFLAGS='-D warnings' carry doc bindings/rust --no-deps; }
the_source_tree_is_as_it_was() { (cd "$root" && find $crates -newer "$dir/began" -type f | grep . && return 1 || :); }

: >began
exec 3>&1
for name in the_crates_pass_their_tests the_tests_pass_through_culvertd the_code_of_the_page_runs; do
    check $name cargo pkg-config
done
for name in the_example_streams_what_decodes the_storm_harms_nothing the_storm_harms_nothing_through_culvertd; do
    check $name cargo pkg-config ffmpeg
done
check rustfmt_changes_nothing cargo rustfmt
check clippy_finds_nothing cargo pkg-config cargo-clippy
check rustdoc_warns_of_nothing cargo pkg-config rustdoc
check the_source_tree_is_as_it_was
done_testing
