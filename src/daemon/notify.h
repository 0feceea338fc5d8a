/* systemd's protocol, without its library: what a service is given (a listening socket, a watchdog's interval) and what
 * it says (that it is ready, that it stops, that it is alive). Outside systemd all of it is nothing. Single-threaded.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int socket; /* to send from; -1: nobody listens */
    struct sockaddr_un to;
    socklen_t to_size;
    uint64_t watchdog_us; /* systemd restarts a service that is silent for so long; 0: never */
};

/* Takes NOTIFY_SOCKET and the watchdog's variables out of the environment, so that no child sees them. 0, or errno's
 * value negated, with one line in why (cut to why_size) and notify as outside systemd. */
int notify_open(struct notify *notify, char *why, size_t why_size);
void notify_close(struct notify *notify);

/* Sends lines of NAME=VALUE. Never blocks: 0 (also when nobody listens), or errno's value negated, -EAGAIN when there
 * is no room at the moment; READY=1 should then be sent once more. */
int notify_send(const struct notify *notify, const char *state);
/* That clients are served from now on; that no more are; that the service is alive. */
int notify_ready(const struct notify *notify);
int notify_stopping(const struct notify *notify);
int notify_alive(const struct notify *notify);

/* How often notify_alive is due: half of what the watchdog grants. 0: there is none. */
int64_t notify_watchdog_interval_us(const struct notify *notify);

#define NOTIFY_NO_LISTENER (-1)
#define NOTIFY_BAD_LISTENER (-2)

/* The socket that systemd listens on for this process, a UNIX SOCK_SEQPACKET socket, from now on close-on-exec and
 * non-blocking; its variables go out of the environment. NOTIFY_NO_LISTENER: none was passed. NOTIFY_BAD_LISTENER:
 * something else was, and why says what in one line. */
int notify_listen_fd(char *why, size_t why_size);

#endif
