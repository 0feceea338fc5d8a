#include "daemon/sandbox.h"

#include "config.h"

#if !HAVE_SECCOMP

bool sandbox_available(void)
{
    return false;
}

int sandbox_enter(char *why, size_t why_size)
{
    (void)why;
    (void)why_size;
    return 0;
}

#else

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#if HAVE_VALGRIND
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

/* What the filter does with a call that no rule names. */
#define UNFORESEEN SCMP_ACT_TRAP
/* What the calls that kill do: a test has them raise SIGSYS instead, to name them. */
#ifndef SANDBOX_DEADLY
#define SANDBOX_DEADLY SCMP_ACT_KILL_PROCESS
#endif

/* SCMP_SYS gives a call that this architecture does not have a number that seccomp_rule_add passes over; where several
 * calls share one (i386's socketcall), it adds them there too. */
#define CALL(name) SCMP_SYS(name)

static const int allowed[] = {
    /* memory; mmap and mprotect follow below */
    CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk), CALL(membarrier),
    /* threads; clone follows below */
    CALL(set_robust_list), CALL(rseq), CALL(set_tid_address), CALL(exit), CALL(exit_group), CALL(futex),
    CALL(futex_time64), CALL(sched_yield), CALL(sched_getaffinity), CALL(gettid), CALL(getpid),
    /* signals; those that send them follow below */
    CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigpending), CALL(rt_sigsuspend), CALL(rt_sigtimedwait),
    CALL(rt_sigtimedwait_time64), CALL(rt_sigreturn), CALL(sigreturn), CALL(sigaltstack), CALL(restart_syscall),
    /* clocks, where they are no calls into the vDSO */
    CALL(clock_gettime), CALL(clock_gettime64), CALL(clock_nanosleep), CALL(clock_nanosleep_time64), CALL(nanosleep),
    CALL(gettimeofday), CALL(time),
    /* descriptors; fcntl follows below. glibc says by writev which memory it found corrupt. */
    CALL(read), CALL(write), CALL(writev), CALL(close), CALL(lseek), CALL(_llseek), CALL(fstat), CALL(fstat64),
    CALL(poll), CALL(ppoll), CALL(ppoll_time64), CALL(eventfd2), CALL(recvmsg), CALL(sendmsg), CALL(recvfrom),
    CALL(sendto), CALL(recv), CALL(send),
    /* the machine: glibc's qsort and malloc ask how large it is */
    CALL(getrandom), CALL(sysinfo)};

static const int refused[] = {
    CALL(open),      CALL(openat),     CALL(openat2),   CALL(creat),      CALL(stat),   CALL(stat64),   CALL(lstat),
    CALL(lstat64),   CALL(newfstatat), CALL(fstatat64), CALL(statx),      CALL(statfs), CALL(statfs64), CALL(access),
    CALL(faccessat), CALL(faccessat2), CALL(readlink),  CALL(readlinkat), CALL(getcwd),
};

static const int deadly[] = {
    /* the network */
    CALL(socket), CALL(socketpair), CALL(connect), CALL(bind), CALL(listen), CALL(accept), CALL(accept4),
    /* programs and processes; clone follows below */
    CALL(execve), CALL(execveat), CALL(fork), CALL(vfork), CALL(unshare), CALL(setns), CALL(personality),
    /* other processes; what sends signals follows below */
    CALL(ptrace), CALL(process_vm_readv), CALL(process_vm_writev), CALL(process_madvise), CALL(kcmp), CALL(tkill),
    CALL(rt_sigqueueinfo), CALL(pidfd_open), CALL(pidfd_getfd), CALL(pidfd_send_signal),
    /* memory and files that are made, found or watched without a path */
    CALL(memfd_create), CALL(userfaultfd), CALL(shmget), CALL(shmat), CALL(msgget), CALL(semget), CALL(mq_open),
    CALL(name_to_handle_at), CALL(open_by_handle_at), CALL(inotify_init1), CALL(fanotify_init),
    /* what runs in the kernel */
    CALL(bpf), CALL(perf_event_open), CALL(io_uring_setup), CALL(io_uring_enter), CALL(io_uring_register),
    CALL(io_setup), CALL(init_module), CALL(finit_module), CALL(delete_module), CALL(kexec_load), CALL(kexec_file_load),
    /* the system */
    CALL(mount), CALL(umount), CALL(umount2), CALL(pivot_root), CALL(chroot), CALL(open_tree), CALL(move_mount),
    CALL(fsopen), CALL(fsmount), CALL(swapon), CALL(swapoff), CALL(reboot), CALL(sethostname), CALL(setdomainname),
    CALL(settimeofday), CALL(clock_settime), CALL(clock_settime64), CALL(adjtimex), CALL(acct), CALL(quotactl),
    CALL(syslog), CALL(ioperm), CALL(iopl), CALL(modify_ldt), CALL(vm86), CALL(vm86old),
    /* ids and keys */
    CALL(setuid), CALL(setuid32), CALL(setgid), CALL(setgid32), CALL(setreuid), CALL(setreuid32), CALL(setregid),
    CALL(setregid32), CALL(setresuid), CALL(setresuid32), CALL(setresgid), CALL(setresgid32), CALL(setfsuid),
    CALL(setfsuid32), CALL(setfsgid), CALL(setfsgid32), CALL(setgroups), CALL(setgroups32), CALL(capset), CALL(keyctl),
    CALL(add_key), CALL(request_key)};

static const int fcntl_commands[] = {F_GETFD, F_GETFL, F_GET_SEALS, F_DUPFD_CLOEXEC};

