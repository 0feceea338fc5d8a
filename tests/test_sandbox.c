#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "culvert/culvert.h"
#include "daemon/sandbox.h"
#include "run.h"
#include "sandboxed.h"

#define LENGTH(table) (int)(sizeof(table) / sizeof *(table))

/* The test that runs: its row, for the child. */
static int row;

/* ---- What is refused --------------------------------------------------------------------------------------------- */

struct refused {
    long number;
    long arguments[4];
};

#define PATH (long)"/"

static const struct refused lookups[] = {
    {SYS_openat, {AT_FDCWD, PATH, O_RDONLY}},
    {SYS_openat, {AT_FDCWD, (long)"/tmp", O_TMPFILE | O_RDWR}},
    {SYS_openat2, {AT_FDCWD, PATH, 0, 0}},
    {SYS_newfstatat, {AT_FDCWD, PATH, 0, 0}},
    {SYS_newfstatat, {0, (long)"", 0, AT_EMPTY_PATH}},
    {SYS_statx, {AT_FDCWD, PATH, 0, 0}},
    {SYS_statfs, {PATH, 0}},
    {SYS_faccessat, {AT_FDCWD, PATH, R_OK}},
    {SYS_faccessat2, {AT_FDCWD, PATH, R_OK}},
    {SYS_readlinkat, {AT_FDCWD, PATH, 0, 0}},
    {SYS_getcwd, {0, 0}},
#ifdef SYS_open
    {SYS_open, {PATH, O_RDONLY}},
    {SYS_creat, {(long)"/tmp/culvert-sandbox", 0600}},
    {SYS_stat, {PATH, 0}},
    {SYS_lstat, {PATH, 0}},
    {SYS_access, {PATH, R_OK}},
    {SYS_readlink, {PATH, 0, 0}},
#endif
};

static long make(const struct refused *call)
{
    return syscall(call->number, call->arguments[0], call->arguments[1], call->arguments[2], call->arguments[3], 0, 0);
}

static void look_up(void)
{
    errno = 0;
    EXPECT(make(&lookups[row]) == -1);
    EXPECT(errno == EPERM);
}

START_TEST(looking_a_file_up_fails_with_eperm)
{
    row = _i;
    sandboxed_run(look_up);
    sandboxed_expect_success();
}
END_TEST

static const struct refused deadly[] = {
    {SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
    {SYS_socket, {AF_INET, SOCK_DGRAM, 0}},
    {SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, 0}},
    {SYS_connect, {-1, 0, 0}},
    {SYS_bind, {-1, 0, 0}},
    {SYS_listen, {-1, 0}},
    {SYS_accept, {-1, 0, 0}},
    {SYS_accept4, {-1, 0, 0, 0}},
    {SYS_execve, {(long)"/bin/true", 0, 0}},
    {SYS_execveat, {AT_FDCWD, (long)"/bin/true", 0, 0}},
    {SYS_clone, {SIGCHLD, 0, 0, 0}},
    {SYS_clone, {CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0}},
    {SYS_clone, {CLONE_NEWUSER | SIGCHLD, 0, 0, 0}},
#ifdef SYS_fork
    {SYS_fork, {0}},
    {SYS_vfork, {0}},
#endif
    {SYS_unshare, {CLONE_NEWUSER}},
    {SYS_setns, {-1, 0}},
    {SYS_ptrace, {0, 0, 0, 0}},
    {SYS_process_vm_readv, {1, 0, 0, 0}},
    {SYS_process_vm_writev, {1, 0, 0, 0}},
    {SYS_kill, {1, 0}},
    {SYS_kill, {0, 0}},
    {SYS_kill, {-1, 0}},
    {SYS_tgkill, {1, 1, 0}},
    {SYS_tkill, {1, 0}},
    {SYS_rt_sigqueueinfo, {1, 0, 0}},
    {SYS_rt_tgsigqueueinfo, {1, 1, 0, 0}},
    {SYS_pidfd_open, {1, 0}},
    {SYS_pidfd_getfd, {-1, 0, 0}},
    {SYS_pidfd_send_signal, {-1, 0, 0, 0}},
    {SYS_memfd_create, {(long)"", 0}},
    {SYS_userfaultfd, {0}},
    {SYS_bpf, {0, 0, 0}},
    {SYS_perf_event_open, {0, 0, -1, -1}},
    {SYS_io_uring_setup, {1, 0}},
    {SYS_io_uring_enter, {-1, 0, 0, 0}},
    {SYS_io_uring_register, {-1, 0, 0, 0}},
    {SYS_finit_module, {-1, 0, 0}},
    {SYS_mount, {0, 0, 0, 0}},
    {SYS_umount2, {0, 0}},
    {SYS_chroot, {0}},
    {SYS_setuid, {65534}},
    {SYS_setgid, {65534}},
    {SYS_setresuid, {-1, -1, -1}},
    {SYS_setgroups, {0, 0}},
    {SYS_capset, {0, 0}},
    {SYS_keyctl, {0, 0, 0, 0}},
    {SYS_add_key, {0, 0, 0, 0}},
#ifdef __x86_64__
    {SYS_ioperm, {0, 0, 0}},
    {0x40000000 | SYS_getpid, {0}}, /* x32's */
#endif
};

