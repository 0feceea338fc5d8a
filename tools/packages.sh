# Sourced by the scripts. need_packages PKG... installs those Debian packages that are missing, and touches neither the
# system nor the network when none is.

need_packages() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "${0##*/}: no apt-get here: install what corresponds to Debian's$missing" >&2
        return 1
    fi
    if [ "$(id -u)" = 0 ]; then
        root=
    elif command -v sudo >/dev/null; then
        root=sudo
    else
        echo "${0##*/}: missing packages: as root, run apt-get install$missing" >&2
        return 1
    fi
    echo "${0##*/}: installing$missing"
    # A machine that has just started may hold dpkg's lock for its own upgrades.
    apt="$root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300"
    $apt update >/dev/null && $apt install --no-install-recommends $missing >/dev/null && return 0
    echo "${0##*/}: apt-get could not install$missing: what it said stands above" >&2
    return 1
}
