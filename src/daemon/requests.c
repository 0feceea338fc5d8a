#include <errno.h>
#include <inttypes.h>
#include <libavutil/common.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/platform.h"
#include "daemon/broker.h"
#include "session/config.h"
#include "session/session.h"

#define WATCH_BYTES (4 << 20) /* of copies that a watcher may be behind */

/* ---- Sessions ---------------------------------------------------------------------------------------------------- */

static struct session_layout layout_of(const struct culvert_config *config)
{
    return session_layout(config, codec_find(config->codec));
}

/* A worker's packets and the sockets between it and the client. */
static int connect_worker(struct seat *seat, int *worker_end, char *why)
{
    const struct session_layout layout = layout_of(&seat->config);
    int ends[2];
    seat->packets = platform_memory_create("culvert-packets",
                                           outbox_memory_bytes((size_t)layout.unit_bytes, layout.unit_packets));
    if (seat->packets >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0) {
        seat->data = ends[0];
        *worker_end = ends[1];
        return 0;
    }
    snprintf(why, BROKER_WHY, "culvertd has no descriptors or memory left: %s: raise its limits, or close sessions",
             strerror(seat->packets < 0 ? -seat->packets : errno));
    return CULVERT_E_LIMIT;
}

/* One that is dead already is found by its status, and replaced; one that is not told would wait for ever. */
static int assign(struct seat *seat, int worker_end, char *why)
{
    const struct session_layout layout = layout_of(&seat->config);
    struct wire_assign message = {
        .config = seat->config,
        .layout = {layout.slot_bytes, layout.unit_bytes, layout.slots, layout.unit_packets},
        .pixel_rate = seat->granted,
        .id = seat->id,
        .incarnation = seat->incarnation,
    };
    const int fds[] = {seat->frames, seat->packets, worker_end};
    const int error = wire_send(seat->worker.socket, WIRE_ASSIGN, &message, sizeof message, fds, 3);
    if (error == 0 || error == -EPIPE || error == -ECONNRESET)
        return 0;
    snprintf(why, BROKER_WHY, "culvertd could not tell an encoder process of its session: %s: try again",
             strerror(error == -EAGAIN ? ENOBUFS : -error));
    return CULVERT_E_LIMIT;
}

int seat_employ(struct broker *broker, struct seat *seat, char *why)
{
    int worker_end;
    if (!pool_take(&broker->pool, &broker->metrics, &seat->worker, why))
        return CULVERT_E_LIMIT;
    seat->incarnation++;
    seat->ready = seat->hung = false;
    seat->heard_at = clock_now();
    seat->kill_at = CLOCK_NEVER;
    int error = connect_worker(seat, &worker_end, why);
    if (error < 0)
        return error;
    error = assign(seat, worker_end, why);
    close(worker_end);
    return error;
}

/* Settings and limits: 0, or an error and why. */
static int examine(struct broker *broker, struct seat *seat, char *why)
{
    struct culvert_config *config = &seat->config;
    const int error = config->size == sizeof *config ? config_resolve(config, why) : CULVERT_E_ARGUMENT;
    if (error < 0)
        return error;
    if (codec_find(config->codec) == NULL) {
        snprintf(why, BROKER_WHY, "codec %" PRIu32 " is not in this culvertd", config->codec);
        return CULVERT_E_UNSUPPORTED;
    }
    const struct session_layout layout = layout_of(config);
    seat->charge = quota_of(config, &layout);
    const bool limited = broker->options.all.pixel_rate > 0 || broker->options.user.pixel_rate > 0;
    seat->granted = limited ? seat->charge.pixel_rate : UINT64_MAX;
    return quota_check(broker, seat->peer.uid, &seat->charge, why);
}

static int begin(struct broker *broker, struct seat *seat, char *why)
{
    const struct session_layout layout = layout_of(&seat->config);
    const uint64_t bytes = queue_bytes(layout.slots, (size_t)layout.slot_bytes);
    /* In 32 bits, what is left of more would look like enough. */
    seat->frames = bytes <= SIZE_MAX / 2 ? platform_memory_create("culvert-frames", (size_t)bytes) : -ENOMEM;
    if (seat->frames >= 0 && platform_memory_seal(seat->frames, false)) {
        seat->id = ++broker->last_id;
        seat->since = clock_now();
        metrics_open(&broker->metrics, &seat->counted, seat->config.codec);
        return seat_employ(broker, seat, why);
    }
    snprintf(why, BROKER_WHY, "culvertd has no descriptors or memory left: %s: raise its limits, or close sessions",
             strerror(seat->frames < 0 ? -seat->frames : errno));
    return CULVERT_E_LIMIT;
}