static void call_deadly(void)
{
    make(&deadly[row]);
}

START_TEST(what_a_worker_never_does_kills_it_before_a_handler_runs)
{
    row = _i;
    sandboxed_run(call_deadly);
    sandboxed_expect_signal(SIGSYS);
}
END_TEST

#ifdef __x86_64__
static void call_as_i386(void)
{
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory"); /* its getpid */
    EXPECT(result == getpid());
}

START_TEST(calls_of_another_architecture_kill)
{
    sandboxed_run_bare(call_as_i386);
    if (!WIFEXITED(sandboxed->status)) /* a kernel that has none */
        return;
    sandboxed_expect_success();
    sandboxed_run(call_as_i386);
    sandboxed_expect_signal(SIGSYS);
}
END_TEST
#endif

static void fork_by_the_library(void)
{
    if (fork() == 0)
        _exit(0);
}

static void spawn_by_the_library(void)
{
    char name[] = "true";
    char *arguments[] = {name, NULL};
    pid_t child;
    posix_spawn(&child, "/bin/true", NULL, NULL, arguments, NULL);
}

static void *spawn_on_a_thread(void *nothing)
{
    spawn_by_the_library();
    return nothing;
}

static void kill_on_a_thread(void)
{
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, spawn_on_a_thread, NULL) == 0);
    pthread_join(thread, NULL);
}

static void (*const births[])(void) = {fork_by_the_library, spawn_by_the_library, kill_on_a_thread};

START_TEST(fork_and_spawn_of_the_c_library_kill_the_whole_process)
{
    sandboxed_run(births[_i]);
    sandboxed_expect_signal(SIGSYS);
}
END_TEST

static const struct refused unlisted[] = {
    {SYS_uname, {0}},
    {SYS_ioctl, {-1, 0, 0}},
    {SYS_mkdirat, {AT_FDCWD, PATH, 0}},
    {SYS_unlinkat, {AT_FDCWD, PATH, 0}},
    {SYS_dup, {0}},
    {SYS_getsockopt, {0, 0, 0, 0}},
    {SYS_seccomp, {0, 0, 0}},
    {SYS_prctl, {PR_SET_DUMPABLE, 0, 0, 0}},
    {SYS_prctl, {PR_GET_NO_NEW_PRIVS, 0, 0, 0}},
    {SYS_fcntl, {0, F_SETFL, 0}},
    {SYS_fcntl, {0, F_ADD_SEALS, 0}},
    {SYS_fcntl, {0, F_SETOWN, 1}},
    {SYS_clone, {CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, 0, 0, 0}},
    {SYS_mprotect, {0, 4096, PROT_READ | PROT_EXEC}},
    {SYS_mprotect, {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC}},
    {9999, {0}},
};

