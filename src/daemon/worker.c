#include "daemon/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <libavutil/common.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/platform.h"
#include "daemon/config_text.h"
#include "daemon/crash.h"
#include "daemon/sandbox.h"
#include "daemon/worker_heap.h"
#include "session/session.h"

#define READY_TIMES 100
#define READY_MS 10

/* ---- While it encodes -------------------------------------------------------------------------------------------- */

static bool vet(struct session *session, const struct frame *frame)
{
    return worker_vet(session->remote, frame);
}

static void changed(struct session *session)
{
    struct worker *worker = session->remote;
    worker->news = true;
    worker_tell(worker);
}

/* A broker says nothing to a worker at work but that someone watches, or ends. */
static void hear_broker(struct worker *worker)
{
    struct wire_parcel parcel;
    const int result = wire_receive(worker->broker, WIRE_MASK(WIRE_TAP), &parcel);
    if (result == 1)
        worker_watch(worker, parcel.fds[0]);
    /* Without a descriptor left for the watcher's socket, only the watcher misses something. */
    else if (result != -EAGAIN && result != -EMFILE)
        worker->broker_gone = worker->session->closing = true;
}

/* One that always finds work never sleeps, and shows life all the same. The lock is worker_pulse's to take; no other
 * thread here knows the session. */
static void show_life(struct worker *worker)
{
    if (clock_now() < worker->pulse_at)
        return;
    pthread_mutex_unlock(&worker->session->lock);
    worker_pulse(worker);
    hear_broker(worker);
    pthread_mutex_lock(&worker->session->lock);
}

static bool listen_to_host(struct session *session)
{
    struct worker *worker = session->remote;
    show_life(worker);
    worker_hear(worker);
    worker_tell(worker);
    return !worker->stuck;
}

static int milliseconds_until(int64_t deadline)
{
    const int64_t left = deadline - clock_now();
    return left <= 0 ? 0 : (int)((left + 999) / 1000);
}

static void sleep_until(struct session *session, int64_t deadline)
{
    struct worker *worker = session->remote;
    struct pollfd fds[] = {
        {.fd = worker->host, .events = (short)(POLLIN | (worker->stuck ? POLLOUT : 0))},
        {.fd = session->doorbell.fd, .events = POLLIN},
        {.fd = worker->broker, .events = POLLIN},
    };
    worker_pulse(worker);
    const int count = poll(fds, sizeof fds / sizeof fds[0], milliseconds_until(FFMIN(deadline, worker->pulse_at)));
    if (count <= 0)
        return;
    if (fds[1].revents != 0)
        doorbell_hush(&session->doorbell);
    if (fds[2].revents != 0)
        hear_broker(worker);
}

const struct reporter reporter_worker = {
    .listen = listen_to_host,
    .vet = vet,
    .sleep = sleep_until,
    .changed = changed,
};

/* ---- Before and after -------------------------------------------------------------------------------------------- */

/* A spare has nothing better to do than to get its heap ready. */
static int patience_ms(struct worker *worker)
{
    if (worker->session == NULL)
        return heap_ready_more() ? HEAP_PAUSE_MS : -1;
    worker_pulse(worker);
    return WORKER_PULSE_US / 1000;
}

/* Waits for a message of that kind: 1, 0 when either end of the worker is gone, negative: what came is none. */
static int await(struct worker *worker, int socket, enum wire_kind kind, struct wire_parcel *parcel)
{
    for (;;) {
        const int result = wire_receive(socket, WIRE_MASK(kind), parcel);
        if (result != -EAGAIN)
            return result;
        struct pollfd fds[] = {{.fd = socket, .events = POLLIN}, {.fd = worker->broker, .events = 0}};
        poll(fds, 2, patience_ms(worker));
        if (fds[1].revents & (POLLHUP | POLLERR))
            return 0;
    }
}

static bool map_memory(struct session *session, const struct wire_parcel *parcel)
{
    const struct session_layout layout = session_layout(&session->config, session->codec);
    const size_t shared = queue_shared_bytes(), bytes = (size_t)queue_bytes(layout.slots, (size_t)layout.slot_bytes);
    const struct region_parts parts = {.writable = shared, .readable = bytes - shared};
    if (platform_memory_bytes(parcel->fds[0]) < bytes)
        return false;
    session->frames = region_map(parcel->fds[0], &parts);
    return session->frames != NULL &&
           outbox_map(&session->outbox, parcel->fds[1], (size_t)layout.unit_bytes, layout.unit_packets, true);
}

