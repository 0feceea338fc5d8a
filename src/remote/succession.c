#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/platform.h"
#include "base/probes.h"
#include "remote/endpoint.h"
#include "remote/remote.h"
#include "session/session.h"

#define RETRY_US 100000 /* between two looks for a new broker */

/* ---- Deaths ------------------------------------------------------------------------------------------------------ */

/* Frames up to this one, which the dead worker had taken, come to nothing. */
static void settle_to(struct session *session, uint32_t number)
{
    struct counts *counts = &session->stats.counts;
    const int32_t step = (int32_t)(number - (uint32_t)counts->taken);
    /* In a mailbox, all but the last of them were displaced. */
    if (step > 0 && session->config.policy == CULVERT_POLICY_LATEST)
        stats_take(counts, number);
    else if (step > 0)
        counts->taken += (uint32_t)step;
    while (counts->settled < counts->taken)
        stats_settle(counts, LOST);
}

/* Nobody will take what is queued. Of LATEST's frames, some were displaced before that. */
static void settle_all(struct session *session)
{
    struct counts *counts = &session->stats.counts;
    const struct queue_writer *writer = &session->submitter.writer;
    const uint32_t displaced = writer->displaced - (uint32_t)counts->displaced;
    const uint32_t queued = writer->submitted - (uint32_t)counts->taken;
    const uint32_t skipped = displaced < queued ? displaced : queued;
    counts->displaced += displaced;
    counts->outcomes[SKIPPED] += skipped;
    counts->settled += skipped;
    counts->taken += queued;
    while (counts->settled < counts->taken)
        stats_settle(counts, LOST);
}

/* The same, and it makes room. */
static void forsake(struct session *session)
{
    if (session->submitter.writer.submitted == (uint32_t)session->stats.counts.settled)
        return;
    settle_all(session);
    queue_abandon(&session->submitter.writer);
    session_broadcast(session);
}

void succession_bury(struct session *session)
{
    struct remote *remote = session->remote;
    if (remote->data < 0)
        return;
    remote_close(session, &remote->data);
    if (!remote->begun)
        return;
    remote->begun = false;
    session->open_encoders = 0;
    const uint64_t lost = session->stats.counts.outcomes[LOST];
    const struct queue_place place = queue_vacancy(&session->submitter.writer);
    settle_to(session, place.taken);
    if (session->stats.counts.outcomes[LOST] == lost)
        return;
    session_note_error(session, "the encoder process died with the frame: culvertd has a report of it");
    remote->lost_newest = place.taken == session->submitter.writer.submitted;
}

void succession_end(struct session *session, int error, const char *why)
{
    struct remote *remote = session->remote;
    /* First: the broker is to know why the worker ends. */
    remote_close(session, &remote->control);
    remote_close(session, &remote->data);
    remote->begun = false;
    settle_all(session);
    if (session->end != 0)
        return;
    session->end = error;
    session_note_error(session, why);
    session_broadcast(session);
    session_signal(session);
}

static const char gone[] = "culvertd has ended: start it, and open the session again";

void succession_orphan(struct session *session)
{
    struct remote *remote = session->remote;
    const bool hopes = (session->config.flags & CULVERT_CONFIG_RECONNECT) && !atomic_load(&session->finishing);
    remote->asked = false;
    /* A worker that the dead broker has sent is dying too. */
    remote_close(session, &remote->next_data);
    remote_close(session, &remote->next_packets);
    if (session->end != 0) {
        /* A frame may have been on its way when the session ended. */
        settle_all(session);
        return;
    }
    if (remote->watches) {
        session->end = CULVERT_EOS;
        return;
    }
    if (!hopes)
        succession_end(session, CULVERT_E_GONE, gone);
    else
        forsake(session);
}

void succession_give_up(struct session *session)
{
    struct remote *remote = session->remote;
    const bool waits = remote->data < 0 && (remote->control < 0 || remote->asked);
    /* Whoever is inside submit ends it behind its frame. */
    if (!waits || session->end != 0 || !atomic_load(&session->finishing) || atomic_load(&session->submitter.busy))
        return;
    succession_end(session, CULVERT_E_GONE, gone);
    if (remote->listening)
        platform_signal(remote->wake);
}

/* ---- Successors -------------------------------------------------------------------------------------------------- */

void succession_await(struct session *session, struct wire_parcel *parcel)
{
    struct remote *remote = session->remote;
    remote_close(session, &remote->next_data);
    remote_close(session, &remote->next_packets);
    remote->next_data = parcel->fds[0];
    remote->next_packets = parcel->fds[1];
    parcel->fds[0] = parcel->fds[1] = -1;
}

