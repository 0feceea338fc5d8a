#include <errno.h>
#include <libavutil/common.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/platform.h"
#include "remote/endpoint.h"
#include "remote/remote.h"
#include "session/session.h"

/* ---- Descriptors ------------------------------------------------------------------------------------------------- */

void remote_poll(struct session *session, int fd)
{
    struct remote *remote = session->remote;
    struct epoll_event event = {.events = EPOLLIN};
    if (remote->poll >= 0 && fd >= 0)
        epoll_ctl(remote->poll, EPOLL_CTL_ADD, fd, &event);
    if (remote->listening)
        platform_signal(remote->wake);
}

void remote_close(struct session *session, int *fd)
{
    struct remote *remote = session->remote;
    if (*fd < 0)
        return;
    /* By name, for a forked child's copy would keep it in. */
    if (remote->poll >= 0)
        epoll_ctl(remote->poll, EPOLL_CTL_DEL, *fd, NULL);
    /* The other end sees it, though a child that was forked while this was opened may have a copy. */
    shutdown(*fd, SHUT_RDWR);
    close(*fd);
    *fd = -1;
}

static int descriptor(struct session *session)
{
    struct remote *remote = session->remote;
    if (session->signal < 0)
        session->signal = platform_signal_create();
    if (session->signal < 0)
        return session->signal;
    if (remote->poll < 0) {
        remote->poll = epoll_create1(EPOLL_CLOEXEC);
        remote_poll(session, session->signal);
        remote_poll(session, remote->control);
        remote_poll(session, remote->data);
        session_signal(session);
    }
    return remote->poll < 0 ? -errno : platform_signal_duplicate(remote->poll);
}

/* The host's copies stay readable for ever: a descriptor that is never closed and always readable goes in. */
static void leave_readable(struct remote *remote)
{
    static _Atomic int readable = -1;
    struct epoll_event event = {.events = EPOLLIN};
    if (remote->poll < 0)
        return;
    int fd = atomic_load(&readable);
    if (fd < 0) {
        int none = -1;
        fd = platform_signal_create();
        platform_signal(fd);
        if (fd >= 0 && !atomic_compare_exchange_strong(&readable, &none, fd)) {
            close(fd);
            fd = none;
        }
    }
    epoll_ctl(remote->poll, EPOLL_CTL_ADD, fd, &event);
    close(remote->poll);
}

/* ---- To the worker ----------------------------------------------------------------------------------------------- */

void remote_state(struct session *session, struct wire_state *state)
{
    *state = (struct wire_state){
        .wanted = session->wanted,
        .canvas = session->canvas,
        /* Read in this order: whoever is not inside submit by now finds the session finished. */
        .finishing = atomic_load(&session->finishing) && !atomic_load(&session->submitter.busy),
        .log_severity = log_severity(),
    };
}

static void state(struct session *session)
{
    struct remote *remote = session->remote;
    struct wire_state message;
    if (!remote->begun) {
        succession_give_up(session);
        return;
    }
    remote_state(session, &message);
    remote->owes_state = wire_send(remote->data, WIRE_STATE, &message, sizeof message, NULL, 0) == -EAGAIN;
    if (!remote->owes_state)
        session->wanted.lost = INT64_MAX; /* told once: the next report is not of these frames again */
    else if (remote->listening)
        platform_signal(remote->wake);
}

/* One that finds no room is not missed: the worker has enough to read, and will look at everything then. */
static bool ring(struct session *session)
{
    struct remote *remote = session->remote;
    struct wire_header bell;
    const int result = remote->begun ? wire_send(remote->data, WIRE_BELL, &bell, sizeof bell, NULL, 0) : -EPIPE;
    return result == 0 || result == -EAGAIN;
}

static void released(struct session *session)
{
    const struct remote *remote = session->remote;
    const bool has_queue = session->submitter.writer.shared != NULL;
    /* Who listens may have had no room for what comes next. */
    if (remote->listening && (!has_queue || remote->next_data >= 0))
        platform_signal(remote->wake);
    if (!has_queue)
        return;
    queue_give_back(&session->submitter.writer, session->outbox.tail);
    if (!session->starved)
        return;
    session->starved = outbox_reserve(&session->outbox) == NULL;
    ring(session);
}

/* ---- From the worker and the broker ------------------------------------------------------------------------------ */

/* More than a socket holds: who sends without end is not read without end. */
#define MESSAGES_AT_ONCE 1024
#define INSIST_TIMES 100
#define INSIST_MS 10
#define AGAIN_US 100000

/* Takes in one message at least; without `all`, none behind a packet: whoever waited for it has waited long enough. A
 * watcher that receives slowly lets the worker's socket fill: what it is not sent then, it misses. */
