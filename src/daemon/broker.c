#include "daemon/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/line.h"
#include "daemon/http.h"
#include "daemon/sandbox.h"
#include "daemon/worker.h"

#define BACKLOG 1024
#define CLIENTS_AT_ONCE 16 /* the others have their turn as well */
#define TICK_MS 100        /* while there are seats: grace periods and lost pulses are longer */
#define IDLE_MS 1000
#define FDS_OWN 24 /* descriptors of the broker's own, and of what is on its way */
#define FDS_SEAT 4 /* a client, its frames, its worker, its report */
#define STATUS_FAILED 1

void say(const char *severity, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    line_clean(line);
    fprintf(stderr, "culvertd: %s: %s\n", severity, line);
}

/* ---- Beginning --------------------------------------------------------------------------------------------------- */

/* The numbers that a worker's own descriptors get are taken here, so that none of the broker's is overwritten when it
 * is handed over. */
static int open_reserve(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && fd <= WORKER_CRASH_FD);
    return fd;
}

static bool catch_signals(struct broker *broker)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    broker->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return broker->signals >= 0;
}

static bool listen_there(struct broker *broker, char *why, size_t size)
{
    broker->listener = notify_listen_fd(why, size);
    if (broker->listener != NOTIFY_NO_LISTENER)
        return broker->listener >= 0;
    if (broker->options.socket == NULL) {
        snprintf(why, size, "no socket to listen at: pass --socket PATH, or start culvertd by culvertd.socket");
        return false;
    }
    broker->listener = listen_unix(broker->options.socket, SOCK_SEQPACKET, 0666, BACKLOG, &broker->path, why, size);
    return broker->listener >= 0;
}

/* As many descriptors as the system lets it have, and how many sessions they are enough for. */
static uint64_t sessions_by_descriptors(const struct options *options)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < 65536 ? files.rlim_max : 65536;
    setrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_NOFILE, &files);
    const uint64_t own = FDS_OWN + 2 * (uint64_t)options->spares;
    return files.rlim_cur > own + FDS_SEAT ? (files.rlim_cur - own) / FDS_SEAT : 1;
}

static bool begin(struct broker *broker, const struct options *options, const char *program, char *why, size_t size)
{
    *broker = (struct broker){.options = *options, .listener = -1, .signals = -1, .reserve = -1};
    broker->pool = (struct pool){
        .program = program_at(program), .memory = options->worker_memory, .wanted = options->spares};
    if (notify_open(&broker->notify, why, size) < 0)
        say("warning", "%s", why);
    broker->room_most = sessions_by_descriptors(options);
    if (broker->options.all.sessions == 0 || broker->options.all.sessions > broker->room_most)
        broker->options.all.sessions = broker->room_most;
    if (!seat_make_room(broker)) {
        snprintf(why, size, "no memory to begin with: raise its limit");
        return false;
    }
    if (!listen_there(broker, why, size) || !report_dir_works(options->crash_dir, why, size))
        return false;
    broker->reserve = open_reserve();
    if (broker->reserve < 0 || !catch_signals(broker)) {
        snprintf(why, size, "no descriptors: %s: raise RLIMIT_NOFILE", strerror(errno));
        return false;
    }
    if (options->metrics == NULL)
        return true;
    broker->http = http_start(options->metrics, metrics_render, &broker->metrics, why, size);
    if (broker->http != NULL)
        say("info", "metrics at %s", http_where(broker->http));
    return broker->http != NULL;
}

/* ---- Clients ----------------------------------------------------------------------------------------------------- */

/* Without a descriptor left, the reserve makes room for telling the client so. False: none was there. */
static bool turn_away(struct broker *broker, const char *why)
{
    close(broker->reserve);
    /* cppcheck-suppress nullPointer ; accept4 may be given none */
    const int socket = accept4(broker->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket >= 0) {
        struct wire_refused message = {.error = CULVERT_E_LIMIT};
        snprintf(message.text, sizeof message.text, "%s", why);
        wire_send(socket, WIRE_REFUSED, &message, sizeof message, NULL, 0);
        close(socket);
        metrics_refuse(&broker->metrics, METRICS_REFUSE_LIMIT);
    }
    broker->reserve = open_reserve();
    return socket >= 0;
}