static void call_unlisted(void)
{
    make(&unlisted[row]);
    snprintf(sandboxed->verdict, sizeof sandboxed->verdict, "the call returned");
}

START_TEST(a_call_that_is_not_foreseen_raises_sigsys_whose_handler_sees_its_number)
{
    row = _i;
    sandboxed_run(call_unlisted);
    ck_assert_str_eq(sandboxed->verdict, "");
    ck_assert_int_eq(sandboxed->handled, (int)unlisted[_i].number);
    ck_assert_int_eq(sandboxed->code, 1); /* SYS_SECCOMP, of the kernel's headers */
}
END_TEST

static const struct {
    int protection, flags;
} mappings[] = {
    /* memory that becomes code; and what RLIMIT_DATA does not count */
    {PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS},
    {PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS},
};

static void map_forbidden(void)
{
    const void *mapped = mmap(NULL, 4096, mappings[row].protection, mappings[row].flags, -1, 0);
    snprintf(sandboxed->verdict, sizeof sandboxed->verdict, "it was mapped at %p", mapped);
    /* cppcheck-suppress memleak ; until the process ends */
}

START_TEST(memory_never_becomes_code_nor_escapes_its_limit)
{
    row = _i;
    sandboxed_run(map_forbidden);
    ck_assert_str_eq(sandboxed->verdict, "");
    ck_assert(strcmp(sandboxed->name, "mmap") == 0 || strcmp(sandboxed->name, "mmap2") == 0);
}
END_TEST

static void call_unlisted_by_default(void)
{
    signal(SIGSYS, SIG_DFL);
    syscall(SYS_uname, NULL);
}

START_TEST(without_a_handler_sigsys_ends_the_worker)
{
    sandboxed_run(call_unlisted_by_default);
    sandboxed_expect_signal(SIGSYS);
}
END_TEST

/* ---- What is allowed --------------------------------------------------------------------------------------------- */

#define THREADS 16

static void *use_a_name(void *count)
{
    char name[16];
    if (pthread_setname_np(pthread_self(), "sandboxed") == 0 &&
        pthread_getname_np(pthread_self(), name, sizeof name) == 0 && strcmp(name, "sandboxed") == 0)
        atomic_fetch_add((atomic_int *)count, 1);
    return NULL;
}

static void run_threads(void)
{
    pthread_t threads[THREADS];
    atomic_int count = 0;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < THREADS; i++)
            EXPECT(pthread_create(&threads[i], NULL, use_a_name, &count) == 0);
        for (int i = 0; i < THREADS; i++)
            EXPECT(pthread_join(threads[i], NULL) == 0);
    }
    EXPECT(atomic_load(&count) == 10 * THREADS);
}

static void wait_and_tell_time(void)
{
    struct timespec now, moment = {.tv_nsec = 1000000};
    sem_t semaphore;
    cpu_set_t processors;
    uint8_t random[16];
    EXPECT(clock_gettime(CLOCK_MONOTONIC, &now) == 0 && syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) == 0);
    EXPECT(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0 && time(NULL) > 0);
    EXPECT(nanosleep(&moment, NULL) == 0 && clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL) == 0);
    EXPECT(sem_init(&semaphore, 0, 0) == 0 && sem_clockwait(&semaphore, CLOCK_MONOTONIC, &moment) == -1);
    EXPECT(errno == ETIMEDOUT && sched_yield() == 0);
    EXPECT(sched_getaffinity(0, sizeof processors, &processors) == 0);
    EXPECT(sysconf(_SC_PHYS_PAGES) > 0 && sysconf(_SC_NPROCESSORS_ONLN) > 0);
    EXPECT(getrandom(random, sizeof random, 0) == sizeof random);
}

#define BLOCKS 64
#define USERS 8 /* threads, each of which gets an arena */