static bool drain_worker(struct session *session, bool all)
{
    struct remote *remote = session->remote;
    const uint32_t kinds = remote->watches ? WIRE_MASK(WIRE_COPY) : WIRE_MASK(WIRE_REPORT) | WIRE_MASK(WIRE_NOTE);
    bool news = false;
    for (int i = 0; i < MESSAGES_AT_ONCE && remote->data >= 0 && watch_has_room(session); i++) {
        struct wire_parcel parcel;
        const int result = wire_receive(remote->data, kinds, &parcel);
        if (result == -EAGAIN)
            return news;
        news = true;
        if (result != 1 || !hear_message(session, &parcel.message)) {
            succession_bury(session);
            if (result != 0)
                succession_end(session, CULVERT_E_CRASHED, "the encoder process has broken the protocol: report this");
        } else if (!all && packets_waiting(session) > 0)
            break;
    }
    return news;
}

static void hear_broker(struct session *session, struct wire_parcel *parcel)
{
    struct remote *remote = session->remote;
    char why[CODEC_WHY];
    switch (parcel->message.header.kind) {
    case WIRE_OPENED:
        succession_arrive(session, parcel);
        break;
    case WIRE_WORKER:
        succession_await(session, parcel);
        break;
    default: {
        const int error = endpoint_refusal(&parcel->message.refused, why);
        /* A new broker that is full, or ends, may not be at the next look. */
        if (remote->asked && (error == CULVERT_E_LIMIT || error == CULVERT_E_GONE)) {
            remote_close(session, &remote->control);
            break;
        }
        succession_bury(session);
        succession_end(session, error, why);
    }
    }
    wire_discard(parcel);
}

static bool drain_broker(struct session *session)
{
    const uint32_t kinds = WIRE_MASK(WIRE_WORKER) | WIRE_MASK(WIRE_REFUSED) | WIRE_MASK(WIRE_OPENED);
    struct remote *remote = session->remote;
    bool news = false;
    for (int i = 0; i < MESSAGES_AT_ONCE && remote->control >= 0; i++) {
        struct wire_parcel parcel;
        const int result = wire_receive(remote->control, kinds, &parcel);
        if (result == -EAGAIN)
            return news;
        news = true;
        if (result == 1)
            hear_broker(session, &parcel);
        else
            remote_close(session, &remote->control);
    }
    return news;
}

/* What there is to do when messages were taken in, or none came. */
static void follow_up(struct session *session, bool news)
{
    struct remote *remote = session->remote;
    if (remote->control < 0 && remote->data < 0)
        succession_orphan(session);
    succession_begin(session);
    if (remote->owes_state)
        state(session);
    if (!news)
        return;
    session_broadcast(session);
    session_signal(session);
    /* Who listens would sleep on: this thread has read what woke it. */
    if (remote->listening)
        platform_signal(remote->wake);
}

/* The worker's words first: what it said before it died comes before its successor. */
static void take_in(struct session *session)
{
    bool news = drain_worker(session, true);
    news |= drain_broker(session);
    follow_up(session, news);
}

/* The worker must know this before it sees the frame. */
static void insist(struct session *session)
{
    struct remote *remote = session->remote;
    state(session);
    for (int i = 0; remote->owes_state && remote->begun && i < INSIST_TIMES; i++) {
        struct pollfd room = {.fd = remote->data, .events = POLLOUT};
        poll(&room, 1, INSIST_MS);
        state(session);
    }
}

/* Whoever submits listens as well when there is no worker: nobody else may. */
static void publish(struct session *session)
{
    struct remote *remote = session->remote;
    pthread_mutex_lock(&session->lock);
    if (!remote->begun) {
        take_in(session);
        succession_move(session);
    }
    /* Before the first frame, whose canvas it is. */
    if (session->config.resize == CULVERT_RESIZE_CANVAS && session->submitter.writer.submitted == 0)
        insist(session);
    queue_publish(&session->submitter.writer);
    remote->lost_newest = false;
    if (!ring(session))
        take_in(session);
    pthread_mutex_unlock(&session->lock);
}

/* ---- Waiting ----------------------------------------------------------------------------------------------------- */

static int milliseconds_until(int64_t deadline)
{
    if (deadline == CLOCK_NEVER)
        return -1;
    const int64_t left = deadline - clock_now();
    return left <= 0 ? 0 : left > 3600000000 ? 3600000 : (int)((left + 999) / 1000);
}

static bool wait_for_news(struct session *session, int64_t deadline)
{
    struct remote *remote = session->remote;
    if (remote->listening)
        return session_sleep(session, deadline);
    struct pollfd fds[] = {
        {.fd = remote->wake, .events = POLLIN},
        {.fd = watch_has_room(session) ? remote->data : -1,
         .events = (short)(POLLIN | (remote->owes_state ? POLLOUT : 0))},
        {.fd = remote->control, .events = POLLIN},
    };
    /* A worker that could not be told to start is told later. */
    const int64_t again = remote->next_data >= 0 && remote->data < 0 ? clock_now() + AGAIN_US : CLOCK_NEVER;
    remote->listening = true;
    pthread_mutex_unlock(&session->lock);
    poll(fds, sizeof fds / sizeof fds[0], milliseconds_until(FFMIN(deadline, again)));
    if (fds[0].revents != 0)
        platform_unsignal(remote->wake);
    pthread_mutex_lock(&session->lock);
    remote->listening = false;
    if (fds[2].revents != 0)
        take_in(session);
    else
        follow_up(session, fds[1].revents != 0 && drain_worker(session, false));
    /* Those who slept meanwhile: one of them listens now. */
    session_broadcast(session);
    return deadline == CLOCK_NEVER || clock_now() < deadline;
}

