#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "session/submit.h"

/* With the lock held: 0 when a packet waits, or what there is to say instead. */
static int await_packet(struct session *session, int64_t deadline)
{
    if (!session->closing)
        session->carrier->listen(session);
    for (;;) {
        if (session->closing)
            return CULVERT_E_HANDLE;
        if (packets_waiting(session) > 0)
            return 0;
        if (session->failed) {
            session->failed = false;
            session_signal(session);
            return CULVERT_E_CODEC;
        }
        if (session->end != 0)
            return session->end;
        if (!session_wait(session, deadline))
            return CULVERT_E_AGAIN;
    }
}

static int copy_out(struct session *session, const struct reception *reception)
{
    struct outbox *outbox;
    struct outbox_entry *entry = packets_oldest(session, &outbox);
    const uint8_t *bytes = outbox_bytes(outbox, entry);
    if (entry->bytes > reception->capacity) {
        *reception->bytes = entry->bytes;
        return CULVERT_E_BUFFER;
    }
    /* The entry stays the oldest while it is copied: only the receiving role takes it, and that is ours. */
    pthread_mutex_unlock(&session->lock);
    if (entry->bytes > 0)
        memcpy(reception->buffer, bytes, entry->bytes);
    pthread_mutex_lock(&session->lock);
    *reception->bytes = entry->bytes;
    packets_take(session);
    packets_give_back(session, entry);
    return 0;
}

static int lend(struct session *session, const struct reception *reception)
{
    struct outbox *outbox;
    struct outbox_entry *entry = packets_oldest(session, &outbox);
    const int error = loan_lend(&entry->loan, LOAN_PEEK, reception->handle, outbox->region, reception->loan);
    if (error < 0)
        return error;
    *reception->data = outbox_bytes(outbox, entry);
    *reception->bytes = entry->bytes;
    packets_take(session);
    return 0;
}

/* With the lock held, and a packet waiting. */
static int hand_out(struct session *session, const struct reception *reception, struct culvert_packet *packet)
{
    struct outbox *outbox;
    const struct culvert_packet description = packets_oldest(session, &outbox)->packet;
    const int error = reception->loan != NULL ? lend(session, reception) : copy_out(session, reception);
    if (error == 0) {
        *packet = description;
        session_signal(session);
    }
    return error;
}

int session_receive(struct session *session, const struct reception *reception, struct culvert_packet *packet,
                    uint32_t timeout_ms)
{
    const int64_t deadline = clock_deadline(timeout_ms);
    if (atomic_exchange_explicit(&session->receiving, 1, memory_order_acquire) != 0)
        return CULVERT_E_BUSY;
    pthread_mutex_lock(&session->lock);
    int result = await_packet(session, deadline);
    if (result == 0)
        result = hand_out(session, reception, packet);
    pthread_mutex_unlock(&session->lock);
    atomic_store_explicit(&session->receiving, 0, memory_order_release);
    return result;
}

void session_release(struct session *session, struct outbox_entry *entry)
{
    pthread_mutex_lock(&session->lock);
    packets_give_back(session, entry);
    pthread_mutex_unlock(&session->lock);
}

/* ---- One call for each frame ------------------------------------------------------------------------------------- */

/* With the lock held: waits until the outcome of frame `number` is known. */
static int await_outcome(struct session *session, uint32_t number, int64_t deadline)
{
    session->carrier->listen(session);
    for (;;) {
        if ((int32_t)((uint32_t)session->stats.counts.settled - number) >= 0)
            return 0;
        if (session->closing)
            return CULVERT_E_HANDLE;
        if (session->end < 0)
            return session->end;
        if (!session_wait(session, deadline))
            return CULVERT_E_TIMEOUT;
    }
}

static int result_of(struct session *session)
{
    switch (session->stats.counts.last) {
    case SKIPPED:
        return CULVERT_SKIPPED;
    case REPEATED:
        return CULVERT_REPEATED;
    case DROPPED:
        return CULVERT_DROPPED;
    default:
        session->failed = false;
        session_signal(session);
        return CULVERT_E_CODEC;
    }
}

/* With the lock held, the outcome known. */
static int hand_out_frame(struct session *session, uint32_t number, const struct reception *reception,
                          struct culvert_packet *packet)
{
    if (packets_waiting(session) == 0)
        return result_of(session);
    const int error = hand_out(session, reception, packet);
    if (error < 0)
        return error;
    const bool own = (uint32_t)packet->frame == number && !(packet->flags & CULVERT_PACKET_INSERTED);
    return own ? 0 : CULVERT_EARLIER;
}

static int submit_and_wait(struct session *session, const struct culvert_frame *frame, const void *data, size_t size,
                           const struct reception *reception, struct culvert_packet *packet, int64_t deadline)
{
    const int error = submit_frame(session, frame, data, size, deadline);
    if (error < 0)
        return error;
    const uint32_t number = session->submitter.writer.submitted;
    pthread_mutex_lock(&session->lock);
    int result = await_outcome(session, number, deadline);
    if (result == 0)
        result = hand_out_frame(session, number, reception, packet);
    pthread_mutex_unlock(&session->lock);
    return result;
}

int session_encode(struct session *session, const struct culvert_frame *frame, const void *data, size_t size,
                   const struct reception *reception, struct culvert_packet *packet, uint32_t timeout_ms)
{
    const int64_t deadline = clock_deadline(timeout_ms);
    if (atomic_exchange_explicit(&session->receiving, 1, memory_order_acquire) != 0)
        return CULVERT_E_BUSY;
    int result = CULVERT_E_BUSY;
    /* Both roles for the whole call: with no frame behind it, this one is never displaced. */
    if (submit_enter(session)) {
        result = submit_and_wait(session, frame, data, size, reception, packet, deadline);
        submit_leave(session);
    }
    atomic_store_explicit(&session->receiving, 0, memory_order_release);
    return result;
}
