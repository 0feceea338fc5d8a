# What tests in shell have in common, in TAP. Sourced by a script whose tests are functions: each is run by its name, in
# $dir, a directory that is gone afterwards. The script ends with `done_testing`.
number=0 failed=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
cd "$dir" || exit 1

# lacks NEED: whether that is missing, with what to say as $missing. A script that needs more than programs has its own.
lacks() {
    missing="there is no $1"
    ! command -v "$1" >/dev/null
}

# check NAME NEED...: the test that NAME states, a function that is named like it; skipped without what it needs.
check() {
    name=$1
    number=$((number + 1))
    shift
    for need in "$@"; do
        if lacks "$need"; then
            echo "ok $number - $name # SKIP $missing"
            return
        fi
    done
    if "$name" >log 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        sed 's/^/# /' log
        failed=1
    fi
}

no() {
    echo "$*"
    return 1
}

done_testing() {
    echo "1..$number"
    exit $failed
}
