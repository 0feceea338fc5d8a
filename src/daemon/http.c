#include "daemon/http.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define BACKLOG 16
#define SENT_MOST 16384 /* bytes that the kernel holds for a client that does not read */
#define PAUSE_MS 1000   /* without accepting, when there is no descriptor or memory for another connection */

struct client {
    int fd; /* -1: none; libmicrohttpd's to close */
    int64_t deadline;
};

/* Connections are accepted here, not by libmicrohttpd, which spins where no descriptor is left. */
struct http {
    struct MHD_Daemon *mhd;
    int epoll; /* over the listener and libmicrohttpd's own */
    int listener;
    int64_t paused_until; /* 0: it accepts */
    struct client clients[HTTP_CONNECTIONS];
    http_render *render;
    void *context;
    struct listen_path made; /* path "": it is no UNIX socket */
    char where[sizeof "unix:" + LISTEN_WHERE];
    char text[HTTP_TEXT_MOST];
};

/* ---- Answers */

struct answer {
    unsigned status;
    const char *text, *type;
    size_t length;
};

static struct answer refusal(unsigned status, const char *text)
{
    return (struct answer){.status = status, .text = text, .length = strlen(text), .type = "text/plain; charset=utf-8"};
}

static struct answer answer_to(struct http *http, const char *url, const char *method)
{
    if (strcmp(url, "/metrics") != 0)
        return refusal(MHD_HTTP_NOT_FOUND, "Here is /metrics and nothing else.\n");
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return refusal(MHD_HTTP_METHOD_NOT_ALLOWED, "/metrics can be read and nothing else.\n");
    const size_t length = http->render(http->context, http->text, sizeof http->text);
    if (length == 0)
        return refusal(MHD_HTTP_INTERNAL_SERVER_ERROR, "There is no text.\n");
    return (struct answer){MHD_HTTP_OK, http->text, "text/plain; version=0.0.4; charset=utf-8", length};
}

static bool add_headers(struct MHD_Response *response, const struct answer *answer)
{
    if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_NO)
        return false;
    return MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type) == MHD_YES &&
           MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
}

/* Comes when the headers have come; a body is never waited for. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **request)
{
    (void)version, (void)upload, (void)upload_size, (void)request;
    const struct answer answer = answer_to(context, url, method);
    /* Copied by MUST_COPY, so it is not written in spite of the type. */
    struct MHD_Response *response = MHD_create_response_from_buffer(answer.length, (void *)(uintptr_t)answer.text,
                                                                    MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result = MHD_NO;
    if (add_headers(response, &answer))
        result = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- Connections */

static struct client *free_client(struct http *http)
{
    for (uint32_t i = 0; i < HTTP_CONNECTIONS; i++)
        if (http->clients[i].fd < 0)
            return &http->clients[i];
    return NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **own,
                          enum MHD_ConnectionNotificationCode code)
{
    struct client *client = *own;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *own = client = free_client(context);
        if (client != NULL && info != NULL)
            *client = (struct client){.fd = info->connect_fd, .deadline = clock_deadline(HTTP_DEADLINE_MS)};
    } else if (client != NULL)
        client->fd = -1;
}

/* Hands over one connection, if there is one. */
static bool accept_one(struct http *http)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    const int fd = accept4(http->listener, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
        http->paused_until = clock_deadline(PAUSE_MS);
    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){SENT_MOST}, sizeof(int));
    /* It closes fd when it fails. */
    MHD_add_connection(http->mhd, fd, (const struct sockaddr *)&peer, length);
    return true;
}

static bool accepts(struct http *http)
{
    return free_client(http) != NULL && http->paused_until == 0;
}

/* libmicrohttpd's own timeout begins anew with every byte, so that a slow client would never reach it. */
static void cut_off_late(struct http *http)
{
    const int64_t now = clock_now();
    for (uint32_t i = 0; i < HTTP_CONNECTIONS; i++) {
        struct client *client = &http->clients[i];
        if (client->fd < 0 || client->deadline > now)
            continue;
        shutdown(client->fd, SHUT_RDWR);
        client->deadline = CLOCK_NEVER;
    }
}