static void fill_start(struct session *session, struct wire_start *start)
{
    const struct remote *remote = session->remote;
    const struct queue_writer *writer = &session->submitter.writer;
    *start = (struct wire_start){.place = queue_vacancy(writer), .counts = session->stats.counts};
    remote_state(session, &start->state);
    start->counts.restarts += remote->incarnations > 0;
    start->packet_pts = session->sent_pts;
    start->inserted = remote->inserted;
    /* A worker that made no packet may have died of opening just that. */
    start->proven = !remote->silent ? remote->proven : (struct codec_geometry){0};
    /* Not when it was lost with its worker, nor when the next one died of it too. */
    const bool lost = remote->lost_newest || (remote->primed && remote->silent);
    start->primed = writer->submitted > 0 && start->place.taken == writer->submitted && !lost;
}

/* It was told. */
static void note_start(struct session *session, const struct wire_start *start)
{
    struct remote *remote = session->remote;
    struct counts *counts = &session->stats.counts;
    if (remote->incarnations > 0)
        PROBE_RESTART(session->config.name, start->counts.restarts, counts->outcomes[LOST]);
    counts->restarts = start->counts.restarts;
    session->wanted.lost = INT64_MAX;
    session->starved = false;
    remote->lost_newest |= remote->primed && remote->silent;
    remote->primed = start->primed;
    remote->silent = true;
    remote->begun = true;
    remote->owes_state = false;
    remote->incarnations++;
}

static bool map_packets(struct session *session)
{
    struct remote *remote = session->remote;
    const struct session_layout layout = session_layout(&session->config, session->codec);
    return outbox_map(&session->outbox, remote->next_packets, (size_t)layout.unit_bytes, layout.unit_packets, false);
}

void succession_begin(struct session *session)
{
    struct remote *remote = session->remote;
    struct wire_start start;
    if (remote->next_data < 0 || remote->data >= 0 || remote->next_frames != NULL || !packets_retire(session))
        return;
    if (!map_packets(session)) {
        succession_end(session, CULVERT_E_MEMORY, "packets' memory cannot be mapped: raise the limit on address space");
        remote_close(session, &remote->next_data);
        remote_close(session, &remote->next_packets);
        return;
    }
    queue_give_back(&session->submitter.writer, 0);
    fill_start(session, &start);
    /* Without memory for that it is tried again at the next look; one that is dead already is found then. */
    if (wire_send(remote->next_data, WIRE_START, &start, sizeof start, NULL, 0) == -EAGAIN) {
        packets_retire(session);
        return;
    }
    remote_close(session, &remote->next_packets);
    remote->data = remote->next_data;
    remote->next_data = -1;
    note_start(session, &start);
    remote_poll(session, remote->data);
}

/* ---- Another broker ---------------------------------------------------------------------------------------------- */

void succession_arrive(struct session *session, struct wire_parcel *parcel)
{
    struct remote *remote = session->remote;
    char why[CODEC_WHY];
    if (!remote->asked || remote->next_frames != NULL)
        return;
    const int error = remote_accept(session, &parcel->message.opened, parcel->fds[0], &remote->next_frames, why);
    if (error < 0)
        succession_end(session, error, why);
    else
        session->pixel_rate = parcel->message.opened.pixel_rate;
}

static void look_for_broker(struct session *session)
{
    struct remote *remote = session->remote;
    struct wire_open request = {.config = session->config};
    char why[CODEC_WHY];
    const int64_t now = clock_now();
    if (remote->control >= 0 || remote->data >= 0 || now < remote->retry_at)
        return;
    remote->retry_at = now + RETRY_US;
    const int control = endpoint_connect(session->config.endpoint, why);
    if (control < 0)
        return;
    remote->control = control;
    remote->asked = wire_send(control, WIRE_OPEN, &request, sizeof request, NULL, 0) == 0;
    if (remote->asked)
        remote_poll(session, control);
    else
        remote_close(session, &remote->control);
}

/* The frame that is about to be published goes along; those before it are settled. */
static void move_frames(struct session *session)
{
    struct remote *remote = session->remote;
    struct queue_writer *writer = &session->submitter.writer;
    settle_all(session);
    struct queue_writer old = *writer;
    queue_move(remote->next_frames->base, &old, writer);
    *queue_filling(writer) = *queue_filling(&old);
    const struct frame *frame = queue_filling(&old);
    memcpy(queue_filling_pixels(writer), queue_filling_pixels(&old),
           picture_bytes(picture_coded(frame->width), picture_coded(frame->height)));
    region_unref(session->frames);
    session->frames = remote->next_frames;
    remote->next_frames = NULL;
    remote->asked = false;
}

void succession_move(struct session *session)
{
    struct remote *remote = session->remote;
    if (!(session->config.flags & CULVERT_CONFIG_RECONNECT) || session->end != 0)
        return;
    if (remote->next_frames != NULL)
        move_frames(session);
    else if (remote->asked)
        forsake(session);
    else
        look_for_broker(session);
}
