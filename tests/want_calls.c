/* System calls that can fail for want of something. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "config.h"
#include "want.h"

/* ---- Descriptors ------------------------------------------------------------------------------------------------- */

WANT_WRAP(int, memfd_create, (const char *name, unsigned flags))
{
    return want_fails(ENFILE) ? -1 : __real_memfd_create(name, flags);
}

WANT_WRAP(int, ftruncate64, (int fd, off_t bytes))
{
    return want_fails(ENOSPC) ? -1 : __real_ftruncate64(fd, bytes);
}

WANT_WRAP(int, eventfd, (unsigned value, int flags))
{
    return want_fails(EMFILE) ? -1 : __real_eventfd(value, flags);
}

WANT_WRAP(int, epoll_create1, (int flags))
{
    return want_fails(EMFILE) ? -1 : __real_epoll_create1(flags);
}

WANT_WRAP(int, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event))
{
    /* What is taken out needs no memory. */
    return operation == EPOLL_CTL_ADD && want_fails(ENOSPC) ? -1 : __real_epoll_ctl(epoll, operation, fd, event);
}

WANT_WRAP(int, signalfd, (int fd, const sigset_t *signals, int flags))
{
    return want_fails(EMFILE) ? -1 : __real_signalfd(fd, signals, flags);
}

WANT_WRAP(int, socket, (int domain, int type, int protocol))
{
    return want_fails(EMFILE) ? -1 : __real_socket(domain, type, protocol);
}

WANT_WRAP(int, socketpair, (int domain, int type, int protocol, int *ends))
{
    return want_fails(EMFILE) ? -1 : __real_socketpair(domain, type, protocol, ends);
}

WANT_WRAP(int, accept4, (int listener, struct sockaddr *address, socklen_t *length, int flags))
{
    return want_fails(EMFILE) ? -1 : __real_accept4(listener, address, length, flags);
}

/* Its entries are the caller's to free. */
WANT_WRAP(int, scandirat64,
          (int dir, const char *path, struct dirent ***entries, int (*is_one)(const struct dirent *),
           int (*order)(const struct dirent **, const struct dirent **)))
{
    const int count = want_fails(ENOMEM) ? -1 : __real_scandirat64(dir, path, entries, is_one, order);
    if (count >= 0)
        want_count((int64_t)count + (*entries != NULL));
    return count;
}

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

WANT_WRAP(ssize_t, sendmsg, (int socket, const struct msghdr *message, int flags))
{
    return want_fails(ENOBUFS) ? -1 : __real_sendmsg(socket, message, flags);
}

/* As where no descriptor is left for those that come with a message. */
static void drop_descriptors(struct msghdr *message)
{
    struct cmsghdr *const header = message->msg_control != NULL ? CMSG_FIRSTHDR(message) : NULL;
    if (header == NULL || header->cmsg_type != SCM_RIGHTS || !want_fails(EMFILE))
        return;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
        close(fd);
    }
    message->msg_controllen = 0;
    message->msg_flags |= MSG_CTRUNC;
}

WANT_WRAP(ssize_t, recvmsg, (int socket, struct msghdr *message, int flags))
{
    if (want_fails(ENOMEM))
        return -1;
    const ssize_t bytes = __real_recvmsg(socket, message, flags);
    if (bytes >= 0)
        drop_descriptors(message);
    return bytes;
}

/* ---- Threads and processes --------------------------------------------------------------------------------------- */

WANT_WRAP(int, sem_init, (sem_t * semaphore, int shared, unsigned value))
{
    return want_fails(ENOSPC) ? -1 : __real_sem_init(semaphore, shared, value);
}

WANT_WRAP(int, pthread_create,
          (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument))
{
    return want_fails(EAGAIN) ? EAGAIN : __real_pthread_create(thread, attributes, run, argument);
}

WANT_WRAP(int, posix_spawn_file_actions_adddup2, (posix_spawn_file_actions_t * actions, int from, int to))
{
    return want_fails(ENOMEM) ? ENOMEM : __real_posix_spawn_file_actions_adddup2(actions, from, to);
}

WANT_WRAP(int, posix_spawn,
          (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
           const posix_spawnattr_t *attributes, char *const *arguments, char *const *environment))
{
    return want_fails(EAGAIN) ? EAGAIN : __real_posix_spawn(pid, path, actions, attributes, arguments, environment);
}

#if HAVE_SECCOMP
WANT_WRAP(int, seccomp_load, (void *filter))
{
    return want_fails(ENOMEM) ? -ENOMEM : __real_seccomp_load(filter);
}
#endif