/* One client. False: none waits. */
static bool accept_client(struct broker *broker)
{
    if (broker->count >= broker->room_most)
        return turn_away(broker, "culvertd has as many clients as it can have: close sessions, or raise RLIMIT_NOFILE");
    /* cppcheck-suppress nullPointer ; accept4 may be given none */
    const int socket = accept4(broker->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket >= 0)
        seat_admit(broker, socket);
    else if (errno == EMFILE || errno == ENFILE)
        return turn_away(broker, "culvertd has no descriptor left: close sessions, or raise RLIMIT_NOFILE");
    return socket >= 0;
}

static void accept_clients(struct broker *broker, int most)
{
    while (most-- > 0 && accept_client(broker))
        continue;
}

static void clear_up(struct broker *broker)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < broker->count; i++) {
        if (seat_is_over(broker->seats[i]))
            seat_free(broker->seats[i]);
        else
            broker->seats[kept++] = broker->seats[i];
    }
    broker->count = kept;
}

/* ---- Children ---------------------------------------------------------------------------------------------------- */

static void bury(struct broker *broker, pid_t pid, int status)
{
    if (pool_lost(&broker->pool, pid)) {
        metrics_worker_end(&broker->metrics, status, false);
        metrics_spares(&broker->metrics, broker->pool.count);
        say("warning", "spare encoder process %ld ended by itself", (long)pid);
        return;
    }
    for (uint32_t i = 0; i < broker->count; i++) {
        if (broker->seats[i]->worker.pid == pid) {
            seat_bury(broker, broker->seats[i], status);
            return;
        }
    }
}

static void reap(struct broker *broker)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        bury(broker, pid, status);
}

/* ---- The end ----------------------------------------------------------------------------------------------------- */

static void stop_listening(struct broker *broker)
{
    if (broker->listener < 0)
        return;
    close(broker->listener);
    broker->listener = -1;
    if (broker->path.path[0] != '\0')
        listen_unlink(&broker->path);
}

/* Who has connected but was not accepted yet is told, instead of being cut off; with a socket of systemd's the next
 * culvertd will serve them. */
static void accept_last(struct broker *broker)
{
    if (broker->path.path[0] != '\0')
        accept_clients(broker, BACKLOG);
}

static void drain(struct broker *broker)
{
    if (broker->draining) {
        broker->over = true;
        return;
    }
    say("info", "ending: %" PRIu32 " clients have %" PRIu32 " ms; a second signal ends at once", broker->count,
        broker->options.drain_ms);
    notify_stopping(&broker->notify);
    accept_last(broker);
    stop_listening(broker);
    broker->draining = true;
    broker->drain_until = clock_now() + (int64_t)broker->options.drain_ms * 1000;
    broker->pool.wanted = 0;
    pool_finish(&broker->pool);
}

