#include "want.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>

static atomic_bool armed, lasts;
static atomic_uint next, chosen;
static _Atomic int64_t blocks, mappings;

void want_begin(uint32_t at, bool for_good)
{
    atomic_store(&next, 0);
    atomic_store(&chosen, at);
    atomic_store(&lasts, for_good);
    atomic_store(&armed, true);
}

bool want_end(void)
{
    atomic_store(&armed, false);
    return atomic_load(&next) > atomic_load(&chosen);
}

struct want_held want_held(void)
{
    return (struct want_held){atomic_load(&blocks), atomic_load(&mappings)};
}

static bool fails(int error)
{
    if (!atomic_load(&armed))
        return false;
    const unsigned number = atomic_fetch_add(&next, 1), at = atomic_load(&chosen);
    if (number < at || (number > at && !atomic_load(&lasts)))
        return false;
    errno = error;
    return true;
}

/* The linker leads each call here, and __real_ to the library. */
#define WRAP(type, name, parameters) \
    type __real_##name parameters;   \
    type __wrap_##name parameters;   \
    type __wrap_##name parameters

static void *counted(void *block)
{
    atomic_fetch_add(&blocks, block != NULL);
    return block;
}

WRAP(void *, malloc, (size_t bytes))
{
    return fails(ENOMEM) ? NULL : counted(__real_malloc(bytes));
}

WRAP(void *, calloc, (size_t count, size_t bytes))
{
    return fails(ENOMEM) ? NULL : counted(__real_calloc(count, bytes));
}

WRAP(void *, realloc, (void *block, size_t bytes))
{
    if (fails(ENOMEM))
        return NULL;
    return block == NULL ? counted(__real_realloc(NULL, bytes)) : __real_realloc(block, bytes);
}

WRAP(void, free, (void *block))
{
    atomic_fetch_sub(&blocks, block != NULL);
    __real_free(block);
}

/* That of 64-bit offsets, which Meson asks for everywhere. */
WRAP(void *, mmap64, (void *over, size_t bytes, int access, int flags, int fd, off_t offset))
{
    void *const base = fails(ENOMEM) ? MAP_FAILED : __real_mmap64(over, bytes, access, flags, fd, offset);
    atomic_fetch_add(&mappings, base != MAP_FAILED && !(flags & MAP_FIXED));
    return base;
}

WRAP(int, munmap, (void *base, size_t bytes))
{
    atomic_fetch_sub(&mappings, 1);
    return __real_munmap(base, bytes);
}

WRAP(int, memfd_create, (const char *name, unsigned flags))
{
    return fails(ENFILE) ? -1 : __real_memfd_create(name, flags);
}

WRAP(int, eventfd, (unsigned value, int flags))
{
    return fails(EMFILE) ? -1 : __real_eventfd(value, flags);
}

WRAP(int, epoll_create1, (int flags))
{
    return fails(EMFILE) ? -1 : __real_epoll_create1(flags);
}

WRAP(int, sem_init, (sem_t * semaphore, int shared, unsigned value))
{
    return fails(ENOSPC) ? -1 : __real_sem_init(semaphore, shared, value);
}

WRAP(int, pthread_create, (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument))
{
    return fails(EAGAIN) ? EAGAIN : __real_pthread_create(thread, attributes, run, argument);
}

WRAP(int, socket, (int domain, int type, int protocol))
{
    return fails(EMFILE) ? -1 : __real_socket(domain, type, protocol);
}

WRAP(ssize_t, sendmsg, (int socket, const struct msghdr *message, int flags))
{
    return fails(ENOBUFS) ? -1 : __real_sendmsg(socket, message, flags);
}
