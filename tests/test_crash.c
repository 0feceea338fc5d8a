#include "daemon/crash.h"

#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/platform.h"
#include "death.h"
#include "instrument.h"
#include "run.h"
#include "tools/crash_report.h"

#define CONFIG "codec=h264\nwidth=640\noptions=me=hex:subme=2\n"

static struct crash_report report;

/* ---- Where children crash: in sections of their own, whose bounds the linker knows --------------------------------
 */

#if defined(__clang__)
#define RAW __attribute__((noinline, no_sanitize("address", "undefined")))
#else
#define RAW __attribute__((noinline, noclone, no_sanitize("address", "undefined")))
#endif
#define SITE __attribute__((section("crash_site"))) RAW
#define CALLER __attribute__((section("crash_caller"))) RAW

extern const char __start_crash_site[], __stop_crash_site[], __start_crash_caller[], __stop_crash_caller[];

static bool within(uint64_t address, const char *start, const char *stop)
{
    return address >= (uintptr_t)start && address < (uintptr_t)stop;
}

static volatile int *volatile target = (int *)0x10;

SITE static void touch(void)
{
    *target = 1;
}

SITE static void touch_beyond_a_file(void)
{
    target = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memfd_create("empty", MFD_CLOEXEC), 0);
    *target = 1;
}

SITE static void divide(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("xorl %%edx, %%edx; xorl %%ecx, %%ecx; movl $1, %%eax; idivl %%ecx" ::: "eax", "ecx", "edx", "cc");
#else
    raise(SIGFPE);
#endif
}

SITE static void run_what_is_no_instruction(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("ud2");
#elif defined(__aarch64__)
    __asm__ volatile(".inst 0");
#else
    raise(SIGILL);
#endif
}

SITE static void run_into_a_breakpoint(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("int3");
#elif defined(__aarch64__)
    __asm__ volatile("brk #0");
#else
    raise(SIGTRAP);
#endif
}

SITE static void call_what_the_filter_traps(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof code / sizeof code[0], code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0)
        syscall(SYS_getppid);
}

static void send_segv(void)
{
    kill(getpid(), SIGSEGV);
}

static void (*volatile site)(void), (*volatile nowhere)(void);
static volatile int returned;

CALLER static void call_site(void)
{
    site();
    returned++; /* so that it is a call */
}

CALLER static void call_nothing(void)
{
    nowhere();
    returned++;
}

/* ---- What is left -------------------------------------------------------------------------------------------------
 */

/* The report of a crash in `where`, which is whole; the child died of that signal. */
static void read_report(const struct dying *dying, int number, struct death *death)
{
    char why[CRASH_REPORT_WHY];
    *death = death_of(dying);
    ck_assert_int_eq(death->signal, number);
    ck_assert_msg(crash_report_parse(death->text, death->size, &report, why) == 0, "%s", why);
    ck_assert(report.has & CRASH_HAS_END);
    ck_assert_int_eq(report.signal, number);
}

static void assert_text(struct crash_text text, const char *expected)
{
    ck_assert_msg(text.length == strlen(expected) && memcmp(text.start, expected, text.length) == 0,
                  "'%.*s' instead of '%s'", CRASH_TEXT(text), expected);
}

static uint64_t pc(void)
{
    for (size_t i = 0; i < report.registers_count; i++) {
        const struct crash_text name = report.registers[i].name;
        if (name.length >= 2 && (memcmp(name.start, "pc", 2) == 0 || memcmp(name.start + 1, "ip", 2) == 0))
            return report.registers[i].value;
    }
    return 0;
}

static bool calls_pass(const char *start, const char *stop)
{
    for (size_t i = 0; i < report.calls_count; i++) {
        if (within(report.calls[i], start, stop))
            return true;
    }
    return false;
}

static bool known_registers(void)
{
    return !(report.architecture.length == 5 && memcmp(report.architecture.start, "other", 5) == 0);
}

static const struct {
    const char *name;
    int number;
    void (*crash)(void);
    bool here; /* the pc is in the site, not in a library that it called */
} signals[] = {
    {"SIGBUS", SIGBUS, touch_beyond_a_file, true},
    {"SIGSEGV", SIGSEGV, touch, true},
    {"SIGFPE", SIGFPE, divide, true},
    {"SIGILL", SIGILL, run_what_is_no_instruction, true},
    {"SIGABRT", SIGABRT, abort, false},
    {"SIGTRAP", SIGTRAP, run_into_a_breakpoint, true},
    {"SIGSYS", SIGSYS, call_what_the_filter_traps, false},
    {"SIGSEGV", SIGSEGV, send_segv, false},
};
enum { SIGNALS = sizeof signals / sizeof signals[0], TRAPS = 5, SENT = SIGNALS - 1 };