/* What a thread shares with its process; the flags that are left out say where its id and its TLS go. */
#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND | CLONE_THREAD)
#define THREAD_MASK \
    ~(uint64_t)(CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED)

/* A rule for what happens anyway is an error to libseccomp. */
static int add(scmp_filter_ctx filter, uint32_t action, int call, unsigned arguments,
               const struct scmp_arg_cmp *argument)
{
    return action == UNFORESEEN ? 0 : seccomp_rule_add_array(filter, action, call, arguments, argument);
}

static int add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++)
        error = add(filter, action, calls[i], 0, NULL);
    return error;
}

static int add_one(scmp_filter_ctx filter, uint32_t action, int call, struct scmp_arg_cmp argument)
{
    return add(filter, action, call, 1, &argument);
}

#define ADD_ALL(filter, action, table) add_all(filter, action, table, sizeof(table) / sizeof *(table))

/* No code, and no shared memory of no file: RLIMIT_DATA does not count that. */
static int add_mapping(scmp_filter_ctx filter, int call)
{
    const struct scmp_arg_cmp without_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    const struct scmp_arg_cmp private[] = {without_exec, SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_SHARED, 0)};
    const struct scmp_arg_cmp of_a_file[] = {without_exec, SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0)};
    const int error = add(filter, SCMP_ACT_ALLOW, call, 2, private);
    return error == 0 ? add(filter, SCMP_ACT_ALLOW, call, 2, of_a_file) : error;
}

static int add_memory(scmp_filter_ctx filter)
{
    int error = add_mapping(filter, CALL(mmap2));
#if !defined __i386__ /* whose mmap has its arguments in memory, out of a filter's sight */
    if (error == 0)
        error = add_mapping(filter, CALL(mmap));
#endif
    return error == 0 ? add_one(filter, SCMP_ACT_ALLOW, CALL(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0))
                      : error;
}

static int add_threads(scmp_filter_ctx filter)
{
    int error = add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0, NULL);
    if (error == 0)
        error = add_one(filter, SCMP_ACT_ALLOW, CALL(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, THREAD_MASK, THREAD_FLAGS));
    return error == 0 ? add_one(filter, SANDBOX_DEADLY, CALL(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0))
                      : error;
}

static int add_names(scmp_filter_ctx filter)
{
    const int error = add_one(filter, SCMP_ACT_ALLOW, CALL(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0));
    return error == 0 ? add_one(filter, SCMP_ACT_ALLOW, CALL(prctl), SCMP_A0(SCMP_CMP_EQ, PR_GET_NAME, 0)) : error;
}

/* To this process alone: abort and raise, and a crash handler that passes its signal on. */
static int add_signals(scmp_filter_ctx filter)
{
    const scmp_datum_t self = (scmp_datum_t)getpid();
    const int calls[] = {CALL(kill), CALL(tgkill), CALL(rt_tgsigqueueinfo)};
    int error = 0;
    for (size_t i = 0; i < sizeof calls / sizeof *calls && error == 0; i++) {
        error = add_one(filter, SCMP_ACT_ALLOW, calls[i], SCMP_A0(SCMP_CMP_EQ, self, 0));
        if (error == 0)
            error = add_one(filter, SANDBOX_DEADLY, calls[i], SCMP_A0(SCMP_CMP_NE, self, 0));
    }
    return error;
}

static int add_fcntl(scmp_filter_ctx filter)
{
    int error = 0;
    for (size_t i = 0; i < sizeof fcntl_commands / sizeof *fcntl_commands && error == 0; i++) {
        const struct scmp_arg_cmp command = SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)fcntl_commands[i], 0);
        error = add_one(filter, SCMP_ACT_ALLOW, CALL(fcntl), command);
        if (error == 0)
            error = add_one(filter, SCMP_ACT_ALLOW, CALL(fcntl64), command);
    }
    return error;
}

static int add_calls(scmp_filter_ctx filter)
{
    int error = ADD_ALL(filter, SCMP_ACT_ALLOW, allowed);
    if (error == 0)
        error = ADD_ALL(filter, SCMP_ACT_ERRNO(EPERM), refused);
    if (error == 0)
        error = ADD_ALL(filter, SANDBOX_DEADLY, deadly);
    if (error == 0)
        error = add_memory(filter);
    if (error == 0)
        error = add_threads(filter);
    if (error == 0)
        error = add_names(filter);
    if (error == 0)
        error = add_signals(filter);
    return error == 0 ? add_fcntl(filter) : error;
}

/* Other architectures' calls (i386's and x32's in a process of x86-64) have other numbers: they kill. */
static int set_attributes(scmp_filter_ctx filter)
{
    int error = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
    if (error == 0)
        error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SANDBOX_DEADLY);
    return error == 0 ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) : error;
}

bool sandbox_available(void)
{
    return !RUNNING_ON_VALGRIND;
}

int sandbox_enter(char *why, size_t why_size)
{
    if (!sandbox_available())
        return 0;
    int error = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno;
    scmp_filter_ctx filter = error == 0 ? seccomp_init(UNFORESEEN) : NULL;
    if (error == 0 && filter == NULL)
        error = -ENOMEM;
    if (error == 0)
        error = set_attributes(filter);
    if (error == 0)
        error = add_calls(filter);
    if (error == 0)
        error = seccomp_load(filter);
    seccomp_release(filter);
    if (error < 0)
        snprintf(why, why_size,
                 "the worker's seccomp filter: %s: it needs a kernel with CONFIG_SECCOMP_FILTER, or a "
                 "build with -Dseccomp=disabled",
                 strerror(-error));
    return error;
}

#endif
