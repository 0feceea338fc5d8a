#include "daemon/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD 3

/* A whole decimal number. */
static bool parse(const char *text, uint64_t *value)
{
    char *end;
    if (text == NULL || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* Whether a variable that names the process which others are meant for names this one. */
static bool is_own(const char *name)
{
    uint64_t pid;
    return parse(getenv(name), &pid) && pid == (uint64_t)getpid();
}

static int fail(struct notify *notify, int error, const char *path, char *why, size_t why_size)
{
    notify_close(notify);
    snprintf(why, why_size, "NOTIFY_SOCKET is %s: %s: it must be the path of a UNIX socket, or @ and a name", path,
             strerror(error));
    return -error;
}

/* "@" stands for the zero byte that begins an abstract name, which ends where the address does. */
static int address(struct notify *notify, const char *path)
{
    const size_t length = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || path[1] == '\0')
        return EAFNOSUPPORT;
    if (length >= sizeof notify->to.sun_path)
        return ENAMETOOLONG;
    notify->to.sun_family = AF_UNIX;
    memcpy(notify->to.sun_path, path, length + 1);
    if (path[0] == '@')
        notify->to.sun_path[0] = '\0';
    notify->to_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '/'));
    return 0;
}

static uint64_t take_watchdog(void)
{
    uint64_t us = 0;
    const bool mine = getenv("WATCHDOG_PID") == NULL || is_own("WATCHDOG_PID");
    if (!mine || !parse(getenv("WATCHDOG_USEC"), &us) || us > INT64_MAX)
        us = 0;
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
    return us;
}

int notify_open(struct notify *notify, char *why, size_t why_size)
{
    *notify = (struct notify){.socket = -1, .watchdog_us = take_watchdog()};
    const char *variable = getenv("NOTIFY_SOCKET");
    char path[sizeof notify->to.sun_path + 1];
    snprintf(path, sizeof path, "%s", variable != NULL ? variable : "");
    unsetenv("NOTIFY_SOCKET");
    if (path[0] == '\0')
        return 0;
    const int error = address(notify, path);
    if (error != 0)
        return fail(notify, error, path, why, why_size);
    /* Kept open: a service that has run out of descriptors still says that it is alive. */
    notify->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return notify->socket >= 0 ? 0 : fail(notify, errno, path, why, why_size);
}

void notify_close(struct notify *notify)
{
    if (notify->socket >= 0)
        close(notify->socket);
    *notify = (struct notify){.socket = -1};
}

/* Not connected: a systemd that starts anew listens at the same address. */
int notify_send(const struct notify *notify, const char *state)
{
    if (notify->socket < 0)
        return 0;
    const ssize_t sent = sendto(notify->socket, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                                (const struct sockaddr *)&notify->to, notify->to_size);
    return sent >= 0 ? 0 : -errno;
}

int notify_ready(const struct notify *notify)
{
    return notify_send(notify, "READY=1\n");
}

int notify_stopping(const struct notify *notify)
{
    return notify_send(notify, "STOPPING=1\n");
}

int notify_alive(const struct notify *notify)
{
    return notify_send(notify, "WATCHDOG=1\n");
}

int64_t notify_watchdog_interval_us(const struct notify *notify)
{
    return notify->watchdog_us == 1 ? 1 : (int64_t)(notify->watchdog_us / 2);
}

/* ---- The listening socket ---------------------------------------------------------------------------------------- */

static bool has_option(int fd, int option, int wanted)
{
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

static bool is_listener(int fd)
{
    return has_option(fd, SO_DOMAIN, AF_UNIX) && has_option(fd, SO_TYPE, SOCK_SEQPACKET) &&
           has_option(fd, SO_ACCEPTCONN, 1);
}

static bool make_own(int fd)
{
    const int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* Descriptors passed to this process; 0: none, or they are another's. */
static uint64_t take_listeners(void)
{
    uint64_t count = 0;
    const char *text = is_own("LISTEN_PID") ? getenv("LISTEN_FDS") : NULL;
    if (text != NULL && !parse(text, &count))
        count = UINT64_MAX;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return count;
}

int notify_listen_fd(char *why, size_t why_size)
{
    static const char remedy[] = "culvertd takes one, of ListenSequentialPacket=/PATH in its .socket unit";
    const uint64_t count = take_listeners();
    if (count == 0)
        return NOTIFY_NO_LISTENER;
    if (count == 1 && is_listener(FIRST_FD) && make_own(FIRST_FD))
        return FIRST_FD;
    if (count == UINT64_MAX)
        snprintf(why, why_size, "LISTEN_FDS is not a number of sockets: %s", remedy);
    else if (count != 1)
        snprintf(why, why_size, "systemd passes %llu sockets: %s", (unsigned long long)count, remedy);
    else
        snprintf(why, why_size, "descriptor %d from systemd is not a listening UNIX socket of SOCK_SEQPACKET: %s",
                 FIRST_FD, remedy);
    return NOTIFY_BAD_LISTENER;
}
