#!/bin/sh
# Sessions of all codecs, in one process and through a culvertd: sizes, rates and other settings change, packets are
# lost, sessions end and encoder processes are killed, for so many minutes. After each of them all come to rest, and a
# line says what was done so far, and what memory and how many descriptors each process has.
#
#   tools/soak.sh MINUTES
#
# Fails when a stream does not go on, does not decode or is not accounted for, and when in the last third of the time
# more memory, descriptors or processes are held than in the first. Installs what it needs from Debian; builds in
# build/gcc, as tools/test.sh does.
set -eu
cd "$(dirname "$0")/.."
. tools/packages.sh

case ${1:-} in
'' | *[!0-9]* | 0*)
    echo "soak.sh: '${1:-}' is no number of minutes: tools/soak.sh 10, say" >&2
    exit 2
    ;;
esac
need_packages gcc libc6-dev meson ninja-build pkg-config libx264-dev libvpx-dev libyuv-dev libavutil-dev \
    libavcodec-dev libseccomp-dev check libsubunit-dev
build=build/gcc
[ -f $build/build.ninja ] || meson setup $build >/dev/null
ninja -C $build --quiet src/daemon/culvertd tests/soak
CULVERTD=$build/src/daemon/culvertd exec $build/tests/soak "$1" 60