/* The listener is watched only while a connection could be accepted, or it would be readable all the time. */
static void watch(struct http *http)
{
    struct epoll_event event = {.events = accepts(http) ? EPOLLIN : 0};
    epoll_ctl(http->epoll, EPOLL_CTL_MOD, http->listener, &event);
}

void http_run(struct http *http)
{
    if (http->paused_until <= clock_now())
        http->paused_until = 0;
    MHD_run(http->mhd);
    for (uint32_t i = 0; i < HTTP_CONNECTIONS && accepts(http) && accept_one(http); i++)
        MHD_run(http->mhd);
    cut_off_late(http);
    watch(http);
}

/* ---- The loop's side */

const char *http_where(const struct http *http)
{
    return http->where;
}

int http_poll_fd(const struct http *http)
{
    return http->epoll;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int http_timeout_ms(const struct http *http)
{
    MHD_UNSIGNED_LONG_LONG pending;
    int64_t next = http->paused_until > 0 ? http->paused_until : CLOCK_NEVER;
    for (uint32_t i = 0; i < HTTP_CONNECTIONS; i++)
        if (http->clients[i].fd >= 0)
            next = earlier(next, http->clients[i].deadline);
    const int64_t now = clock_now();
    if (MHD_get_timeout(http->mhd, &pending) == MHD_YES)
        next = earlier(next, now + (pending < INT_MAX ? (int64_t)pending : INT_MAX) * 1000);
    if (next == CLOCK_NEVER)
        return -1;
    return next <= now ? 0 : (int)earlier((next - now + 999) / 1000, INT_MAX);
}

/* ---- Life */

static bool open_listener(struct http *http, const char *where, char *why, size_t size)
{
    if (strncmp(where, "unix:", 5) == 0) {
        http->listener = listen_unix(where + 5, SOCK_STREAM, 0660, BACKLOG, &http->made, why, size);
        snprintf(http->where, sizeof http->where, "unix:%s", http->made.path);
    } else
        http->listener = listen_loopback(where, BACKLOG, http->where, why, size);
    return http->listener >= 0;
}

static bool open_server(struct http *http)
{
    http->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request, http,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY, MHD_OPTION_NOTIFY_CONNECTION,
                                 on_connection, http, MHD_OPTION_END);
    if (http->mhd == NULL)
        return false;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    http->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    return info != NULL && http->epoll >= 0 && epoll_ctl(http->epoll, EPOLL_CTL_ADD, info->epoll_fd, &event) == 0 &&
           epoll_ctl(http->epoll, EPOLL_CTL_ADD, http->listener, &event) == 0;
}

struct http *http_start(const char *where, http_render *render, void *context, char *why, size_t size)
{
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        snprintf(why, size, "no memory for metrics at %.64s", where);
        return NULL;
    }
    http->epoll = http->listener = -1;
    http->render = render;
    http->context = context;
    for (uint32_t i = 0; i < HTTP_CONNECTIONS; i++)
        http->clients[i].fd = -1;
    if (!open_listener(http, where, why, size)) {
        http_stop(http);
        return NULL;
    }
    if (!open_server(http)) {
        snprintf(why, size, "no memory or descriptors for metrics at %.64s: raise the limits (ulimit -n)", where);
        http_stop(http);
        return NULL;
    }
    return http;
}

void http_stop(struct http *http)
{
    if (http == NULL)
        return;
    if (http->mhd != NULL)
        MHD_stop_daemon(http->mhd);
    if (http->epoll >= 0)
        close(http->epoll);
    if (http->listener >= 0)
        close(http->listener);
    if (http->made.path[0] != '\0')
        listen_unlink(&http->made);
    free(http);
}
