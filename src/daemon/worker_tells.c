#include <errno.h>
#include <libavutil/common.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/worker.h"
#include "daemon/worker_heap.h"
#include "session/session.h"

/* ---- Texts ------------------------------------------------------------------------------------------------------- */

/* False: the socket is full. A host that is gone hears nothing, which the next look at its socket finds out. */
static bool say(struct worker *worker, enum wire_kind kind, void *message, size_t bytes)
{
    worker->stuck = wire_send(worker->host, kind, message, bytes, NULL, 0) == -EAGAIN;
    return !worker->stuck;
}

static bool say_text(struct worker *worker, enum wire_note which, const char *text)
{
    struct wire_note_text note = {.which = which};
    snprintf(note.text, sizeof note.text, "%s", text);
    return say(worker, WIRE_NOTE, &note, sizeof note);
}

static bool say_texts(struct worker *worker)
{
    struct session *session = worker->session;
    char line[LOG_LINE];
    /* A line that finds the socket full is lost: it has been read. */
    while (log_read(line, sizeof line) == 0) {
        if (!say_text(worker, WIRE_LOG_LINE, line))
            return false;
    }
    if (session->error_is_new && !say_text(worker, WIRE_ERROR_TEXT, session->error))
        return false;
    session->error_is_new = false;
    if (session->params_are_new && !say_text(worker, WIRE_PARAMS, session->params))
        return false;
    session->params_are_new = false;
    return true;
}

/* ---- Reports ----------------------------------------------------------------------------------------------------- */

static struct wire_report describe(const struct session *session)
{
    return (struct wire_report){
        .counts = session->stats.counts,
        .opened = session->opened,
        .geometry = session->geometry,
        .open_encoders = session->open_encoders,
        .flags = (session->starved ? WIRE_STARVED : 0u) | (session->failed ? WIRE_FAILED : 0u) |
                 (session->end != 0 ? WIRE_ENDED : 0u),
    };
}

static bool say_report(struct worker *worker, struct wire_report *report)
{
    if (!say(worker, WIRE_REPORT, report, sizeof *report))
        return false;
    worker->session->failed = false;
    worker->news = false;
    return true;
}

/* The end comes behind the last packet, not with one. */
static bool say_packet(struct worker *worker, const struct outbox_entry *entry)
{
    struct wire_report report = describe(worker->session);
    const bool ended = report.flags & WIRE_ENDED;
    report.flags = (report.flags & ~(uint32_t)WIRE_ENDED) | WIRE_PACKET;
    report.packet = entry->packet;
    report.offset = entry->offset;
    report.bytes = entry->bytes;
    report.total_us = entry->total_us;
    if (!say_report(worker, &report))
        return false;
    worker->news = ended;
    return true;
}

/* ---- Watchers ---------------------------------------------------------------------------------------------------- */

void worker_watch(struct worker *worker, int socket)
{
    if (worker->watcher >= 0)
        close(worker->watcher);
    worker->watcher = socket;
    worker->watcher_waits = true;
    worker->session->encoder.key_owed = true;
}

/* In pieces. False: it did not fit as a whole, and the watcher throws away what did. */
static bool copy_packet(struct worker *worker, const struct outbox_entry *entry)
{
    static struct wire_copy copy;
    const uint8_t *bytes = outbox_bytes(&worker->session->outbox, entry);
    copy.packet = entry->packet;
    copy.bytes = entry->bytes;
    copy.offset = 0;
    do {
        const size_t piece = FFMIN(entry->bytes - (size_t)copy.offset, (size_t)WIRE_CHUNK);
        memcpy(copy.chunk, bytes + copy.offset, piece);
        const int result = wire_send(worker->watcher, WIRE_COPY, &copy, sizeof copy, NULL, 0);
        if (result == -EAGAIN)
            return false;
        if (result < 0) {
            close(worker->watcher);
            worker->watcher = -1;
            return true;
        }
        copy.offset += piece;
    } while (copy.offset < entry->bytes);
    return true;
}

/* One that reads too slowly goes on with the next key frame. */
static void show(struct worker *worker, const struct outbox_entry *entry)
{
    const uint32_t begins = CULVERT_PACKET_KEY | CULVERT_PACKET_FIRST_SLICE;
    if (worker->watcher < 0 || (worker->watcher_waits && (entry->packet.flags & begins) != begins))
        return;
    worker->watcher_waits = !copy_packet(worker, entry);
}

/* ---- All of it --------------------------------------------------------------------------------------------------- */

static void note_packet(struct worker *worker, const struct outbox_entry *entry)
{
    const struct culvert_packet *packet = &entry->packet;
    const uint32_t ends = CULVERT_PACKET_KEY | CULVERT_PACKET_LAST_SLICE;
    worker->width = packet->width;
    worker->height = packet->height;
    if ((packet->flags & ends) == ends)
        events_note(&worker->session->events, EVENT_KEY, (uint32_t)packet->frame, (uint32_t)entry->bytes, packet->qp);
}

void worker_tell(struct worker *worker)
{
    struct outbox *outbox = &worker->session->outbox;
    /* One that ends early has no end of stream to tell. */
    if (worker->session->closing || !say_texts(worker))
        return;
    for (; worker->announced != outbox->head; worker->announced++) {
        const struct outbox_entry *entry = outbox_at(outbox, worker->announced);
        if (!say_packet(worker, entry))
            return;
        note_packet(worker, entry);
        show(worker, entry);
    }
    struct wire_report report = describe(worker->session);
    if (worker->news)
        say_report(worker, &report);
}

/* ---- Pulse ------------------------------------------------------------------------------------------------------- */

void worker_pulse(struct worker *worker)
{
    struct session *session = worker->session;
    const int64_t now = clock_now();
    if (now < worker->pulse_at)
        return;
    worker->pulse_at = now + WORKER_PULSE_US;
    if (worker->announced != 0 && !worker->settled) {
        worker->settled = true;
        heap_settle();
    }
    struct wire_pulse pulse = {.width = worker->width, .height = worker->height};
    if (worker->started) {
        session_stats(session, &pulse.stats);
        pulse.total = latency_curve(&session->stats.total);
    }
    /* A broker that is behind gets the next one. */
    wire_send(worker->broker, WIRE_PULSE, &pulse, sizeof pulse, NULL, 0);
}
