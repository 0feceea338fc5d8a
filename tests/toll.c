#include "toll.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#if HAVE_SECCOMP
#include <seccomp.h>
#endif

/* One thread's: the one that began. Its system calls are counted by another, while it waits in them. */
static _Thread_local bool counts;
static struct toll toll;
static atomic_bool inside;

void toll_begin(void)
{
    toll = (struct toll){0};
    atomic_store(&inside, true);
    counts = true;
}

struct toll toll_end(void)
{
    counts = false;
    atomic_store(&inside, false);
    return toll;
}

/* ---- Functions, in the place of the C library's ------------------------------------------------------------------ */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *memory);

static void note_allocation(const char *name)
{
    if (counts) {
        toll.allocations++;
        toll.last = name;
    }
}

void *malloc(size_t bytes)
{
    note_allocation("malloc");
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    note_allocation("calloc");
    return __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
    note_allocation("realloc");
    return __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    note_allocation("aligned_alloc");
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes)
{
    note_allocation("posix_memalign");
    *memory = __libc_memalign(alignment, bytes);
    return *memory == NULL ? ENOMEM : 0;
}

void free(void *memory)
{
    if (memory != NULL)
        note_allocation("free");
    __libc_free(memory);
}

static void note_lock(const char *name)
{
    if (counts) {
        toll.locks++;
        toll.last = name;
    }
}

/* In the place of the C library's, which it looks up once. */
#define LOCK(name, type)                                                \
    int name(type *lock)                                                \
    {                                                                   \
        static int (*real)(type *);                                     \
        if (real == NULL)                                               \
            real = (int (*)(type *))(uintptr_t)dlsym(RTLD_NEXT, #name); \
        note_lock(#name);                                               \
        return real(lock);                                              \
    }

LOCK(pthread_mutex_lock, pthread_mutex_t)
LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)
LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)
LOCK(pthread_spin_lock, pthread_spinlock_t)
LOCK(pthread_cond_signal, pthread_cond_t)
LOCK(pthread_cond_broadcast, pthread_cond_t)

/* ---- System calls ------------------------------------------------------------------------------------------------ */

#if HAVE_SECCOMP

#define NO_LISTENER (-2)

static int await_listener(atomic_int *listener)
{
    while (atomic_load(listener) == -1)
        usleep(100);
    return atomic_load(listener);
}

/* The thread that is watched waits meanwhile, and goes on. */
static void *watch(void *argument)
{
    const int listener = await_listener(argument);
    struct seccomp_notif *call = NULL;
    struct seccomp_notif_resp *answer = NULL;
    if (listener < 0 || seccomp_notify_alloc(&call, &answer) != 0)
        return NULL;
    while (seccomp_notify_receive(listener, call) == 0) {
        if (atomic_load(&inside)) {
            toll.calls++;
            toll.call = call->data.nr;
        }
        *answer = (struct seccomp_notif_resp){.id = call->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
        if (seccomp_notify_respond(listener, answer) != 0 && errno != ENOENT)
            _exit(1);
        /* What is not all zero the kernel takes for no place to write to. */
        *call = (struct seccomp_notif){0};
    }
    return NULL;
}

/* The watcher is there before the filter: from that on, this thread gets no further alone. */
bool toll_watch(void)
{
    static atomic_int listener;
    pthread_t watcher;
    atomic_store(&listener, -1);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_NOTIFY);
    if (filter == NULL || pthread_create(&watcher, NULL, watch, &listener) != 0)
        return false;
    pthread_detach(watcher);
    const bool loaded = seccomp_load(filter) == 0;
    atomic_store(&listener, loaded ? seccomp_notify_fd(filter) : NO_LISTENER);
    seccomp_release(filter);
    return loaded;
}

#else

bool toll_watch(void)
{
    return false;
}

#endif