START_TEST(each_signal_is_reported_with_its_place_and_then_kills)
{
    struct death death;
    site = signals[_i].crash;
    read_report(&(struct dying){.crash = call_site}, signals[_i].number, &death);
    assert_text(report.signal_name, signals[_i].name);
    ck_assert(report.has & CRASH_HAS_CODE && report.process > 0 && report.thread == report.process);
    ck_assert(calls_pass(__start_crash_caller, __stop_crash_caller));
    if (known_registers()) {
        ck_assert_uint_eq(pc(), report.calls[0]);
        ck_assert_int_eq(within(pc(), __start_crash_site, __stop_crash_site), signals[_i].here);
        ck_assert(crash_report_module(&report, pc()));
    }
    free(death.text);
}
END_TEST

START_TEST(a_fault_is_told_with_its_address)
{
    struct death death;
    site = touch;
    read_report(&(struct dying){.crash = call_site}, SIGSEGV, &death);
    ck_assert_int_eq(report.code, SEGV_MAPERR);
    ck_assert_uint_eq(report.address, 0x10);
    ck_assert(!(report.has & (CRASH_HAS_SENDER | CRASH_HAS_SYSCALL)));
    free(death.text);
}
END_TEST

START_TEST(a_call_that_the_filter_traps_is_told_by_its_number)
{
    struct death death;
    site = call_what_the_filter_traps;
    read_report(&(struct dying){.crash = call_site}, SIGSYS, &death);
    ck_assert_int_eq(report.syscall, SYS_getppid);
    ck_assert(report.has & CRASH_HAS_SYSCALL);
#ifdef __x86_64__
    ck_assert_uint_eq(report.syscall_architecture, AUDIT_ARCH_X86_64);
#endif
    free(death.text);
}
END_TEST

START_TEST(a_signal_that_was_sent_is_told_with_its_sender)
{
    struct death death;
    site = send_segv;
    read_report(&(struct dying){.crash = call_site}, SIGSEGV, &death);
    ck_assert_int_eq(report.code, SI_USER);
    ck_assert_int_eq(report.sender, report.process);
    ck_assert_int_eq(report.sender_user, getuid());
    ck_assert(!(report.has & CRASH_HAS_ADDRESS));
    free(death.text);
}
END_TEST

START_TEST(a_call_of_a_null_pointer_is_told_with_its_caller)
{
    struct death death;
    read_report(&(struct dying){.crash = call_nothing}, SIGSEGV, &death);
    ck_assert_uint_ge(report.calls_count, 2);
    if (known_registers()) {
        ck_assert_uint_eq(report.calls[0], 0);
        ck_assert(within(report.calls[1], __start_crash_caller, __stop_crash_caller));
    }
    free(death.text);
}
END_TEST

static volatile int deepest = INT_MAX;

/* NOLINTNEXTLINE(misc-no-recursion): until the stack ends. */
RAW static int recurse(int depth)
{
    volatile char frame[4096];
    frame[depth % 4096] = (char)depth;
    return depth < deepest ? recurse(depth + 1) + frame[depth % 4096] : 0;
}

static void overflow(void)
{
    returned = recurse(0);
}

START_TEST(an_overflow_of_the_stack_is_reported)
{
    struct death death;
    read_report(&(struct dying){.config = CONFIG, .crash = overflow}, SIGSEGV, &death);
    ck_assert_uint_eq(report.config_count, 3);
    /* Where a call itself meets the end of the stack, memcheck has moved the stack's pointer already. */
    ck_assert_uint_gt(report.calls_count, under_valgrind() ? 0 : 64);
    free(death.text);
}
END_TEST

/* ---- The session --------------------------------------------------------------------------------------------------
 */

static struct events events;

/* n events, the i-th a key frame's, i milliseconds after the first; frame 17 is being encoded. */
static void note(uint32_t n)
{
    const int64_t began = clock_now() - 1000000;
    events = (struct events){.count = n, .frame = 17};
    for (uint32_t i = 0; i < n; i++)
        events.kept[i % EVENTS_KEPT] = (struct event){began + 1000 * i, EVENT_KEY, {i, 2 * i, 30}};
}