void request_open(struct broker *broker, struct seat *seat, struct wire_open *open)
{
    char why[CODEC_WHY] = "the settings are not those of a client of culvert's: this is reported";
    seat->config = open->config;
    int error = examine(broker, seat, why);
    if (error == 0)
        error = begin(broker, seat, why);
    if (error == 0)
        return;
    if (error == CULVERT_E_LIMIT)
        metrics_refuse(&broker->metrics, METRICS_REFUSE_LIMIT);
    seat_dismiss(broker, seat, METRICS_CLOSE_LIMIT, error, why);
}

/* ---- Insight ----------------------------------------------------------------------------------------------------- */

static bool may_see(const struct seat *seat, const struct seat *other)
{
    return other->id != 0 && other->opened && other->control >= 0 &&
           (seat->peer.uid == 0 || seat->peer.uid == geteuid() || seat->peer.uid == other->peer.uid);
}

static void describe(const struct seat *seat, struct culvert_listing *listing)
{
    *listing = (struct culvert_listing){
        .size = sizeof *listing,
        .id = seat->id,
        .codec = seat->config.codec,
        .pid = (uint32_t)seat->worker.pid,
        .user = seat->peer.uid,
        .width = seat->pulse.width,
        .height = seat->pulse.height,
        .age_s = (uint32_t)((clock_now() - seat->since) / 1000000),
        .stats = seat->pulse.stats,
    };
    listing->stats.size = sizeof listing->stats;
    memcpy(listing->name, seat->config.name, sizeof listing->name);
}

void request_list(struct broker *broker, struct seat *seat, const struct wire_list *list)
{
    struct wire_listed answer = {.listing = {.size = sizeof answer.listing}};
    const struct seat *next = NULL;
    for (uint32_t i = 0; i < broker->count; i++) {
        const struct seat *other = broker->seats[i];
        if (may_see(seat, other) && other->id > list->after && (next == NULL || other->id < next->id))
            next = other;
    }
    if (next != NULL)
        describe(next, &answer.listing);
    if (wire_send(seat->control, WIRE_LISTED, &answer, sizeof answer, NULL, 0) < 0)
        seat_dismiss(broker, seat, METRICS_CLOSE_GONE, 0, NULL);
}

/* The newest of that name. */
static struct seat *find_named(const struct broker *broker, const struct seat *seat, const char *name)
{
    struct seat *newest = NULL;
    for (uint32_t i = 0; i < broker->count; i++) {
        struct seat *other = broker->seats[i];
        if (may_see(seat, other) && other->ready && strcmp(other->config.name, name) == 0 &&
            (newest == NULL || other->id > newest->id))
            newest = other;
    }
    return newest;
}

static bool connect_watcher(struct seat *seat, const struct seat *watched)
{
    struct wire_watched answer = {.config = watched->config};
    struct wire_header tap;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return false;
    /* As much as the system lets it have. */
    const int bytes = WATCH_BYTES;
    if (setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    const bool connected = wire_send(watched->worker.socket, WIRE_TAP, &tap, sizeof tap, &ends[1], 1) == 0 &&
                           wire_send(seat->control, WIRE_WATCHED, &answer, sizeof answer, &ends[0], 1) == 0;
    close(ends[0]);
    close(ends[1]);
    return connected;
}

void request_watch(struct broker *broker, struct seat *seat, struct wire_watch *watch)
{
    char why[BROKER_WHY];
    watch->name[sizeof watch->name - 1] = '\0';
    struct seat *watched = find_named(broker, seat, watch->name);
    if (watched != NULL && connect_watcher(seat, watched)) {
        /* All that this connection was for: else its client could leave answers unread, and their descriptors with
         * them, up to the most that the system lets culvertd have. */
        seat_dismiss(broker, seat, METRICS_CLOSE_CLIENT, 0, NULL);
        return;
    }
    snprintf(why, sizeof why, "no session '%s' that this user may watch: culvert top lists them", watch->name);
    seat_dismiss(broker, seat, METRICS_CLOSE_GONE, watched == NULL ? CULVERT_E_HANDLE : CULVERT_E_LIMIT, why);
}
