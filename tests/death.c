#include "death.h"

#include <check.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/crash.h"
#include "instrument.h"

#define CHILD_SECONDS 60

static void die(const struct dying *dying, int fd)
{
    const struct rlimit no_core = {0, 0};
    alarm(CHILD_SECONDS);
    allow_leaks();
    /* Valgrind would take the fault for an error, and end the child with a status of its own. */
    VALGRIND_DISABLE_ERROR_REPORTING;
    setrlimit(RLIMIT_CORE, &no_core);
    if (crash_prepare(fd) != 0)
        _exit(1);
    if (dying->config)
        crash_describe(dying->config);
    crash_watch(dying->events);
    dying->crash();
    _exit(0);
}

int signal_of(const struct dying *dying, int fd)
{
    int status = 0;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        die(dying, fd);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

struct death death_of(const struct dying *dying)
{
    struct stat report;
    const int fd = memfd_create("report", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    struct death death = {.signal = signal_of(dying, fd)};
    ck_assert_int_eq(fstat(fd, &report), 0);
    death.size = (size_t)report.st_size;
    death.text = malloc(death.size + 1);
    ck_assert_ptr_nonnull(death.text);
    ck_assert_int_eq(pread(fd, death.text, death.size, 0), report.st_size);
    close(fd);
    return death;
}