START_TEST(the_settings_are_told_line_by_line)
{
    struct death death;
    site = touch;
    read_report(&(struct dying){.config = CONFIG, .crash = call_site}, SIGSEGV, &death);
    ck_assert_uint_eq(report.config_count, 3);
    assert_text(report.config[0], "codec=h264");
    assert_text(report.config[2], "options=me=hex:subme=2");
    free(death.text);
}
END_TEST

START_TEST(settings_that_are_too_long_are_kept_in_whole_lines)
{
    char text[CRASH_CONFIG + 100];
    struct death death;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t i = 99; i < sizeof text; i += 100)
        text[i] = '\n';
    site = touch;
    read_report(&(struct dying){.config = text, .crash = call_site}, SIGSEGV, &death);
    ck_assert_uint_eq(report.config_count, CRASH_CONFIG / 100);
    for (size_t i = 0; i < report.config_count; i++)
        ck_assert_uint_eq(report.config[i].length, 99);
    free(death.text);
}
END_TEST

START_TEST(the_last_64_events_are_told_oldest_first)
{
    static const uint32_t counts[] = {0, 1, 63, 64, 65, 1000};
    const uint32_t n = counts[_i], kept = n < EVENTS_KEPT ? n : EVENTS_KEPT;
    struct death death;
    char values[64];
    note(n);
    site = touch;
    read_report(&(struct dying){.events = &events, .crash = call_site}, SIGSEGV, &death);
    ck_assert_int_eq(report.encoding, 17);
    ck_assert_uint_eq(report.events_count, kept);
    for (uint32_t i = 0; i < kept; i++) {
        const uint32_t number = n - kept + i;
        snprintf(values, sizeof values, "frame=%u bytes=%u qp=30", number, 2 * number);
        assert_text(report.events[i].kind, "key");
        assert_text(report.events[i].values, values);
        ck_assert_int_eq(report.monotonic + report.events[i].at, events.kept[number % EVENTS_KEPT].at);
    }
    free(death.text);
}
END_TEST

START_TEST(an_event_that_was_being_noted_is_not_taken_for_the_oldest)
{
    struct death death;
    note(EVENTS_KEPT);
    events.kept[0] = (struct event){clock_now(), EVENT_LOSS, {0}};
    site = touch;
    read_report(&(struct dying){.events = &events, .crash = call_site}, SIGSEGV, &death);
    ck_assert_uint_eq(report.events_count, EVENTS_KEPT - 1);
    assert_text(report.events[0].values, "frame=1 bytes=2 qp=30");
    free(death.text);
}
END_TEST

START_TEST(an_event_of_no_known_kind_is_told_by_its_values)
{
    struct death death;
    note(1);
    events.kept[0].kind = UINT32_MAX;
    site = touch;
    read_report(&(struct dying){.events = &events, .crash = call_site}, SIGSEGV, &death);
    assert_text(report.events[0].kind, "unknown");
    assert_text(report.events[0].values, "value=0 value=0 value=30");
    free(death.text);
}
END_TEST

START_TEST(events_that_cannot_be_read_cost_only_themselves)
{
    struct death death;
    site = touch;
    read_report(&(struct dying){.config = CONFIG, .events = (const struct events *)0x20, .crash = call_site}, SIGSEGV,
                &death);
    ck_assert_uint_eq(report.address, 0x10);
    ck_assert_uint_eq(report.lost_count, 1);
    assert_text(report.lost[0], "events");
    ck_assert_uint_eq(report.config_count, 3);
    ck_assert(calls_pass(__start_crash_caller, __stop_crash_caller));
    free(death.text);
}
END_TEST

/* ---- Threads ------------------------------------------------------------------------------------------------------
 */

static pthread_barrier_t barrier;

static void *crash_beside(void *argument)
{
    (void)argument;
    platform_name_thread("codec 1");
    pthread_barrier_wait(&barrier);
    call_site();
    return NULL;
}

