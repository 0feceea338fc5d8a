#!/bin/sh
# Makes DIR what tests/arm/armhf.ini builds and runs with: prepare.sh DIR. Debian's armhf packages are unpacked there:
# to install them would take a second architecture, and each in the very version that this machine has of it. Prints
# one line on what cannot be had, and fails. What is there is not made again.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../tools/packages.sh"
wanted="libc6-dev libgcc-12-dev libx264-dev libvpx-dev libyuv-dev libavutil-dev libavcodec-dev libmicrohttpd-dev
    libdw-dev check libsubunit-dev"

no() {
    echo "$*"
    exit 1
}

mkdir -p "$1" && cd "$1" || no "$1 cannot be made"
top=$PWD
exec 3>>log

# clang and not gcc for armhf, which displaces gcc-multilib.
has_emulator() { emulator=$(command -v qemu-arm || command -v qemu-arm-static); }
has_emulator || need_packages qemu-user >&3 2>&3
has_emulator || no "there is no qemu-arm: install Debian's qemu-user"
need_packages clang binutils-arm-linux-gnueabihf pkg-config meson ninja-build >&3 2>&3 ||
    no "clang or binutils-arm-linux-gnueabihf cannot be installed, see $top/log"

# A package manager's memory of its own, of a machine of that architecture with nothing installed.
configure_apt() {
    mkdir -p apt/lists/partial apt/archives/partial
    : >apt/status
    cat >apt/apt.conf <<CONF
APT::Architecture "armhf";
APT::Architectures { "armhf"; };
APT::Sandbox::User "";
Dir::State "$top/apt";
Dir::State::status "$top/apt/status";
Dir::State::lists "$top/apt/lists";
Dir::Cache "$top/apt";
CONF
    export APT_CONFIG="$top/apt/apt.conf"
}

# One list that fails to come may not be needed.
download() {
    configure_apt
    apt-get -q update >&3 2>&3 || :
    # shellcheck disable=SC2086
    apt-get -q -y --download-only --no-install-recommends install $wanted >&3 2>&3
    status=$?
    unset APT_CONFIG
    return $status
}

# What is compiled, linked and loaded, and no more. Links into / lead into this directory.
unpack() {
    for package in apt/archives/*.deb; do
        dpkg-deb -x "$package" . 2>&3 || return 1
    done
    # qemu-user looks for every path here first.
    rm -rf bin etc sbin var usr/bin usr/sbin usr/share
    find lib usr/lib -lname '/*' >links
    while read -r link; do
        ln -sfn "$top$(readlink "$link")" "$link" || return 1
    done <links
}

preload() {
    clang --target=arm-linux-gnueabihf --sysroot="$top" -std=c11 -D_GNU_SOURCE -O2 -fPIC -shared -Wall -Wextra -Werror \
        "$here/spawn.c" -o spawn.so 2>&3
}

if [ ! -e unpacked ]; then
    rm -rf apt lib usr
    download || no "Debian's armhf packages cannot be had, see $top/log"
    unpack || no "Debian's armhf packages cannot be unpacked, see $top/log"
    rm -rf apt
    : >unpacked
fi
preload || no "$here/spawn.c does not compile for armhf, see $top/log"
printf "[constants]\nsysroot = '%s'\nemulator = '%s'\n" "$top" "$emulator" >here.ini
