/* The host's side of a session whose encoder is a worker of culvertd's. Everything here is guarded by the session's
 * lock.
 *
 * No thread is kept for it: whoever waits for something of the session listens to its sockets, one thread at a time,
 * and wakes the others. Frames lie in memory that the broker made; packets in memory that each worker brings. */
#ifndef REMOTE_REMOTE_H
#define REMOTE_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "remote/wire.h"
#include "session/carrier.h"

struct session;

struct remote {
    struct remote *next;      /* of all in this process, see child.c */
    int control;              /* to the broker; negative: it has ended */
    int data;                 /* to the worker; negative: there is none at this moment */
    int wake;                 /* ends the wait of the thread that listens */
    int poll;                 /* epoll, for culvert_fd; negative: nobody asked */
    bool watches;             /* another host's session: what comes are copies of its packets */
    uint64_t copied, copying; /* bytes of the packet that is coming: so many are there, and will be */
    uint8_t *room;            /* for it, in the outbox */
    bool listening;
    bool begun;                   /* the worker was told where to start */
    bool owes_state;              /* what is wanted did not fit into the socket */
    bool asked;                   /* a new broker was asked for a session, and the frames have not moved there */
    uint32_t incarnations;        /* workers that were told to start */
    uint32_t inserted;            /* pictures since the frame taken last */
    bool primed;                  /* the present worker was to insert from the frame that its predecessor had */
    bool silent;                  /* it has sent no packet yet */
    struct codec_geometry proven; /* of an encoder that has made a packet; width 0: none has */
    bool lost_newest;             /* the frame submitted last killed its worker */
    int64_t retry_at;             /* clock_now before which no new broker is looked for */
    int next_data, next_packets;  /* of a worker that waits for its start; negative: none */
    struct region *next_frames;   /* of a new broker's, until the next frame is submitted */
};

extern const struct carrier carrier_remote;

/* ---- hear.c: what the worker says -------------------------------------------------------------------------------- */

/* Takes a message in: false when it is one that no worker of ours sends. */
bool hear_message(struct session *session, union wire_message *message);

/* Whether a worker can describe a packet so. */
bool hear_is_plausible(const struct culvert_packet *packet);

/* ---- watch.c: sessions of others ----------------------------------------------------------------------------------
 */

struct culvert_listing;

/* As the public calls; why holds CODEC_WHY bytes. The session that watches is one like any other. */
int watch_list(const char *endpoint, uint32_t after, struct culvert_listing *listing, char *why);
int watch_open(const char *endpoint, const char *name, struct session **session, char *why);
/* Whether a piece of a packet can be taken in. */
bool watch_has_room(struct session *session);
/* A piece of a packet: false when it is none. */
bool watch_hear(struct session *session, const struct wire_copy *copy);

/* ---- succession.c: workers and brokers that end, and those that follow ------------------------------------------ */

/* The worker is dead: its frames are accounted for. */
void succession_bury(struct session *session);
/* The session ends with this error; packets that wait are still received. */
void succession_end(struct session *session, int error, const char *why);
/* The broker has ended. */
void succession_orphan(struct session *session);
/* Without a worker or a broker that will send one, a session that takes no more frames ends, instead of waiting for the
 * next broker: nothing could be encoded there. */
void succession_give_up(struct session *session);
/* Tells the worker that waits, if any, where to start. */
void succession_begin(struct session *session);
/* With the submitting role: a session whose broker has ended looks for the next one, or moves into its memory. */
void succession_move(struct session *session);

/* What the broker has sent: a worker that waits for its start; the memory of a new broker's session. */
void succession_await(struct session *session, struct wire_parcel *parcel);
void succession_arrive(struct session *session, struct wire_parcel *parcel);

/* ---- client.c ---------------------------------------------------------------------------------------------------- */

/* The sockets have changed: who waits must look at the new ones. */
void remote_poll(struct session *session, int fd);
void remote_close(struct session *session, int *fd);
/* Forked children close their copies of its sockets from now on, and no more. */
void remote_enlist(struct remote *remote);
void remote_delist(struct remote *remote);
/* What a carrier keeps: 0, or an error with the reason in why. */
int remote_create(struct session *session, char *why);
/* The state of everything that is wanted, without its header. */
void remote_state(struct session *session, struct wire_state *state);
/* Maps the memory of frames that a broker sent: 0, or an error with the reason in why. */
int remote_accept(const struct session *session, const struct wire_opened *opened, int fd, struct region **frames,
                  char *why);

#endif
