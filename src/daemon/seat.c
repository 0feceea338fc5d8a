#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/platform.h"
#include "daemon/broker.h"
#include "daemon/worker.h"
#include "session/session.h"

#define SILENCE_US 10000000 /* of a client that asks for nothing */
#define LAST_WORDS 64       /* of a dead worker's: more than its socket holds are somebody else's */

/* How long a worker that should end may still clear up. */
#ifndef SEAT_GRACE_MS
#define SEAT_GRACE_MS 300
#endif
#define GRACE_US (SEAT_GRACE_MS * INT64_C(1000))

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- Connections ------------------------------------------------------------------------------------------------- */

bool seat_make_room(struct broker *broker)
{
    const uint32_t room = broker->room == 0 ? 64 : 2 * broker->room;
    struct seat **seats = realloc(broker->seats, room * sizeof(struct seat *));
    if (seats == NULL)
        return false;
    broker->seats = seats;
    struct pollfd *fds = realloc(broker->fds, (BROKER_FDS + 2 * (size_t)room) * sizeof *fds);
    if (fds == NULL)
        return false;
    broker->fds = fds;
    broker->room = room;
    return true;
}

static bool keep(struct broker *broker, struct seat *seat)
{
    if (broker->count == broker->room && !seat_make_room(broker))
        return false;
    broker->seats[broker->count++] = seat;
    return true;
}

static void refuse(int socket, int error, const char *why)
{
    struct wire_refused message = {.error = error};
    snprintf(message.text, sizeof message.text, "%s", why);
    wire_send(socket, WIRE_REFUSED, &message, sizeof message, NULL, 0);
}

void seat_admit(struct broker *broker, int socket)
{
    struct peer peer;
    char why[BROKER_WHY];
    if (!peers_admit(&broker->options.peers, socket, &peer)) {
        snprintf(why, sizeof why,
                 "culvertd does not serve user %ld, group %ld: have it started with --allow-uid or "
                 "--allow-gid",
                 (long)peer.uid, (long)peer.gid);
        say("warning",
            "refused process %ld of user %ld, group %ld: start culvertd with --allow-uid or --allow-gid to "
            "serve it",
            (long)peer.pid, (long)peer.uid, (long)peer.gid);
        metrics_refuse(&broker->metrics, METRICS_REFUSE_DENIED);
        refuse(socket, CULVERT_E_DENIED, why);
        close(socket);
        return;
    }
    struct seat *seat = calloc(1, sizeof *seat);
    if (seat == NULL || !keep(broker, seat)) {
        metrics_refuse(&broker->metrics, METRICS_REFUSE_LIMIT);
        refuse(socket, CULVERT_E_LIMIT, "culvertd has no memory left for a client: raise its limit, or close sessions");
        free(seat);
        close(socket);
        return;
    }
    *seat = (struct seat){.control = socket,
                          .peer = peer,
                          .since = clock_now(),
                          .frames = -1,
                          .data = -1,
                          .packets = -1,
                          .worker = {.socket = -1, .crash = -1},
                          .kill_at = CLOCK_NEVER};
}

bool seat_is_over(const struct seat *seat)
{
    return seat->control < 0 && seat->worker.pid == 0;
}

void seat_free(struct seat *seat)
{
    close_fd(&seat->control);
    close_fd(&seat->frames);
    close_fd(&seat->data);
    close_fd(&seat->packets);
    child_close(&seat->worker);
    free(seat);
}

/* The worker sees its sockets end; one that does not is killed. It may have a last word. */
static void let_go(struct seat *seat)
{
    close_fd(&seat->data);
    close_fd(&seat->packets);
    close_fd(&seat->frames);
    if (seat->worker.socket >= 0)
        shutdown(seat->worker.socket, SHUT_WR);
    if (seat->worker.pid != 0 && seat->kill_at == CLOCK_NEVER)
        seat->kill_at = clock_now() + GRACE_US;
}

void seat_dismiss(struct broker *broker, struct seat *seat, enum metrics_close reason, int error, const char *why)
{
    if (seat->control < 0)
        return;
    if (why != NULL)
        refuse(seat->control, error, why);
    if (seat->id != 0) {
        metrics_close(&broker->metrics, &seat->counted, reason);
        say(why != NULL ? "warning" : "info", "session %" PRIu32 " (%s) ends: %s", seat->id, seat->config.name,
            why != NULL ? why : "its client has closed it");
        seat->id = 0;
    }
    close_fd(&seat->control);
    let_go(seat);
}

/* ---- Clients ----------------------------------------------------------------------------------------------------- */

static void hear_request(struct broker *broker, struct seat *seat, struct wire_parcel *parcel)
{
    switch (parcel->message.header.kind) {
    case WIRE_OPEN:
        if (seat->id != 0)
            seat_dismiss(broker, seat, METRICS_CLOSE_VIOLATION, CULVERT_E_ARGUMENT,
                         "a connection has one session: open another connection");
        else if (broker->draining)
            seat_dismiss(broker, seat, METRICS_CLOSE_DRAINED, CULVERT_E_GONE,
                         "culvertd is ending and takes no more sessions: try again when the next one runs");
        else
            request_open(broker, seat, &parcel->message.open);
        break;
    case WIRE_LIST:
        request_list(broker, seat, &parcel->message.list);
        break;
    default:
        request_watch(broker, seat, &parcel->message.watch);
    }
}

