/* Shows one text to whoever asks for /metrics, from a single-threaded poll loop, which it never makes wait.
 *
 * Whatever clients do, it holds at most HTTP_CONNECTIONS of them, each with HTTP_MEMORY bytes of request, one copy of
 * the text and HTTP_DEADLINE_MS from its beginning to its end; others wait in the kernel. Each connection serves one
 * request. Where libmicrohttpd is not built in, http_start fails and says so. */
#ifndef DAEMON_HTTP_H
#define DAEMON_HTTP_H

#include <stddef.h>

#include "daemon/listen.h"

#define HTTP_CONNECTIONS 8
#define HTTP_MEMORY 8192
#define HTTP_TEXT_MOST 65536
#ifndef HTTP_DEADLINE_MS
#define HTTP_DEADLINE_MS 10000
#endif

struct http;

/* Writes the text and returns its length; 0: there is none, which the client is told as an error of the server's. */
typedef size_t http_render(void *context, char *text, size_t size);

/* Listens at "unix:PATH" (mode 0660; a stale socket is replaced), "PORT", "127.0.0.1:PORT" or "[::1]:PORT". render is
 * called from http_run alone. NULL: why (LISTEN_WHY bytes are enough). */
struct http *http_start(const char *where, http_render *render, void *context, char *why, size_t size);

/* Where it listens in fact, for the log; valid until http_stop. */
const char *http_where(const struct http *http);

/* To be polled for POLLIN, and for how long at most; -1: until it is readable. Then, or after that time, http_run. */
int http_poll_fd(const struct http *http);
int http_timeout_ms(const struct http *http);

/* Does what can be done without waiting. */
void http_run(struct http *http);

/* Ends all connections, closes all descriptors and removes the socket. NULL is allowed. */
void http_stop(struct http *http);

#endif
