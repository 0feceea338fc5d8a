#include "session/packets.h"

#include <string.h>

#include "session/session.h"

static bool holds(const struct outbox *outbox, const struct outbox_entry *entry)
{
    return outbox->region != NULL && entry >= outbox->entries && entry < outbox->entries + OUTBOX_PACKETS;
}

uint32_t packets_waiting(const struct session *session)
{
    uint32_t waiting = outbox_waiting(&session->outbox);
    for (uint32_t i = 0; i < session->past.count; i++)
        waiting += outbox_waiting(&session->past.outbox[i]);
    return waiting;
}

static struct outbox *oldest_outbox(struct session *session)
{
    for (uint32_t i = 0; i < session->past.count; i++) {
        if (outbox_waiting(&session->past.outbox[i]) > 0)
            return &session->past.outbox[i];
    }
    return &session->outbox;
}

struct outbox_entry *packets_oldest(struct session *session, struct outbox **outbox)
{
    *outbox = oldest_outbox(session);
    return outbox_oldest(*outbox);
}

void packets_take(struct session *session)
{
    outbox_take(oldest_outbox(session));
}

static void drop(struct past *past, uint32_t index)
{
    outbox_finish(&past->outbox[index]);
    past->count--;
    memmove(&past->outbox[index], &past->outbox[index + 1], (past->count - index) * sizeof past->outbox[0]);
}

void packets_give_back(struct session *session, struct outbox_entry *entry)
{
    struct past *past = &session->past;
    for (uint32_t i = 0; i < past->count; i++) {
        if (!holds(&past->outbox[i], entry))
            continue;
        outbox_done(&past->outbox[i], entry);
        if (past->outbox[i].head == past->outbox[i].tail) {
            drop(past, i);
            /* A worker may wait for its place. */
            session->carrier->wake(session);
        }
        return;
    }
    outbox_done(&session->outbox, entry);
    session->carrier->released(session);
}

bool packets_retire(struct session *session)
{
    struct past *past = &session->past;
    if (session->outbox.region == NULL)
        return true;
    if (session->outbox.head == session->outbox.tail) {
        outbox_finish(&session->outbox);
    } else {
        if (past->count == PAST_MOST)
            return false;
        past->outbox[past->count++] = session->outbox;
    }
    session->outbox = (struct outbox){0};
    return true;
}

void packets_finish(struct session *session)
{
    outbox_finish(&session->outbox);
    while (session->past.count > 0)
        drop(&session->past, session->past.count - 1);
}