static int prepare(struct worker *worker, struct wire_parcel *parcel, char *why)
{
    const struct wire_assign *assign = &parcel->message.assign;
    const struct codec *codec = codec_find(assign->config.codec);
    struct session *session = NULL;
    if (codec != NULL)
        session = session_create(&assign->config, codec, &carrier_inside, &reporter_worker);
    if (session == NULL) {
        snprintf(why, WIRE_TEXT, "the encoder process has no memory for the session: raise its limit");
        return CULVERT_E_MEMORY;
    }
    char settings[CRASH_CONFIG];
    config_text(&assign->config, settings, sizeof settings);
    crash_describe(settings);
    crash_watch(&session->events);
    worker->session = session;
    session->remote = worker;
    session->pixel_rate = assign->pixel_rate;
    worker->host = parcel->fds[2];
    parcel->fds[2] = -1;
    if (!map_memory(session, parcel))
        return session_no_memory(session, why);
    return session_prepare_encoder(session, why);
}

/* The broker has room for it; the kernel may have no memory for it yet. */
static bool say_ready(const struct worker *worker, struct wire_ready *ready)
{
    int result = -EAGAIN;
    for (int i = 0; i < READY_TIMES && result == -EAGAIN; i++) {
        if (i > 0)
            poll(NULL, 0, READY_MS);
        result = wire_send(worker->broker, WIRE_READY, ready, sizeof *ready, NULL, 0);
    }
    return result == 0;
}

/* Gets ready for its session, and says so. False: it does not encode it, and ends with that status. */
static bool take_assignment(struct worker *worker, int *status)
{
    struct wire_parcel parcel;
    struct wire_ready ready = {0};
    const int result = await(worker, worker->broker, WIRE_ASSIGN, &parcel);
    *status = result < 0 ? WORKER_UNTOLD : WORKER_DONE;
    if (result != 1)
        return false;
    heap_offer();
    const int error = prepare(worker, &parcel, ready.text);
    wire_discard(&parcel);
    ready.error = error;
    if (!say_ready(worker, &ready))
        *status = WORKER_UNTOLD;
    return *status == WORKER_DONE && error == 0;
}

/* What was encoded is told, and the memory stays, until the host has no use for it. */
static void linger(struct worker *worker)
{
    struct session *session = worker->session;
    while (!session->closing) {
        sleep_until(session, CLOCK_NEVER);
        pthread_mutex_lock(&session->lock);
        listen_to_host(session);
        pthread_mutex_unlock(&session->lock);
    }
}

/* The next frame is most likely one like those before: opening its encoder takes longer than waiting for it. What is to
 * be inserted at once has its encoder opened then, and what cannot be opened says so with its frame. */
static void open_ahead(const struct worker *worker, const struct codec_geometry *geometry)
{
    struct session *session = worker->session;
    struct encoder *encoder = &session->encoder;
    const struct codec_rate *rate = &session->wanted.rate;
    if (!encoder->holds && !session->wanted.paused && worker_can_open(worker, geometry))
        epoch_foresee(&encoder->epoch, geometry, rate, budget_share(&encoder->budget, rate));
}

static int encode(struct worker *worker)
{
    struct session *session = worker->session;
    struct wire_parcel parcel;
    const int result = await(worker, worker->host, WIRE_START, &parcel);
    if (result != 1)
        return result < 0 ? WORKER_VIOLATION : WORKER_DONE;
    if (!worker_start(worker, &parcel.message.start))
        return WORKER_VIOLATION;
    worker->started = true;
    /* From here on it is counted. */
    worker->pulse_at = 0;
    worker_pulse(worker);
    open_ahead(worker, &parcel.message.start.proven);
    encoder_run(session);
    /* Neither closed nor at its end: the queue's indices were none. */
    if (!session->closing && !atomic_load(&session->finishing))
        worker_blame(worker, "indices that a queue cannot have");
    linger(worker);
    /* What was counted since the last one. */
    worker->pulse_at = 0;
    worker_pulse(worker);
    return worker->violation != NULL ? WORKER_VIOLATION : WORKER_DONE;
}

/* Before anything of the session's is read. */
static bool protect(void)
{
    char why[WIRE_TEXT];
    crash_prepare(WORKER_CRASH_FD);
    if (sandbox_enter(why, sizeof why) == 0)
        return true;
    fprintf(stderr, "culvertd: %s\n", why);
    return false;
}

int worker_run(void)
{
    struct worker worker = {.broker = WORKER_BROKER_FD, .host = -1, .watcher = -1};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    /* The broker's death is seen on its socket too; this is for a worker that hangs. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* In lists of processes, also when it was started from what is no path (pool.c). */
    prctl(PR_SET_NAME, "culvertd");
    if (fcntl(worker.broker, F_GETFD) < 0) {
        fprintf(stderr, "culvertd: --worker is culvertd's own: start culvertd --socket PATH\n");
        return WORKER_USAGE;
    }
    if (!protect())
        return WORKER_USAGE;
    int status;
    if (take_assignment(&worker, &status))
        status = encode(&worker);
    if (worker.host >= 0)
        close(worker.host);
    if (worker.watcher >= 0)
        close(worker.watcher);
    crash_watch(NULL);
    session_destroy(worker.session);
    return status;
}