static void crash_in_threads(unsigned count)
{
    pthread_t threads[8];
    pthread_barrier_init(&barrier, NULL, count);
    for (unsigned i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, crash_beside, NULL);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void crash_in_one_thread(void)
{
    crash_in_threads(1);
}

static void crash_in_eight_threads(void)
{
    crash_in_threads(8);
}

START_TEST(another_threads_crash_is_reported_with_its_name)
{
    struct death death;
    site = signals[_i].crash;
    read_report(&(struct dying){.crash = crash_in_one_thread}, signals[_i].number, &death);
    ck_assert_int_ne(report.thread, report.process);
    assert_text(report.thread_name, "codec 1");
    ck_assert(calls_pass(__start_crash_caller, __stop_crash_caller));
    free(death.text);
}
END_TEST

START_TEST(of_threads_that_crash_at_once_one_is_reported)
{
    struct death death;
    note(64);
    site = touch;
    for (uint32_t i = rounds(20); i > 0; i--) {
        read_report(&(struct dying){.config = CONFIG, .events = &events, .crash = crash_in_eight_threads}, SIGSEGV,
                    &death);
        ck_assert_uint_eq(report.events_count, 64);
        free(death.text);
    }
}
END_TEST

/* ---- Where the report cannot be written ---------------------------------------------------------------------------
 */

static void crash_with_little_room(void)
{
    const struct rlimit limit = {200, 200};
    setrlimit(RLIMIT_FSIZE, &limit);
    call_site();
}

START_TEST(a_limit_of_the_files_size_cuts_the_report_and_the_signal_kills)
{
    char why[CRASH_REPORT_WHY];
    site = signals[_i].crash;
    struct death death = death_of(&(struct dying){.crash = crash_with_little_room});
    ck_assert_int_eq(death.signal, signals[_i].number);
    ck_assert_uint_eq(death.size, 200);
    ck_assert_msg(crash_report_parse(death.text, death.size, &report, why) == 0, "%s", why);
    ck_assert(!(report.has & CRASH_HAS_END));
    ck_assert_int_eq(report.signal, signals[_i].number);
    free(death.text);
}
END_TEST

START_TEST(a_descriptor_that_is_none_costs_the_report_alone)
{
    site = touch;
    ck_assert_int_eq(signal_of(&(struct dying){.crash = call_site}, -1), SIGSEGV);
}
END_TEST

START_TEST(a_pipe_that_no_one_reads_costs_the_report_alone)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    close(ends[0]);
    site = touch;
    ck_assert_int_eq(signal_of(&(struct dying){.crash = call_site}, ends[1]), SIGSEGV);
    close(ends[1]);
}
END_TEST

/* ---- Under a filter -----------------------------------------------------------------------------------------------
 */

/* What crash.h says that a filter must allow; anything else kills at once. */
static const long allowed[] = {
    SYS_write,           SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,      SYS_gettid, SYS_getpid,
    SYS_clock_gettime,   SYS_futex,        SYS_prctl,          SYS_rt_tgsigqueueinfo, SYS_tgkill,
#ifdef SYS_clock_gettime64
    SYS_clock_gettime64,
#endif
};
enum { ALLOWED = sizeof allowed / sizeof allowed[0] };

static void crash_under_a_filter(void)
{
    struct sock_filter code[ALLOWED + 3] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    for (size_t i = 0; i < ALLOWED; i++)
        code[i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)allowed[i],
                                                   (uint8_t)(ALLOWED - i), 0);
    code[ALLOWED + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    code[ALLOWED + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog filter = {ALLOWED + 3, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0)
        call_site();
}

START_TEST(a_filter_that_allows_what_the_header_names_costs_nothing)
{
    struct death death;
    note(64);
    site = signals[_i].crash;
    read_report(&(struct dying){.config = CONFIG,
                                .events = _i % 2 == 0 ? &events : (const struct events *)0x20,
                                .crash = crash_under_a_filter},
                signals[_i].number, &death);
    ck_assert_uint_eq(report.lost_count, _i % 2 == 0 ? 0 : 1);
    ck_assert(report.thread_name.length > 0 && calls_pass(__start_crash_caller, __stop_crash_caller));
    free(death.text);
}
END_TEST

/* ---- What a core would hold ---------------------------------------------------------------------------------------
 */

#ifdef __x86_64__

static void crash_traced(void)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(77);
    call_site();
}

/* The signal as it strikes, in a child that waits for us. False: it has ended. */
static bool next_stop(pid_t child, siginfo_t *info, struct user_regs_struct *registers, int *status)
{
    ck_assert_int_eq(waitpid(child, status, 0), child);
    if (!WIFSTOPPED(*status))
        return false;
    ck_assert_int_eq(ptrace(PTRACE_GETSIGINFO, child, NULL, info), 0);
    ck_assert_int_eq(ptrace(PTRACE_GETREGS, child, NULL, registers), 0);
    ck_assert_int_eq(ptrace(PTRACE_CONT, child, NULL, WSTOPSIG(*status)), 0);
    return true;
}