static void wake(struct session *session)
{
    struct remote *remote = session->remote;
    /* One that could not even begin has nothing to wake. */
    if (remote != NULL)
        platform_signal(remote->wake);
}

static void queued(struct session *session, uint32_t *submitted, uint32_t *displaced)
{
    const struct queue_writer *writer = &session->submitter.writer;
    const uint32_t ahead = writer->submitted - (uint32_t)session->stats.counts.taken;
    const uint32_t known = writer->displaced - (uint32_t)session->stats.counts.displaced;
    *submitted = writer->submitted;
    *displaced = FFMIN(known, ahead);
}

/* ---- Beginning and end ------------------------------------------------------------------------------------------- */

/* The daemon divides the memory as this library does, or is none of this version. */
static bool agrees(const struct session *session, const struct wire_layout *layout)
{
    const struct session_layout own = session_layout(&session->config, session->codec);
    return layout->slots == own.slots && layout->unit_packets == own.unit_packets &&
           layout->slot_bytes == own.slot_bytes && layout->unit_bytes == own.unit_bytes;
}

int remote_accept(const struct session *session, const struct wire_opened *opened, int fd, struct region **frames,
                  char *why)
{
    const struct wire_layout *layout = &opened->layout;
    if (!agrees(session, &opened->layout)) {
        snprintf(why, CODEC_WHY, "culvertd divides memory otherwise than this library: install both from one release");
        return CULVERT_E_UNSUPPORTED;
    }
    const uint64_t bytes = queue_bytes(layout->slots, (size_t)layout->slot_bytes);
    const struct region_parts parts = {.writable = (size_t)bytes};
    *frames = platform_memory_bytes(fd) >= bytes ? region_map(fd, &parts) : NULL;
    if (*frames != NULL)
        return 0;
    snprintf(why, CODEC_WHY, "culvertd's memory for frames cannot be mapped: raise the limit on address space");
    return CULVERT_E_MEMORY;
}

static int open_there(struct session *session, char *why)
{
    struct remote *remote = session->remote;
    struct wire_open request = {.config = session->config};
    struct wire_parcel answer;
    remote->control = endpoint_connect(session->config.endpoint, why);
    if (remote->control < 0)
        return remote->control;
    int error = endpoint_ask(remote->control, WIRE_OPEN, &request, sizeof request, WIRE_MASK(WIRE_OPENED), &answer,
                             why);
    if (error < 0)
        return error;
    error = remote_accept(session, &answer.message.opened, answer.fds[0], &session->frames, why);
    session->pixel_rate = answer.message.opened.pixel_rate;
    wire_discard(&answer);
    return error;
}

int remote_create(struct session *session, char *why)
{
    struct remote *remote = calloc(1, sizeof *remote);
    if (remote == NULL)
        return session_no_memory(session, why);
    *remote = (struct remote){.control = -1, .data = -1, .poll = -1, .next_data = -1, .next_packets = -1};
    session->remote = remote;
    remote_enlist(remote);
    remote->wake = platform_signal_create();
    if (remote->wake >= 0)
        return 0;
    snprintf(why, CODEC_WHY, "no descriptor is left: close some, or raise RLIMIT_NOFILE");
    return CULVERT_E_SYSTEM;
}

/* Its worker is announced right behind the session itself. Frames go to it from the first one on, though the host calls
 * nothing but submit. */
static void await_worker(struct session *session)
{
    struct pollfd control = {.fd = ((struct remote *)session->remote)->control, .events = POLLIN};
    poll(&control, 1, ENDPOINT_PATIENCE_MS);
    take_in(session);
}

static int start(struct session *session, char *why)
{
    int error = remote_create(session, why);
    if (error == 0)
        error = open_there(session, why);
    if (error < 0)
        return error;
    const struct session_layout layout = session_layout(&session->config, session->codec);
    struct queue_reader nobody;
    queue_init(session->frames->base, session->config.policy == CULVERT_POLICY_LATEST, layout.slots,
               (size_t)layout.slot_bytes, &session->submitter.writer, &nobody);
    await_worker(session);
    return 0;
}

static void stop(struct session *session)
{
    struct remote *remote = session->remote;
    if (remote == NULL)
        return;
    remote_delist(remote);
    /* First: the broker is to know why the worker ends. */
    remote_close(session, &remote->control);
    remote_close(session, &remote->data);
    remote_close(session, &remote->next_data);
    remote_close(session, &remote->next_packets);
    region_unref(remote->next_frames);
    leave_readable(remote);
    if (remote->wake >= 0)
        close(remote->wake);
    free(remote);
    session->remote = NULL;
}

const struct carrier carrier_remote = {
    .start = start,
    .stop = stop,
    .publish = publish,
    .state = state,
    .released = released,
    .listen = take_in,
    .wait = wait_for_news,
    .wake = wake,
    .descriptor = descriptor,
    .queued = queued,
};
