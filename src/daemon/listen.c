#include "daemon/listen.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

struct why {
    char *text;
    size_t size;
};

static bool fail(struct why why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(struct why why, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why.text, why.size, format, arguments);
    va_end(arguments);
    return false;
}

static int close_failed(int fd)
{
    if (fd >= 0)
        close(fd);
    return -1;
}

/* ---- Paths */

/* A listener whose backlog is full makes a caller that does not wait try again: it listens all the same. */
static bool is_listened_at(const struct sockaddr_un *address, int type)
{
    const int fd = socket(AF_UNIX, type | FLAGS, 0);
    if (fd < 0)
        return true;
    const bool refused = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
    close(fd);
    return !refused;
}

static bool make_room(const struct sockaddr_un *address, int type, struct why why)
{
    struct stat found;
    const char *path = address->sun_path;
    if (lstat(path, &found) < 0)
        return errno == ENOENT || fail(why, "cannot look at %s: %s", path, strerror(errno));
    if (!S_ISSOCK(found.st_mode))
        return fail(why, "%s exists and is no socket: give another path, or remove it", path);
    if (is_listened_at(address, type))
        return fail(why, "another process listens at %s, or may: end it, or give another path", path);
    if (unlink(path) < 0)
        return fail(why, "cannot replace the stale socket %s: %s", path, strerror(errno));
    return true;
}

/* Nobody can connect before `listen`, so the mode is there in time. */
static bool bind_path(int fd, const struct sockaddr_un *address, mode_t mode, int backlog, struct why why)
{
    const char *path = address->sun_path;
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) < 0)
        return fail(why, "cannot listen at %s: %s", path, strerror(errno));
    if (chmod(path, mode) < 0 || listen(fd, backlog) < 0) {
        fail(why, "cannot listen at %s: %s", path, strerror(errno));
        unlink(path);
        return false;
    }
    return true;
}

static void remember(struct listen_path *made, const char *path)
{
    struct stat found = {0};
    lstat(path, &found);
    *made = (struct listen_path){.device = found.st_dev, .inode = found.st_ino};
    snprintf(made->path, sizeof made->path, "%s", path);
}

int listen_unix(const char *path, int type, mode_t mode, int backlog, struct listen_path *made, char *text, size_t size)
{
    const struct why why = {text, size};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t length = strlen(path), most = sizeof address.sun_path - 1;
    if (length == 0 || length > most) {
        fail(why, "a socket's path has 1 to %zu bytes, this one has %zu: give another", most, length);
        return -1;
    }
    memcpy(address.sun_path, path, length);
    if (!make_room(&address, type, why))
        return -1;
    const int fd = socket(AF_UNIX, type | FLAGS, 0);
    if (fd < 0)
        fail(why, "no socket for %s: %s", path, strerror(errno));
    if (fd < 0 || !bind_path(fd, &address, mode, backlog, why))
        return close_failed(fd);
    remember(made, path);
    return fd;
}

void listen_unlink(const struct listen_path *made)
{
    struct stat found;
    if (lstat(made->path, &found) == 0 && found.st_dev == made->device && found.st_ino == made->inode)
        unlink(made->path);
}

/* ---- Loopback */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool parse_port(const char *text, in_port_t *port)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    const unsigned long number = strtoul(text, &end, 10);
    *port = htons((uint16_t)number);
    return errno == 0 && *end == '\0' && number <= UINT16_MAX;
}

static const char *behind(const char *text, const char *start)
{
    const size_t length = strlen(start);
    return strncmp(text, start, length) == 0 ? text + length : NULL;
}

static bool parse(const char *where, union address *address)
{
    const char *v4 = behind(where, "127.0.0.1:"), *v6 = behind(where, "[::1]:");
    memset(address, 0, sizeof *address);
    if (v6 != NULL) {
        address->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        return parse_port(v6, &address->v6.sin6_port);
    }
    address->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return parse_port(v4 != NULL ? v4 : where, &address->v4.sin_port);
}

static bool bind_loopback(int fd, union address *address, int backlog)
{
    const int on = 1;
    socklen_t length = address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 && bind(fd, &address->any, length) == 0 &&
           listen(fd, backlog) == 0 && getsockname(fd, &address->any, &length) == 0;
}

int listen_loopback(const char *where, int backlog, char *text, char *why_text, size_t size)
{
    const struct why why = {why_text, size};
    union address address;
    if (!parse(where, &address)) {
        fail(why, "%.64s is no place to listen at: give PORT, 127.0.0.1:PORT or [::1]:PORT (this machine alone)",
             where);
        return -1;
    }
    const int fd = socket(address.any.sa_family, SOCK_STREAM | FLAGS, 0);
    if (fd < 0 || !bind_loopback(fd, &address, backlog)) {
        fail(why, "cannot listen at %.64s: %s; give another port", where, strerror(errno));
        return close_failed(fd);
    }
    if (address.any.sa_family == AF_INET6)
        snprintf(text, LISTEN_WHERE, "[::1]:%u", ntohs(address.v6.sin6_port));
    else
        snprintf(text, LISTEN_WHERE, "127.0.0.1:%u", ntohs(address.v4.sin_port));
    return fd;
}
