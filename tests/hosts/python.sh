#!/bin/sh
# The binding for Python, as TAP: python.sh BUILDDIR. PYTHON is the interpreter; else Debian's, which has numpy, black
# and mypy as packages, before any other. Everything is written below BUILDDIR, or in a directory that is gone afterwards.
set -u
root=$(realpath "$(dirname "$0")/../..")
build=$(realpath "$1")
. "$root/tests/tap.sh"

python=${PYTHON:-}
[ -n "$python" ] || python=/usr/bin/python3
[ -n "${PYTHON:-}" ] || [ -x "$python" ] || python=python3
export CULVERTD="$build/src/daemon/culvertd" LD_LIBRARY_PATH="$build/src" PYTHONPATH="$root/bindings/python"
export PKG_CONFIG_PATH="$build/meson-uninstalled" PYTHONPYCACHEPREFIX="$build/python/cache"
own=$root/tests/hosts/python
sources="$root/bindings/python $own $root/examples/python"

lacks() {
    missing="there is no $1"
    case $1 in
    python)
        missing="there is no Python 3.9 or later"
        ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null
        ;;
    black | mypy | pyflakes) ! "$python" -m "$1" --version >/dev/null 2>&1 ;;
    wheel)
        missing="there is no pip, setuptools, venv or wheel for Python"
        found='all(map(importlib.util.find_spec, ("pip", "setuptools", "venv", "wheel")))'
        ! "$python" -c "import importlib.util, sys; sys.exit(not $found)"
        ;;
    *) ! command -v "$1" >/dev/null ;;
    esac
}

figure() { echo "$*" >>figures; }

the_unit_tests_pass() { "$python" "$own/run.py"; }
the_unit_tests_pass_through_culvertd() { "$python" "$own/run.py" --apart; }

# storm ARG...
storm() {
    "$python" "$own/storm.py" "$@" >said
    status=$?
    cat said
    figure "storm $*: $(tail -n 1 said)"
    return $status
}
every_stream_of_a_storm_decodes() { storm --changes "${STORM_CHANGES:-800}" --seed "${STORM_SEED:-1}"; }
every_stream_of_a_storm_through_culvertd_decodes() {
    storm --changes "${STORM_CHANGES:-800}" --seed "${STORM_SEED:-1}" --apart
}

# streams ARG...: the example's stream has each of its sizes, and decodes; frames may be left out, not many of them.
streams() {
    "$python" "$root/examples/python/streamer.py" - 6 "$@" >stream.h264 2>said || no "$(cat said)" || return 1
    for size in 256x240 320x240 368x240 512x240 640x480; do
        grep -q ": $size\$" said || no "no frame of $size: $(cat said)" || return 1
    done
    ffmpeg -v error -f h264 -i stream.h264 -vsync passthrough -f framecrc - >frames 2>complaints
    [ ! -s complaints ] || no "$(cat complaints)" || return 1
    encoded=$(sed -n 's/^\([0-9]*\) of 360 frames.*/\1/p' said)
    shown=$(grep -vc '^#' frames)
    echo "$encoded frames are encoded, $shown decoded"
    [ "$encoded" -ge 100 ] && [ "$shown" -ge "$encoded" ]
}
the_example_streams() { streams; }
the_example_streams_through_culvertd() {
    "$CULVERTD" --socket "$dir/socket" --crash-dir "$dir" 2>daemon.log &
    daemon=$!
    until grep -q 'info: ready' daemon.log; do
        kill -0 "$daemon" || no "$(cat daemon.log)" || return 1
        sleep 0.05
    done
    streams "unix:$dir/socket"
    status=$?
    kill "$daemon"
    wait "$daemon"
    return $status
}
the_example_says_what_is_wrong() {
    ! "$python" "$root/examples/python/streamer.py" - 1 unix:/nowhere/s >nothing 2>said || return 1
    cat said
    [ "$(wc -l <said)" -eq 1 ] && grep -q '^streamer: .*/nowhere/s' said
}

# A wheel, installed in an environment of its own: what is imported is not the sources.
a_wheel_is_built_and_encodes() (
    rm -rf "$build/python/venv"
    cp -rL "$root/bindings/python" package
    if "$python" -m build --version >/dev/null 2>&1; then
        "$python" -m build --no-isolation --wheel --outdir dist package || return 1
    else
        "$python" -m pip wheel --no-deps --no-build-isolation --wheel-dir dist ./package || return 1
    fi
    "$python" -m venv --without-pip --system-site-packages "$build/python/venv" || return 1
    unset PYTHONPATH
    "$python" -m pip --python "$build/python/venv" install --no-index --no-deps dist/culvert-*.whl || return 1
    "$build/python/venv/bin/python" - "$build/python/venv" <<'PYTHON'
import importlib.metadata
import sys

import culvert

package = importlib.metadata.distribution('culvert')
assert culvert.__file__.startswith(sys.argv[1]), culvert.__file__
assert package.version == culvert.version() and package.metadata['License'] == 'BSD-2-Clause', package.metadata
names = {each.name for each in package.files}
assert {'py.typed', 'LICENSE', '_abi.py'} <= names, names
with culvert.open(culvert.Config(fps=60)) as session:
    result, packet = session.encode(culvert.Frame(culvert.Format.BGRA, 64, 48), bytes(64 * 48 * 4), 30)
    assert result == culvert.Result.OK and packet.data, result
PYTHON
)

types_are_right_to_mypy() {
    "$python" -m mypy --strict --cache-dir "$build/python/mypy" "$root/bindings/python/culvert" &&
        "$python" -m mypy --cache-dir "$build/python/mypy" "$root/examples/python/streamer.py"
}
pyflakes_finds_nothing() { "$python" -m pyflakes $sources "$root/bindings/generate/to_python.py"; }
sources_are_formatted() { "$python" -m black --quiet --diff --check --skip-string-normalization -l 120 $sources; }

lacks python || figure "$("$python" -c '
import platform, sys
try:
    import numpy
    print("Python", platform.python_version(), "with numpy", numpy.__version__)
except ImportError:
    print("Python", platform.python_version(), "without numpy")')"
check the_unit_tests_pass python
check the_unit_tests_pass_through_culvertd python
check the_example_streams python ffmpeg
check the_example_streams_through_culvertd python ffmpeg
check the_example_says_what_is_wrong python
check every_stream_of_a_storm_decodes python ffprobe
check every_stream_of_a_storm_through_culvertd_decodes python ffprobe
check a_wheel_is_built_and_encodes python wheel
check types_are_right_to_mypy python mypy
check pyflakes_finds_nothing python pyflakes
check sources_are_formatted python black
[ ! -s figures ] || sed 's/^/# figure: /' figures
done_testing
