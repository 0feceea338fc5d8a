#!/bin/sh
# The package for Node.js, as TAP: node.sh BUILDDIR. It is copied into the build directory, where npm puts its needs.
# STORM_CHANGES and STORM_SEED say how often the games of the storm change their size, and how.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath "$1")
. "$root/tests/tap.sh"
export LD_LIBRARY_PATH="$build/src${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" CULVERTD="$build/src/daemon/culvertd"
export npm_config_cache="$build/hosts/npm" npm_config_update_notifier=false TMPDIR="$dir"
# Without a network it is to give up soon.
export npm_config_fetch_retries=1 npm_config_fetch_retry_mintimeout=1000
package=$build/hosts/node/culvert
daemon=
clear_up() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null
    rm -rf "$dir"
}
trap clear_up EXIT

# What is found below the package's directory finds the package by its name.
copy_package() {
    mkdir -p "$package"
    for old in "$package"/*; do
        [ "$(basename "$old")" = node_modules ] || rm -rf "$old"
    done
    cp -r "$root"/bindings/node/* "$package"
    cp -r "$root"/examples/node "$package/examples"
    cp -r "$root"/tests/hosts/node "$package/storm"
}

# koffi comes with its library for each machine: nothing needs to be built.
install_needs() {
    cmp -s "$package/package-lock.json" "$package/node_modules/.for" && return
    (cd "$package" && timeout 300 npm ci --ignore-scripts --no-audit --no-fund && cp package-lock.json node_modules/.for)
}

has_codec() {
    (cd "$package" &&
        node -e "import('culvert').then((c) => process.exit(c.hasCodec(c.Codec.$1) ? 0 : 1))") 2>/dev/null
}

lacks() {
    case $1 in
    node18)
        missing="there is no Node.js of version 18 or later"
        ! node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null
        ;;
    koffi)
        missing="koffi is not to be had"
        [ ! -e "$package/node_modules/koffi/package.json" ]
        ;;
    typescript)
        missing="there is no TypeScript"
        [ ! -e "$package/node_modules/typescript/bin/tsc" ]
        ;;
    culvertd)
        missing="this build has no culvertd"
        [ ! -x "$CULVERTD" ]
        ;;
    h264) missing="this build has no x264" && ! has_codec H264 ;;
    vpx) missing="this build has no libvpx" && ! has_codec VP9 ;;
    *)
        missing="there is no $1"
        ! command -v "$1" >/dev/null
        ;;
    esac
}

start_daemon() {
    [ -z "$daemon" ] || return 0
    "$CULVERTD" --socket "$dir/socket" --deaths 5/60 --hang 60000 2>"$dir/daemon.log" &
    daemon=$!
    for _ in $(seq 200); do
        ! grep -q "info: ready" "$dir/daemon.log" || return 0
        sleep 0.1
    done
    no "culvertd does not get ready: $(cat "$dir/daemon.log")"
}

# The figures go on to the log of the tests.
figures() { sed -n 's/.*\(# figure: .*\)/\1/p' "$1" >&3; }

unit_tests() {
    (cd "$package" && timeout 600 node --expose-gc --test test/*.test.js) >said 2>&1
    status=$?
    figures said
    [ $status -eq 0 ] || no "$(grep -A25 '^not ok\|^# fail' said)"
}

storm() {
    (cd "$package" && timeout 3600 node --expose-gc storm/storm.js "${STORM_CHANGES:-300}" "${STORM_SEED:-1}") >said 2>&1
    status=$?
    figures said
    [ $status -eq 0 ] || no "$(cat said)"
}

# stream SECONDS [ENDPOINT]: what the example writes decodes to as many frames as it says.
stream() {
    node "$package/examples/streamer.mjs" - "$@" >out.h264 2>said || no "$(cat said)" || return 1
    ffmpeg -v error -nostats -progress progress -f h264 -i out.h264 -fps_mode passthrough -f null - 2>complaints
    [ ! -s complaints ] || no "ffmpeg: $(cat complaints)" || return 1
    encoded=$(sed -n 's/^\([0-9]*\) frames encoded.*/\1/p' said)
    decoded=$(sed -n 's/^frame=//p' progress | tail -1)
    [ "$encoded" -gt 0 ] && [ "$decoded" -ge "$encoded" ] || no "$encoded frames were encoded, $decoded decoded"
    grep -q 'epoch 2: 320x240' said || no "$(cat said)"
}

# blocks: each block of the page as a module of its own, block-1.mjs and so on.
blocks() {
    awk -v to="$package/block-" '/^```js$/ {n++; in_block = 1; next} /^```/ {in_block = 0}
        in_block {print > (to n ".mjs")}' "$root/docs/hosts/node.md"
}

everything_in_process() { unit_tests; }
everything_through_culvertd() { start_daemon && CULVERT_ENDPOINT="unix:$dir/socket" unit_tests; }
a_storm_of_changing_sizes_in_process() { storm; }
a_storm_of_changing_sizes_through_culvertd() { start_daemon && CULVERT_ENDPOINT="unix:$dir/socket" storm; }
the_example_streams() { stream 3; }
the_example_streams_through_culvertd() { start_daemon && stream 2 "unix:$dir/socket"; }

the_example_says_what_is_wrong() {
    ! node "$package/examples/streamer.mjs" - 1 unix:/nonexistent/culvert 2>said || return 1
    grep -q 'CULVERT_E_GONE.*/nonexistent/culvert' said || no "$(cat said)"
}

the_page_says_what_is_so() {
    blocks
    for block in "$package"/block-*.mjs; do
        node --check "$block" || return 1
    done
    (cd "$dir" && node "$package/block-1.mjs") && ffmpeg -v error -f h264 -i out.h264 -f null - 2>complaints
    [ -s out.h264 ] && [ ! -s complaints ] || no "$(cat complaints)" || return 1
    node "$package/block-2.mjs" | grep -q '^CULVERT_E_RANGE bitrate_kbps is 600000: set 1 to 500000'
}

the_types_take_what_is_right_and_refuse_what_is_not() {
    (cd "$package" &&
        node node_modules/typescript/bin/tsc --strict --noEmit --target es2022 --module nodenext storm/types.ts)
}

the_package_installs_elsewhere() {
    mkdir -p app && cd app && echo '{}' >package.json
    timeout 300 npm install --prefer-offline --ignore-scripts --no-audit --no-fund --install-links \
        "$root/bindings/node" || return 1
    [ ! -e node_modules/culvert/test ] || no "its tests are installed with it" || return 1
    version=$(node --input-type=module -e "import { version } from 'culvert'; console.log(version);")
    cd .. && [ "$version" = "$("$root/tools/version.sh")" ] || no "it finds libculvert $version"
}

exec 3>&1
if ! lacks node18; then
    copy_package
    install_needs >"$dir/npm.log" 2>&1
    echo "# figure: Node.js $(node --version)"
fi
check everything_in_process node18 koffi h264 vpx
check everything_through_culvertd node18 koffi h264 vpx culvertd
check the_example_streams node18 koffi h264 ffmpeg
check the_example_streams_through_culvertd node18 koffi h264 culvertd ffmpeg
check the_example_says_what_is_wrong node18 koffi
check a_storm_of_changing_sizes_in_process node18 koffi ffmpeg
check a_storm_of_changing_sizes_through_culvertd node18 koffi culvertd ffmpeg
check the_page_says_what_is_so node18 koffi h264 ffmpeg
check the_types_take_what_is_right_and_refuse_what_is_not node18 koffi typescript
check the_package_installs_elsewhere node18 koffi npm
done_testing