void seat_hear_client(struct broker *broker, struct seat *seat)
{
    const uint32_t kinds = WIRE_MASK(WIRE_OPEN) | WIRE_MASK(WIRE_LIST) | WIRE_MASK(WIRE_WATCH);
    struct wire_parcel parcel;
    /* One at a time: the others have their turn as well. */
    const int result = wire_receive(seat->control, kinds, &parcel);
    if (result == 1) {
        hear_request(broker, seat, &parcel);
    } else if (result == -EPROTONOSUPPORT) {
        metrics_refuse(&broker->metrics, METRICS_REFUSE_VERSION);
        seat_dismiss(broker, seat, METRICS_CLOSE_VIOLATION, CULVERT_E_UNSUPPORTED,
                     "culvertd is of another version than this library: install both from one release");
    } else if (result == -EPROTO) {
        metrics_refuse(&broker->metrics, METRICS_REFUSE_PROTOCOL);
        seat_dismiss(broker, seat, METRICS_CLOSE_VIOLATION, CULVERT_E_ARGUMENT,
                     "the client has sent what is no message: it is cut off");
    } else if (result != -EAGAIN) {
        seat_dismiss(broker, seat, METRICS_CLOSE_CLIENT, 0, NULL);
    }
}

/* ---- Workers ----------------------------------------------------------------------------------------------------- */

static int tell_opened(struct seat *seat)
{
    const struct session_layout layout = session_layout(&seat->config, codec_find(seat->config.codec));
    struct wire_opened message = {
        .id = seat->id,
        .pixel_rate = seat->granted,
        .layout = {layout.slot_bytes, layout.unit_bytes, layout.slots, layout.unit_packets},
    };
    return wire_send(seat->control, WIRE_OPENED, &message, sizeof message, &seat->frames, 1);
}

static int tell_worker(struct seat *seat)
{
    struct wire_worker message = {.incarnation = seat->incarnation};
    const int fds[] = {seat->data, seat->packets};
    return wire_send(seat->control, WIRE_WORKER, &message, sizeof message, fds, 2);
}

/* From here on nobody but this worker can write into the packets' memory. */
static void introduce(struct broker *broker, struct seat *seat)
{
    const bool sealed = platform_memory_seal(seat->packets, true);
    int error = !sealed ? -EPERM : seat->opened ? 0 : tell_opened(seat);
    if (error == 0)
        error = tell_worker(seat);
    close_fd(&seat->data);
    close_fd(&seat->packets);
    /* A client may close its session as soon as it is told of it. */
    if (error == -EPIPE || error == -ECONNRESET) {
        seat_dismiss(broker, seat, METRICS_CLOSE_CLIENT, 0, NULL);
        return;
    }
    if (error != 0) {
        seat_dismiss(broker, seat, METRICS_CLOSE_GONE, CULVERT_E_SYSTEM,
                     "culvertd could not hand the session over: its client does not read, or memory cannot be sealed");
        return;
    }
    if (!seat->opened)
        say("info", "session %" PRIu32 " (%s) opened by process %ld of user %ld", seat->id, seat->config.name,
            (long)seat->peer.pid, (long)seat->peer.uid);
    seat->opened = seat->ready = true;
}

static void hear_ready(struct broker *broker, struct seat *seat, struct wire_ready *ready)
{
    ready->text[sizeof ready->text - 1] = '\0';
    if (seat->control < 0)
        return;
    if (ready->error == 0 && !seat->ready)
        introduce(broker, seat);
    else if (ready->error < 0)
        seat_dismiss(broker, seat, METRICS_CLOSE_LIMIT, ready->error, ready->text);
}

/* False: it has said all that it said. */
static bool hear_worker(struct broker *broker, struct seat *seat)
{
    struct wire_parcel parcel;
    const int result = wire_receive(seat->worker.socket, WIRE_MASK(WIRE_READY) | WIRE_MASK(WIRE_PULSE), &parcel);
    if (result == -EAGAIN)
        return false;
    if (result != 1) {
        /* It is dying, or says what it must not: its status comes. */
        close_fd(&seat->worker.socket);
        if (seat->kill_at == CLOCK_NEVER)
            seat->kill_at = clock_now() + GRACE_US;
        return false;
    }
    seat->heard_at = clock_now();
    if (parcel.message.header.kind == WIRE_READY) {
        hear_ready(broker, seat, &parcel.message.ready);
    } else if (seat->opened && parcel.message.pulse.stats.size != 0) {
        seat->pulse = parcel.message.pulse;
        if (!seat->pulsed)
            metrics_begin(&seat->counted, &seat->pulse.stats);
        seat->pulsed = true;
        metrics_pulse(&broker->metrics, &seat->counted, &seat->pulse.stats, &seat->pulse.total);
    }
    return true;
}

