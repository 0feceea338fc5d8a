#include "base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"

void *platform_reserve(size_t bytes)
{
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    /* cppcheck-suppress memleak ; MAP_FAILED is no memory */
    return base != MAP_FAILED ? base : NULL;
}

void platform_unreserve(void *base, size_t bytes)
{
    munmap(base, bytes);
}

bool platform_map(void *over, int fd, size_t offset, size_t bytes, bool writable)
{
    const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    /* cppcheck-suppress leakReturnValNotUsed ; it is over */
    return bytes == 0 || mmap(over, bytes, access, MAP_SHARED | MAP_FIXED, fd, (off_t)offset) != MAP_FAILED;
}

#ifndef MFD_NOEXEC_SEAL /* of Linux 6.3 */
#define MFD_NOEXEC_SEAL 8u
#endif
#define SIZE_SEALS (F_SEAL_GROW | F_SEAL_SHRINK)

int platform_memory_create(const char *name, size_t bytes)
{
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, flags);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)bytes) == 0 && fcntl(fd, F_ADD_SEALS, SIZE_SEALS) == 0)
        return fd;
    const int error = errno;
    close(fd);
    return -error;
}

bool platform_memory_seal(int fd, bool readers_only)
{
    return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | (readers_only ? F_SEAL_FUTURE_WRITE : 0)) == 0;
}

size_t platform_memory_bytes(int fd)
{
    const int seals = fcntl(fd, F_GET_SEALS);
    const bool fixed = seals >= 0 && (seals & SIZE_SEALS) == SIZE_SEALS;
    /* Not by fstat, which is a call with a path to a seccomp filter. */
    const off_t bytes = fixed ? lseek(fd, 0, SEEK_END) : 0;
    return bytes > 0 ? (size_t)bytes : 0;
}

int platform_signal_create(void)
{
    const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd >= 0 ? fd : -errno;
}

int platform_signal_duplicate(int fd)
{
    const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy >= 0 ? copy : -errno;
}

void platform_signal(int fd)
{
    eventfd_write(fd, 1);
}

void platform_unsignal(int fd)
{
    /* O_NONBLOCK belongs to all duplicates, and a host's runtime may have cleared it on its own. */
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    eventfd_t value;
    if (poll(&ready, 1, 0) == 1)
        eventfd_read(fd, &value);
}

bool platform_wait(sem_t *semaphore, int64_t deadline)
{
    const bool forever = deadline == CLOCK_NEVER;
    const struct timespec until = !forever ? clock_timespec(deadline) : (struct timespec){0};
    int result;
    do {
        result = forever ? sem_wait(semaphore) : sem_clockwait(semaphore, CLOCK_MONOTONIC, &until);
    } while (result != 0 && errno == EINTR);
    return result == 0;
}

bool platform_start_thread(pthread_t *thread, void *(*run)(void *), void *argument)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    sigset_t all, before;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&all, faults[i]);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    const bool started = pthread_create(thread, NULL, run, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

void platform_name_thread(const char *name)
{
    char kept[16];
    snprintf(kept, sizeof kept, "%s", name);
    pthread_setname_np(pthread_self(), kept);
}

const char *platform_error(int error)
{
    const char *text = strerrordesc_np(error);
    return text != NULL ? text : "unknown error";
}

uint32_t platform_processors(void)
{
    cpu_set_t allowed;
    long count = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
    if (count < 1) /* more processors than a cpu_set_t holds */
        count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (uint32_t)count;
}