START_TEST(the_signal_strikes_again_as_it_did_first)
{
    siginfo_t first, second, none;
    struct user_regs_struct before, after, nothing;
    int status;
    site = signals[_i].crash;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        alarm(60);
        setrlimit(RLIMIT_CORE, &no_core);
        crash_prepare(-1);
        crash_traced();
        _exit(1);
    }
    const bool traced = next_stop(child, &first, &before, &status);
    if (!traced && WIFEXITED(status) && WEXITSTATUS(status) == 77)
        return; /* nobody may trace here */
    ck_assert(traced && next_stop(child, &second, &after, &status));
    ck_assert(!next_stop(child, &none, &nothing, &status));
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == signals[_i].number);
    ck_assert_int_eq(first.si_signo, second.si_signo);
    ck_assert_int_eq(first.si_code, second.si_code);
    ck_assert_ptr_eq(first.si_addr, second.si_addr);
    ck_assert_uint_eq(before.rip, after.rip);
    ck_assert_uint_eq(before.rsp, after.rsp);
    ck_assert_uint_eq(before.rbx, after.rbx);
}
END_TEST

#endif

/* Valgrind fails itself when a signal that the kernel made is sent again, as a trap must be, and traces no child. */
Suite *test_suite(void)
{
    const int rows = under_valgrind() ? TRAPS : SIGNALS;
    Suite *suite = suite_create("crash");
    TCase *tcase = add_case(suite, under_valgrind() ? "signals but for traps" : "signals");
    tcase_add_loop_test(tcase, each_signal_is_reported_with_its_place_and_then_kills, 0, rows);
    tcase_add_test(tcase, a_fault_is_told_with_its_address);
    if (!under_valgrind())
        tcase_add_test(tcase, a_call_that_the_filter_traps_is_told_by_its_number);
    tcase_add_test(tcase, a_signal_that_was_sent_is_told_with_its_sender);
    tcase_add_test(tcase, a_call_of_a_null_pointer_is_told_with_its_caller);
    tcase_add_test(tcase, an_overflow_of_the_stack_is_reported);

    tcase = add_case(suite, "session");
    tcase_add_test(tcase, the_settings_are_told_line_by_line);
    tcase_add_test(tcase, settings_that_are_too_long_are_kept_in_whole_lines);
    tcase_add_loop_test(tcase, the_last_64_events_are_told_oldest_first, 0, 6);
    tcase_add_test(tcase, an_event_that_was_being_noted_is_not_taken_for_the_oldest);
    tcase_add_test(tcase, an_event_of_no_known_kind_is_told_by_its_values);
    tcase_add_test(tcase, events_that_cannot_be_read_cost_only_themselves);

    tcase = add_case(suite, under_valgrind() ? "threads but for traps" : "threads");
    /* What is sent to the process, any of its threads may get. */
    tcase_add_loop_test(tcase, another_threads_crash_is_reported_with_its_name, 0, under_valgrind() ? TRAPS : SENT);
    tcase_add_test(tcase, of_threads_that_crash_at_once_one_is_reported);

    tcase = add_case(suite, under_valgrind() ? "output but for traps" : "output");
    tcase_add_loop_test(tcase, a_limit_of_the_files_size_cuts_the_report_and_the_signal_kills, 0, rows);
    tcase_add_test(tcase, a_descriptor_that_is_none_costs_the_report_alone);
    tcase_add_test(tcase, a_pipe_that_no_one_reads_costs_the_report_alone);
    /* Instruments call the kernel for purposes of their own. SIGBUS and SIGSYS take calls of their own. */
    if (!under_valgrind() && !WITH_ASAN) {
        tcase = add_case(suite, "filter");
        tcase_set_tags(tcase, "filter");
        tcase_add_loop_test(tcase, a_filter_that_allows_what_the_header_names_costs_nothing, 1, TRAPS + 1);
    }
#ifdef __x86_64__
    if (!under_valgrind())
        add_rows(add_case(suite, "core"), the_signal_strikes_again_as_it_did_first, signals);
#endif
    return suite;
}