static void hear_signals(struct broker *broker)
{
    struct signalfd_siginfo info;
    while (read(broker->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            reap(broker);
        else
            drain(broker);
    }
}

/* Workers see their sockets end, clients their workers'. */
static void finish(struct broker *broker)
{
    stop_listening(broker);
    pool_finish(&broker->pool);
    for (uint32_t i = 0; i < broker->count; i++) {
        if (broker->seats[i]->worker.pid != 0)
            kill(broker->seats[i]->worker.pid, SIGKILL);
        seat_free(broker->seats[i]);
    }
    free(broker->seats);
    free(broker->fds);
    broker->count = 0;
    if (broker->http != NULL)
        http_stop(broker->http);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        continue;
    if (broker->reserve >= 0)
        close(broker->reserve);
    if (broker->signals >= 0)
        close(broker->signals);
    notify_close(&broker->notify);
}

/* ---- The loop ---------------------------------------------------------------------------------------------------- */

static void list_fds(struct broker *broker)
{
    struct pollfd *fds = broker->fds;
    fds[0] = (struct pollfd){.fd = broker->listener, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = broker->signals, .events = POLLIN};
    fds[2] = (struct pollfd){.fd = broker->http != NULL ? http_poll_fd(broker->http) : -1, .events = POLLIN};
    for (uint32_t i = 0; i < broker->count; i++) {
        struct pollfd *of_seat = &fds[BROKER_FDS + 2 * i];
        of_seat[0] = (struct pollfd){.fd = broker->seats[i]->control, .events = POLLIN};
        of_seat[1] = (struct pollfd){.fd = broker->seats[i]->worker.socket, .events = POLLIN};
    }
}

static int patience(const struct broker *broker)
{
    int milliseconds = broker->count > 0 || broker->draining || broker->pool.count < broker->pool.wanted ? TICK_MS
                                                                                                         : IDLE_MS;
    const int of_http = broker->http != NULL ? http_timeout_ms(broker->http) : -1;
    if (of_http >= 0 && of_http < milliseconds)
        milliseconds = of_http;
    const int64_t of_watchdog = notify_watchdog_interval_us(&broker->notify) / 2000;
    if (of_watchdog > 0 && of_watchdog < milliseconds)
        milliseconds = (int)of_watchdog;
    return milliseconds;
}

static void serve_seats(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->count; i++) {
        struct seat *seat = broker->seats[i];
        const struct pollfd *of_seat = &broker->fds[BROKER_FDS + 2 * i];
        if (of_seat[1].revents != 0 && seat->worker.socket >= 0)
            seat_hear_worker(broker, seat);
        if (of_seat[0].revents != 0 && seat->control >= 0)
            seat_hear_client(broker, seat);
        seat_tick(broker, seat);
    }
}

static void keep_alive(struct broker *broker)
{
    const int64_t interval = notify_watchdog_interval_us(&broker->notify), now = clock_now();
    if (interval <= 0 || now < broker->alive_at)
        return;
    broker->alive_at = now + interval / 2;
    notify_alive(&broker->notify);
}

/* Allocates nothing: want of memory is no reason to end. */
static void turn(struct broker *broker)
{
    list_fds(broker);
    poll(broker->fds, BROKER_FDS + 2 * (nfds_t)broker->count, patience(broker));
    /* Before the deaths: a client that has closed its session is not to get another worker. */
    serve_seats(broker);
    if (broker->fds[1].revents != 0)
        hear_signals(broker);
    if (broker->fds[0].revents != 0 && broker->listener >= 0)
        accept_clients(broker, CLIENTS_AT_ONCE);
    if (broker->http != NULL)
        http_run(broker->http);
    clear_up(broker);
    pool_refill(&broker->pool, &broker->metrics);
    keep_alive(broker);
}

/* Connections that have no session are not waited for. */
static bool is_drained(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->count; i++)
        if (broker->seats[i]->id == 0 && broker->seats[i]->worker.pid == 0)
            seat_dismiss(broker, broker->seats[i], METRICS_CLOSE_DRAINED, CULVERT_E_GONE,
                         "culvertd is ending: try again when the next one runs");
    clear_up(broker);
    return broker->count == 0 || clock_now() >= broker->drain_until;
}

int broker_run(const struct options *options, const char *program)
{
    struct broker broker;
    char why[512];
    if (!begin(&broker, options, program, why, sizeof why)) {
        say("error", "%s", why);
        finish(&broker);
        return STATUS_FAILED;
    }
    if (!sandbox_available())
        say("warning", "this build has no seccomp filter: encoder processes run without it");
    say("info", "ready for %" PRIu64 " sessions at %s", broker.options.all.sessions,
        options->socket != NULL ? options->socket : "systemd's socket");
    notify_ready(&broker.notify);
    while (!broker.over && !(broker.draining && is_drained(&broker)))
        turn(&broker);
    finish(&broker);
    return 0;
}