/* So many blocks of a size, each other one grown, and freed from the last one down, so that an arena shrinks. */
static bool allocate(size_t bytes, size_t count)
{
    void *blocks[BLOCKS];
    bool whole = true;
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(bytes);
        whole = whole && blocks[i] != NULL;
    }
    for (size_t i = 0; i < count; i += 2) {
        void *grown = realloc(blocks[i], 2 * bytes);
        whole = whole && grown != NULL;
        blocks[i] = grown != NULL ? grown : blocks[i];
    }
    for (size_t i = count; i > 0; i--)
        free(blocks[i - 1]);
    return whole;
}

static void *allocate_all_sizes(void *failed)
{
    static const struct {
        size_t bytes, count;
    } sizes[] = {{24, BLOCKS}, {1000, BLOCKS}, {60000, BLOCKS}, {120000, 32}, {1 << 20, 6}, {4 << 20, 2}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (!allocate(sizes[i].bytes, sizes[i].count))
            atomic_store((atomic_bool *)failed, true);
    return NULL;
}

static void press_memory(void)
{
    pthread_t threads[USERS];
    atomic_bool failed = false;
    for (int i = 0; i < USERS; i++)
        EXPECT(pthread_create(&threads[i], NULL, allocate_all_sizes, &failed) == 0);
    allocate_all_sizes(&failed);
    for (int i = 0; i < USERS; i++)
        pthread_join(threads[i], NULL);
    EXPECT(!atomic_load(&failed));
    void *volatile impossible = malloc((size_t)1 << (8 * sizeof(size_t) - 14));
    EXPECT(impossible == NULL && errno == ENOMEM);
}

static int by_value(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void sort_much(void)
{
    const size_t count = 1 << 20;
    int *numbers = malloc(count * sizeof *numbers);
    EXPECT(numbers != NULL);
    for (size_t i = 0; i < count; i++)
        numbers[i] = (int)(i * 7919 % count);
    qsort(numbers, count, sizeof *numbers, by_value);
    EXPECT(numbers[0] == 0 && numbers[count - 1] == (int)count - 1);
    free(numbers);
}

static void (*const allowed[])(void) = {run_threads, wait_and_tell_time, press_memory, sort_much};

START_TEST(threads_clocks_memory_and_sorting_work)
{
    sandboxed_run(allowed[_i]);
    sandboxed_expect_success();
}
END_TEST

/* A socket and a file in memory, as a worker has them from its broker. */
static int ends[2], memory;

static void send_memory(void)
{
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec text = {.iov_base = "x", .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(header), &memory, sizeof memory);
    EXPECT(sendmsg(ends[1], &message, MSG_NOSIGNAL) == 1);
}

static int receive_memory(void)
{
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec text = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &text, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int fd = -1;
    if (recvmsg(ends[0], &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message) != NULL)
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

static void use_descriptors(void)
{
    char byte = 'y';
    struct iovec text = {.iov_base = &byte, .iov_len = 1};
    send_memory();
    const int fd = receive_memory();
    EXPECT(fd >= 0 && lseek(fd, 0, SEEK_END) == 8192 && fcntl(fd, F_GET_SEALS) == F_SEAL_SHRINK);
    char *base = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT(base != MAP_FAILED && mprotect(base, 4096, PROT_READ) == 0);
    EXPECT((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
    EXPECT(fcntl(fd, F_DUPFD_CLOEXEC, 0) > fd && munmap(base, 8192) == 0);
    struct pollfd ready = {.fd = ends[0], .events = POLLIN};
    EXPECT(poll(&ready, 1, 0) == 0 && send(ends[1], &byte, 1, MSG_DONTWAIT) == 1 && poll(&ready, 1, -1) == 1);
    EXPECT(recv(ends[0], &byte, 1, MSG_DONTWAIT) == 1 && writev(ends[1], &text, 1) == 1);
    EXPECT(ppoll(&ready, 1, NULL, NULL) == 1 && read(ends[0], &byte, 1) == 1 && byte == 'y');
    EXPECT(close(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == 0 && close(fd) == 0);
}

START_TEST(descriptors_that_are_open_or_sent_are_used_as_ever)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    memory = memfd_create("sandboxed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ck_assert(memory >= 0 && ftruncate(memory, 8192) == 0 && fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    sandboxed_run(use_descriptors);
    close(ends[0]);
    close(ends[1]);
    close(memory);
    sandboxed_expect_success();
}
END_TEST

/* ---- How it ends ------------------------------------------------------------------------------------------------- */

static void fault(void)
{
    static volatile uintptr_t nowhere = 16;
    *(volatile int *)nowhere = 0;
}

static void free_twice(void)
{
    void *volatile block = malloc(2000), *volatile barrier = malloc(2000);
    close(STDERR_FILENO); /* where the C library complains */
    free(block);
    /* cppcheck-suppress doubleFree */
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): this is how it ends. */
    free(block);
    free(barrier);
}

static void raise_itself(void)
{
    kill(getpid(), SIGTERM);
}

static void pass_a_signal_on(void)
{
    siginfo_t info = {.si_signo = SIGTERM, .si_code = SI_QUEUE};
    syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGTERM, &info);
}

static const struct {
    void (*body)(void);
    int signal;
} deaths[] = {
    {abort, SIGABRT}, {fault, SIGSEGV}, {free_twice, SIGABRT}, {raise_itself, SIGTERM}, {pass_a_signal_on, SIGTERM}};

START_TEST(a_worker_that_breaks_dies_of_what_broke_it)
{
    sandboxed_run(deaths[_i].body);
    sandboxed_expect_signal(deaths[_i].signal);
}
END_TEST

static void *stack;
static volatile sig_atomic_t handled;

static void handle(int number)
{
    const char byte = 'c';
    const struct sigaction action = {.sa_handler = SIG_DFL};
    handled = write(ends[1], &byte, 1) == 1 && sigaction(number, &action, NULL) == 0;
}

static void handle_a_crash(void)
{
    stack = malloc(65536);
    const stack_t alternative = {.ss_sp = stack, .ss_size = 65536};
    const struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
    EXPECT(sigaltstack(&alternative, NULL) == 0 && sigaction(SIGSEGV, &action, NULL) == 0);
    fault();
}

START_TEST(a_handler_on_its_own_stack_writes_a_report_and_lets_the_crash_go_on)
{
    char byte = 0;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    sandboxed_run(handle_a_crash);
    sandboxed_expect_signal(SIGSEGV);
    ck_assert_int_eq(recv(ends[0], &byte, 1, MSG_DONTWAIT), 1);
    ck_assert_int_eq(byte, 'c');
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* ---- Entering ---------------------------------------------------------------------------------------------------- */

static sem_t entered;
static int earlier_errno;

static void *open_when_entered(void *nothing)
{
    sem_wait(&entered);
    const int fd = open("/", O_RDONLY);
    earlier_errno = fd < 0 ? errno : 0;
    close(fd);
    return nothing;
}

static void enter_with_a_thread(void)
{
    pthread_t thread;
    char why[256];
    EXPECT(sem_init(&entered, 0, 0) == 0);
    EXPECT(pthread_create(&thread, NULL, open_when_entered, NULL) == 0);
    EXPECT(sandbox_enter(why, sizeof why) == 0 && sem_post(&entered) == 0);
    EXPECT(pthread_join(thread, NULL) == 0 && earlier_errno == EPERM);
}

START_TEST(threads_that_ran_before_are_filtered_too)
{
    sandboxed_run_bare(enter_with_a_thread);
    sandboxed_expect_success();
}
END_TEST

/* status is read before, as nothing opens afterwards. */
static void look_for_no_new_privileges(void)
{
    char why[256], text[4096] = "";
    const int status = open("/proc/self/status", O_RDONLY);
    EXPECT(status >= 0 && sandbox_enter(why, sizeof why) == 0);
    EXPECT(read(status, text, sizeof text - 1) > 0);
    EXPECT(strstr(text, "\nNoNewPrivs:\t1\n") != NULL && strstr(text, "\nSeccomp:\t2\n") != NULL);
}

START_TEST(a_worker_gets_no_privileges_any_more)
{
    sandboxed_run_bare(look_for_no_new_privileges);
    sandboxed_expect_success();
}
END_TEST

/* A system that knows no filters, by a filter. */
static void enter_where_there_is_none(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    EXPECT(filter != NULL && seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(seccomp), 0) == 0);
    EXPECT(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
                            SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0)) == 0);
    EXPECT(seccomp_load(filter) == 0);
    char why[256] = "";
    EXPECT(sandbox_enter(why, sizeof why) < 0);
    EXPECT(strstr(why, "seccomp") != NULL && strchr(why, '\n') == NULL && strlen(why) < sizeof why - 1);
}

START_TEST(a_system_without_filters_is_an_error_of_one_line)
{
    sandboxed_run_bare(enter_where_there_is_none);
    sandboxed_expect_success();
}
END_TEST

/* ---- Streams, with the filter as it is --------------------------------------------------------------------------- */

static const uint32_t codecs[] = {CULVERT_CODEC_NULL, CULVERT_CODEC_H264, CULVERT_CODEC_VP8, CULVERT_CODEC_VP9};

static void play(void)
{
    const struct sandboxed_stream stream = {.codec = codecs[row], .threads = 2};
    sandboxed_play(&stream);
}

START_TEST(a_stream_of_many_sizes_runs_to_its_end)
{
    row = _i;
    sandboxed_run(play);
    sandboxed_expect_success();
}
END_TEST

/* ---- Where there is no filter ------------------------------------------------------------------------------------ */

static void open_all_the_same(void)
{
    const int fd = open("/", O_RDONLY);
    EXPECT(fd >= 0);
    close(fd);
}

START_TEST(without_a_filter_entering_succeeds_and_changes_nothing)
{
    sandboxed_run(open_all_the_same);
    sandboxed_expect_success();
}
END_TEST

static void add_filtered(Suite *suite)
{
    TCase *refusals = add_case(suite, "refused");
    tcase_add_loop_test(refusals, looking_a_file_up_fails_with_eperm, 0, LENGTH(lookups));
    tcase_add_loop_test(refusals, what_a_worker_never_does_kills_it_before_a_handler_runs, 0, LENGTH(deadly));
    add_rows(refusals, fork_and_spawn_of_the_c_library_kill_the_whole_process, births);
    add_rows(refusals, a_call_that_is_not_foreseen_raises_sigsys_whose_handler_sees_its_number, unlisted);
    tcase_add_loop_test(refusals, memory_never_becomes_code_nor_escapes_its_limit, 0, LENGTH(mappings));
#ifdef __x86_64__
    tcase_add_test(refusals, calls_of_another_architecture_kill);
#endif
    tcase_add_test(refusals, without_a_handler_sigsys_ends_the_worker);

    TCase *use = add_case(suite, "allowed");
    add_rows(use, threads_clocks_memory_and_sorting_work, allowed);
    tcase_add_test(use, descriptors_that_are_open_or_sent_are_used_as_ever);
    add_rows(use, a_worker_that_breaks_dies_of_what_broke_it, deaths);
    tcase_add_test(use, a_handler_on_its_own_stack_writes_a_report_and_lets_the_crash_go_on);
    for (int i = 0; i < LENGTH(codecs); i++)
        if (culvert_has_codec(codecs[i]))
            tcase_add_loop_test(use, a_stream_of_many_sizes_runs_to_its_end, i, i + 1);

    TCase *entering = add_case(suite, "entering");
    tcase_add_test(entering, threads_that_ran_before_are_filtered_too);
    tcase_add_test(entering, a_worker_gets_no_privileges_any_more);
    tcase_add_test(entering, a_system_without_filters_is_an_error_of_one_line);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("sandbox");
    if (sandbox_available())
        add_filtered(suite);
    else
        tcase_add_test(add_case(suite, "no filter under this instrument: nothing is refused"),
                       without_a_filter_entering_succeeds_and_changes_nothing);
    return suite;
}
