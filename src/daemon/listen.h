/* Sockets that culvertd listens on: non-blocking, closed on exec. */
#ifndef DAEMON_LISTEN_H
#define DAEMON_LISTEN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LISTEN_WHY 256   /* bytes of every `why`: one line that says what is wrong, to what, and what to do */
#define LISTEN_WHERE 128 /* bytes of an address as text */
#define LISTEN_PATH 108  /* bytes of a socket's path, with its end: sun_path's */

/* A socket in the file system, and which file it is. */
struct listen_path {
    char path[LISTEN_PATH];
    dev_t device;
    ino_t inode;
};

/* Listens at a path, with this type (SOCK_STREAM, SOCK_SEQPACKET) and file mode. A socket that is there already is
 * replaced if nobody listens at it; anything else there is left alone. Returns the descriptor; -1: why. */
int listen_unix(const char *path, int type, mode_t mode, int backlog, struct listen_path *made, char *why, size_t size);

/* Removes the file, unless another took its place. */
void listen_unlink(const struct listen_path *made);

/* Listens at "PORT", "127.0.0.1:PORT" or "[::1]:PORT": loopback and nothing else. Port 0: any that is free. address
 * (LISTEN_WHERE bytes) becomes what it is in fact. Returns the descriptor; -1: why. */
int listen_loopback(const char *where, int backlog, char *address, char *why, size_t size);

#endif
