#include "daemon/crash.h"

#include <errno.h>
#include <execinfo.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "daemon/crash_modules.h"
#include "daemon/crash_sections.h"

static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
enum { FAULTS = sizeof faults / sizeof faults[0] };

/* The unwinder, vector registers (more than 10 KiB with AMX) and a second handler on top of the first. */
static _Alignas(64) char stack[128 << 10];

static struct crash_line line;
static char config[CRASH_CONFIG];
static volatile size_t config_length;
static const struct events *_Atomic watched;

static _Atomic pid_t writer;            /* the thread that writes the report; 0: none yet */
static volatile sig_atomic_t escapable; /* a part is being written, and escape leads out of it */
static sigjmp_buf escape;

/* ---- The report -------------------------------------------------------------------------------------------------- */

static void write_sections(const struct crash *crash)
{
    for (volatile size_t i = 0; i < CRASH_SECTIONS; i++) {
        if (sigsetjmp(escape, 1) == 0) {
            escapable = 1;
            crash_sections[i].write(&line, crash);
            escapable = 0;
        } else {
            line_begin(&line, "lost");
            line_word(&line, crash_sections[i].name);
            line_end(&line);
        }
    }
    line_begin(&line, "end");
    line_end(&line);
}

static void write_report(int number, const siginfo_t *info, const ucontext_t *context)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const struct crash crash = {.number = number,
                                .info = info,
                                .context = context,
                                .thread = atomic_load(&writer),
                                .monotonic = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000,
                                .config = config,
                                .config_length = config_length,
                                .events = atomic_load(&watched)};
    /* At a limit of the file's size, or a pipe without a reader, these would take the fault's place. */
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    write_sections(&crash);
}

/* ---- The signal -------------------------------------------------------------------------------------------------- */

/* A fault comes back by itself when its instruction runs again; a trap, a system call and what was sent do not. */
static bool comes_back(int number, const siginfo_t *info)
{
    return info->si_code > 0 && (number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE);
}

/* What does not is sent again as it came, and strikes when the handler returns, with the registers as they were. */
static void pass_on(int number, siginfo_t *info, ucontext_t *context)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(number, SIG_DFL);
    sigdelset(&context->uc_sigmask, number);
    if (!comes_back(number, info) && syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), number, info) != 0)
        syscall(SYS_tgkill, getpid(), gettid(), number);
}

/* The thread that writes the report ends the process. */
static _Noreturn void wait_for_the_end(void)
{
    static uint32_t never;
    for (;;)
        syscall(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void handle(int number, siginfo_t *info, void *context)
{
    const pid_t self = gettid();
    pid_t first = 0;
    if (atomic_compare_exchange_strong(&writer, &first, self)) {
        write_report(number, info, context);
        pass_on(number, info, context);
    } else if (first != self) {
        wait_for_the_end();
    } else if (escapable) {
        escapable = 0;
        siglongjmp(escape, 1);
    } else {
        signal(number, SIG_DFL);
    }
}

int crash_prepare(int fd)
{
    line.fd = fd;
    /* Loads the unwinder, which is then among the modules. */
    void *call;
    backtrace(&call, 1);
    modules_list();
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    if (sigaltstack(&own, NULL) != 0)
        return -errno;
    /* A fault inside the handler comes to it too; nothing else does. */
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_ONSTACK | SA_SIGINFO | SA_NODEFER};
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < FAULTS; i++)
        sigdelset(&action.sa_mask, faults[i]);
    for (size_t i = 0; i < FAULTS; i++) {
        if (sigaction(faults[i], &action, NULL) != 0)
            return -errno;
    }
    return 0;
}

/* ---- What it tells ----------------------------------------------------------------------------------------------- */

void crash_describe(const char *config_text)
{
    size_t length = strnlen(config_text, sizeof config);
    if (length == sizeof config) {
        while (length > 0 && config_text[length - 1] != '\n')
            length--;
    }
    /* A signal may come in between. */
    config_length = 0;
    atomic_signal_fence(memory_order_seq_cst);
    memcpy(config, config_text, length);
    atomic_signal_fence(memory_order_seq_cst);
    config_length = length;
}

void crash_watch(const struct events *events)
{
    atomic_store(&watched, events);
}
