/* The packets that wait for the host, in order: those in the outboxes of encoder processes that died, and behind them
 * those in the present one. All with the session's lock held. */
#ifndef SESSION_PACKETS_H
#define SESSION_PACKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "session/outbox.h"

#define PAST_MOST 8

struct session;

struct past {
    struct outbox outbox[PAST_MOST]; /* oldest first; each holds packets that wait or are lent */
    uint32_t count;
};

uint32_t packets_waiting(const struct session *session);
/* The oldest one and the outbox that it is in; NULL: none waits. */
struct outbox_entry *packets_oldest(struct session *session, struct outbox **outbox);
/* The oldest one is the caller's from now on, until packets_give_back. */
void packets_take(struct session *session);
void packets_give_back(struct session *session, struct outbox_entry *entry);

/* The present outbox becomes a past one, and there is none. False: there are too many whose packets were not received
 * and given back. */
bool packets_retire(struct session *session);
void packets_finish(struct session *session);

#endif
