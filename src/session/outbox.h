/* The bounded queue of packets between the encoder's thread and the one that receives. Its memory is one region, so
 * that packets which are lent outlive the session. Not locked: the session's lock guards every call; the bytes
 * themselves are written and read outside it, by whoever holds the room or the entry.
 *
 * Packets lie one behind the other, each in one piece. Room is reserved for a whole access unit, which may come as
 * several packets, and is given back in order, up to the oldest packet that is still lent. */
#ifndef SESSION_OUTBOX_H
#define SESSION_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/region.h"
#include "culvert/culvert.h"
#include "session/loan.h"

#define OUTBOX_PACKETS 256 /* a power of two */

struct outbox_entry {
    struct loan loan; /* of this packet, while it is lent */
    struct culvert_packet packet;
    size_t offset, bytes;
    bool done; /* received or given back: its room is free once all before it are done */
};

_Static_assert(offsetof(struct outbox_entry, loan) == 0, "a loan that is a peek leads to its packet");

struct outbox {
    struct region *region; /* entries, then bytes */
    struct outbox_entry *entries;
    uint8_t *memory;
    size_t capacity;
    size_t unit_max; /* of an access unit, in all its packets */
    uint32_t packets_max;
    size_t write;  /* where the next one goes */
    uint32_t head; /* pushed */
    uint32_t next; /* taken by the receiver */
    uint32_t tail; /* freed */
};

/* unit_max is the largest access unit's bytes, packets_max how many packets it may come in. False: no memory. */
bool outbox_init(struct outbox *outbox, size_t unit_max, uint32_t packets_max);
/* The same with its bytes in a descriptor's memory, outbox_memory_bytes of it: shared with the process that encodes,
 * which writes them. The descriptor is not needed afterwards. */
size_t outbox_memory_bytes(size_t unit_max, uint32_t packets_max);
bool outbox_map(struct outbox *outbox, int fd, size_t unit_max, uint32_t packets_max, bool writes);
void outbox_finish(struct outbox *outbox);

/* Whether an access unit of any size fits, and where it goes. NULL: the host must receive first. */
uint8_t *outbox_reserve(struct outbox *outbox);
/* What a packet takes of that room: the next packet of the same access unit goes so far behind it. */
size_t outbox_step(size_t bytes);
/* Queues what was written there. */
void outbox_push(struct outbox *outbox, const struct culvert_packet *packet, size_t bytes);
/* Queues what another process has written, wherever that is. False: it cannot be there. */
bool outbox_push_at(struct outbox *outbox, const struct culvert_packet *packet, uint64_t offset, uint64_t bytes);
/* All packets before the released-th were given back, as another process says. False: they cannot have been. */
bool outbox_released(struct outbox *outbox, uint32_t released);

/* The oldest packet that waits, or NULL; and its bytes. */
struct outbox_entry *outbox_oldest(const struct outbox *outbox);
const uint8_t *outbox_bytes(const struct outbox *outbox, const struct outbox_entry *entry);
uint32_t outbox_waiting(const struct outbox *outbox);

/* The oldest one is the caller's from now on, until outbox_done. */
void outbox_take(struct outbox *outbox);
void outbox_done(struct outbox *outbox, struct outbox_entry *entry);

#endif
