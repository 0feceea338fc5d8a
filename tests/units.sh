#!/bin/sh
# culvertd's units for systemd, as TAP: units.sh SERVICE SOCKET SYSUSERS, the first two as they are installed.
set -u
service=$(realpath "$1") socket=$(realpath "$2") sysusers=$(realpath "$3")
. "$(dirname "$0")/tap.sh"
# The program may not be installed here; something that is takes its place.
sed "s|^ExecStart=[^ ]*|ExecStart=$(command -v true)|" "$service" >culvertd.service
cp "$socket" culvertd.socket

lacks() {
    missing="there is no $1"
    case $1 in
    root) [ "$(id -u)" != 0 ] ;;
    *) ! command -v "$1" >/dev/null ;;
    esac
}

# setting FILE NAME: its last value.
setting() {
    sed -n "s/^$2=//p" "$1" | tail -n 1
}

# Names that it does not know are warnings, which do not show in its status.
systemd_finds_nothing_wrong_with_the_units() {
    systemd-analyze verify --man=no --recursive-errors=no ./culvertd.service ./culvertd.socket >said 2>&1 ||
        no "$(cat said)" || return 1
    ! grep -E 'culvertd\.(service|socket)' said
}

systemd_rates_the_service_as_safe() {
    systemd-analyze security --offline=true --no-pager --threshold=10 ./culvertd.service
}

# allowed: the calls of SystemCallFilter, sets expanded; those taken out again, left out.
allowed() {
    sed -n 's/^SystemCallFilter=//p' culvertd.service | tr ' ' '\n' >words
    calls_of $(sed '/^~/,$d' words) | sort -u >added
    calls_of $(sed '1,/^~/{/^~/!d}; s/^~//' words) | sort -u >removed
    comm -23 added removed
}

calls_of() {
    for word in "$@"; do
        case $word in
        @*) calls_of $(systemd-analyze syscall-filter --no-pager "$word" | sed -n 's/^    \([@a-z0-9_-]*\)$/\1/p') ;;
        *) echo "$word" ;;
        esac
    done
}

its_filter_lets_workers_be_started_and_put_theirs_in_place() {
    allowed >calls
    for call in seccomp prctl clone execve kill memfd_create ftruncate fcntl mmap mprotect sendmsg recvmsg accept4 poll \
        sched_getaffinity prlimit64 rt_sigaction sigaltstack getsockopt openat wait4; do
        grep -qx $call calls || no "$call is not allowed" || return 1
    done
    for call in setuid mount bpf ptrace keyctl perf_event_open; do
        ! grep -qx $call calls || no "$call is allowed" || return 1
    done
}

the_service_is_told_of_the_socket_that_the_unit_makes() {
    path=$(setting culvertd.socket ListenSequentialPacket)
    grep -q "^ExecStart=.* --socket $path " "$service" || no "not $path" || return 1
    runtime=/run/$(setting culvertd.service RuntimeDirectory)/
    case $path in
    "$runtime"*) ;;
    *) no "$path is not in $runtime" || return 1 ;;
    esac
    [ "$(setting culvertd.service RuntimeDirectoryPreserve)" = yes ] || no "the service's end removes the socket"
}

crash_reports_go_where_the_service_may_write() {
    state=/var/lib/$(setting culvertd.service StateDirectory)
    grep -Eq "^ExecStart=.* --crash-dir $state( |\$)" "$service"
}

the_program_is_the_one_that_is_installed() {
    grep -q '^ExecStart=/[^@]*/culvertd --socket ' "$service" && ! grep -q @ "$socket" && ! grep -q '@bindir' "$service"
}

user_and_group_are_made() {
    mkdir -p root/etc && systemd-sysusers --root="$dir/root" "$sysusers" || return 1
    user=$(setting culvertd.service User)
    grep -q "^$user:.*nologin$" root/etc/passwd && grep -q "^$(setting culvertd.socket SocketGroup):" root/etc/group &&
        grep -q "^$(setting culvertd.service Group):" root/etc/group
}

check systemd_finds_nothing_wrong_with_the_units systemd-analyze
check systemd_rates_the_service_as_safe systemd-analyze
check its_filter_lets_workers_be_started_and_put_theirs_in_place systemd-analyze
check the_service_is_told_of_the_socket_that_the_unit_makes
check crash_reports_go_where_the_service_may_write
check the_program_is_the_one_that_is_installed
check user_and_group_are_made systemd-sysusers root
done_testing