void seat_hear_worker(struct broker *broker, struct seat *seat)
{
    hear_worker(broker, seat);
}

/* ---- Deaths ------------------------------------------------------------------------------------------------------ */

static bool dies_too_often(const struct broker *broker, struct seat *seat)
{
    const uint32_t most = broker->options.deaths;
    const int64_t now = clock_now();
    /* A ring of the last ones: the place of this one holds the one that came `most` - 1 deaths before. */
    seat->died_at[seat->deaths % most] = now;
    seat->deaths++;
    const int64_t first = seat->died_at[seat->deaths % most];
    return seat->deaths >= most && now - first < (int64_t)broker->options.deaths_s * 1000000;
}

static void describe_death(int status, bool hung, char *text, size_t size)
{
    if (hung)
        snprintf(text, size, "showed no life and was killed");
    else if (WIFSIGNALED(status))
        snprintf(text, size, "died of SIG%s", sigabbrev_np(WTERMSIG(status)));
    else
        snprintf(text, size, "exited with status %d", WEXITSTATUS(status));
}

static void replace(struct broker *broker, struct seat *seat)
{
    char why[BROKER_WHY];
    if (dies_too_often(broker, seat)) {
        seat_dismiss(broker, seat, METRICS_CLOSE_CRASHED, CULVERT_E_CRASHED,
                     "the session's encoder process died too often: see culvertd's crash reports");
        return;
    }
    metrics_restart(&broker->metrics, &seat->counted);
    const int error = seat_employ(broker, seat, why);
    if (error < 0)
        seat_dismiss(broker, seat, METRICS_CLOSE_LIMIT, error, why);
}

static bool client_is_gone(const struct seat *seat)
{
    char byte;
    return seat->control >= 0 && recv(seat->control, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void seat_bury(struct broker *broker, struct seat *seat, int status)
{
    char path[512], text[64];
    const pid_t pid = seat->worker.pid;
    const bool done = WIFEXITED(status) && WEXITSTATUS(status) == WORKER_DONE;
    metrics_worker_end(&broker->metrics, status, seat->hung);
    /* What it said last. Its end may live on: a worker that was taken over can have sent it to its client. */
    for (int i = 0; i < LAST_WORDS && seat->worker.socket >= 0 && hear_worker(broker, seat); i++)
        continue;
    report_keep(broker->options.crash_dir, seat->worker.crash, seat->config.name, pid, path, sizeof path);
    if (path[0] != '\0')
        metrics_crash_report(&broker->metrics);
    child_close(&seat->worker);
    close_fd(&seat->data);
    close_fd(&seat->packets);
    /* A client that has closed its session since the broker last looked is to get no other worker. */
    if (done && client_is_gone(seat))
        seat_dismiss(broker, seat, METRICS_CLOSE_CLIENT, 0, NULL);
    seat->kill_at = CLOCK_NEVER;
    if (!done || seat->control >= 0) {
        describe_death(status, seat->hung, text, sizeof text);
        say("warning", "worker %ld of session %" PRIu32 " (%s) %s%s%s", (long)pid, seat->id, seat->config.name, text,
            path[0] != '\0' ? ", report in " : "", path);
    }
    if (seat->control < 0)
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_VIOLATION)
        seat_dismiss(broker, seat, METRICS_CLOSE_VIOLATION, CULVERT_E_ARGUMENT,
                     "the client has broken the rules of the shared memory: its session is cut off");
    else if (done)
        seat_dismiss(broker, seat, METRICS_CLOSE_CLIENT, CULVERT_E_ARGUMENT,
                     "the client has closed the socket to its encoder process: its session ends");
    else
        replace(broker, seat);
}

/* ---- The clock --------------------------------------------------------------------------------------------------- */

static void check_life(struct broker *broker, struct seat *seat, int64_t now)
{
    const int64_t hang = (int64_t)broker->options.hang_ms * 1000;
    if (seat->worker.pid == 0 || seat->kill_at != CLOCK_NEVER || now - seat->heard_at < hang)
        return;
    /* It leaves a report of where it hangs, if it can still do that. */
    seat->hung = true;
    kill(seat->worker.pid, SIGABRT);
    seat->kill_at = now + GRACE_US;
}

void seat_tick(struct broker *broker, struct seat *seat)
{
    const int64_t now = clock_now();
    if (seat->control >= 0 && seat->id == 0 && now - seat->since > SILENCE_US)
        seat_dismiss(broker, seat, METRICS_CLOSE_CLIENT, CULVERT_E_TIMEOUT,
                     "nothing was asked for in ten seconds: connect again when there is something to ask");
    check_life(broker, seat, now);
    if (now >= seat->kill_at && seat->worker.pid != 0) {
        kill(seat->worker.pid, SIGKILL);
        seat->kill_at = now + GRACE_US;
    }
}
