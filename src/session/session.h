/* One stream: a host's thread that submits, one that receives, and the encoder's thread between them.
 *
 * Fields stand with the thread that owns them. What several threads share is guarded by `lock`, but for the queue of
 * frames, which is lock-free, and the few atomics. docs/memory.md tells the whole story. */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/doorbell.h"
#include "codec/codec.h"
#include "frame/queue.h"
#include "session/budget.h"
#include "session/carrier.h"
#include "session/control.h"
#include "session/deliver.h"
#include "session/due.h"
#include "session/epoch.h"
#include "session/events.h"
#include "session/keys.h"
#include "session/loan.h"
#include "session/outbox.h"
#include "session/pace.h"
#include "session/packets.h"
#include "session/pending.h"
#include "session/stats.h"
#include "session/still.h"
#include "session/work.h"

#define SESSION_TEXT 256
#define SESSION_PARAMS 2048
#define PENDING_MAX 8 /* pictures that a codec may hold back, and one */

/* The submitting thread's: whoever holds `busy`. */
struct submitter {
    _Atomic uint32_t busy;
    struct queue_writer writer;
    struct region *scratch;
    int64_t last_pts;
    uint32_t keys;                  /* key frames that frames asked for */
    struct codec_geometry admitted; /* the last one that the codec agreed to */
    uint32_t admitted_at;           /* session.rate_changes then */
};

/* The encoder thread's. */
struct encoder {
    struct queue_reader reader;
    struct epoch epoch;
    struct wanted order;    /* what was wanted when the present work was found */
    struct codec_rate rate; /* of that, with the frame rate that was measured */
    struct pace pace;
    struct budget budget;
    struct keys keys;
    struct still still;
    struct delivery delivery;
    uint8_t *room;                       /* in the outbox, for the present access unit */
    unsigned due;                        /* enum due: why the present work is done, beside a new picture */
    int64_t due_since;                   /* clock_now, of an insertion */
    struct pending pending[PENDING_MAX]; /* by tag */
    uint32_t tag;                        /* of the next picture */
    uint32_t oldest;                     /* whose outcome is open */
    bool begins, reopens;                /* the present epoch, and no packet has said so yet */
    uint32_t opening_us;                 /* what this epoch's encoder took to open; 0 once reported */
    uint32_t keys_by_frames;             /* served, of frame.key */
    uint32_t keys_by_control;            /* served, of wanted.keys */
    int64_t key_asked_at;                /* clock_now of the first request that waits */
    uint32_t resumed;                    /* served, of wanted.resumes */
    int64_t lost;                        /* pts from which packets did not arrive; INT64_MAX: none */
    bool recovers;                       /* the codec refers to none of them, and the next picture will say so */
    bool scaled;                         /* the frame encoded last, to a size that is not its own */
    bool holds;                          /* the frame taken last may be encoded once more */
    bool missed;                         /* the frame taken last was dropped for want of bits */
    uint32_t width, height;              /* visible, of the packet before */
    uint32_t layer, tl0;                 /* of that packet */
    bool key_owed;                       /* what should have served them yielded no access unit */
    bool succeeds;       /* to a process that died: viewers wait for that key frame, not it for a frame */
    uint32_t inserted;   /* since the frame taken last */
    int64_t inserted_at; /* clock_now of the last attempt to */
    int64_t key_pts;     /* of the last key frame */
    int64_t packet_pts;  /* of the last packet */
};

struct session {
    struct culvert_config config; /* resolved; constant */
    const struct codec *codec;
    const struct carrier *carrier;   /* NULL on an encoder's side that has no host's side */
    const struct reporter *reporter; /* NULL the other way round */
    bool watches;                    /* it shows the packets of another session, and takes nothing */
    void *remote;                    /* theirs, when the other side is in another process */
    struct codec_stream *stream;     /* the encoder thread's, once it runs */
    struct region *frames;           /* queue_shared and the slots */
    struct region *scaled;           /* a picture, for frames that are scaled; NULL: none will be */
    pthread_t thread;
    bool running;
    struct doorbell doorbell;      /* the encoder's thread sleeps here; anyone rings */
    _Atomic bool finishing;        /* culvert_finish was called */
    _Atomic uint32_t receiving;    /* some thread holds the receiving role */
    _Atomic uint32_t rate_changes; /* written under the lock */

    /* Of every epoch, with CULVERT_RESIZE_CANVAS; width 0: no frame came yet. Written by the submitting thread before
     * it publishes the first frame, constant from then on. */
    struct codec_geometry canvas;

    struct submitter submitter;
    struct encoder encoder;

    pthread_mutex_t lock; /* guards what follows; never held over a conversion, a copy or an encode */
    pthread_cond_t changed;
    uint32_t waiters; /* on `changed` */
    bool closing;
    _Atomic int
        end; /* CULVERT_EOS: everything was encoded after culvert_finish; negative: no more can be; 0: it goes on */
    bool starved;                      /* the encoder waits for room in the outbox */
    bool failed;                       /* frames failed, and the host was not told yet */
    bool error_is_new, params_are_new; /* texts that were written since the other process heard of them */
    int signal;                        /* culvert_fd's descriptor; -1: nobody asked yet */
    struct wanted wanted;
    struct codec_geometry newest;   /* of the frame submitted last; before the first, the smallest that can be */
    struct codec_geometry geometry; /* of the frame taken last */
    uint64_t pixel_rate;            /* pixels a second, at most; UINT64_MAX: any */
    struct codec_rate opened;       /* of that frame's encoder at its opening; bitrate 0: none was encoded */
    uint32_t open_encoders;         /* when work was found last */
    int64_t sent_pts;               /* of the last packet; -1: there was none */
    struct outbox outbox;
    struct past past;
    struct staging staging;
    struct stats stats;
    struct events events;
    char error[SESSION_TEXT];
    char params[SESSION_PARAMS];
};

/* ---- Life ------------------------------------------------------------------------------------------------------- */

/* The geometry that a frame is to be encoded at. */
struct codec_geometry session_geometry(const struct session *session, const struct frame *frame);

/* Memory that both sides need, by the settings. */
struct session_layout {
    uint32_t slots;
    uint32_t unit_packets; /* packets of an access unit, at most */
    uint64_t slot_bytes;
    uint64_t unit_bytes; /* of an access unit, at most */
};
struct session_layout session_layout(const struct culvert_config *config, const struct codec *codec);

/* One side or both, by what is not NULL; nothing runs. config was resolved. NULL: no memory. */
struct session *session_create(const struct culvert_config *config, const struct codec *codec,
                               const struct carrier *carrier, const struct reporter *reporter);
/* What a side needs for itself: 0, or an error with the reason in why. */
int session_prepare_host(struct session *session, char *why);
int session_prepare_encoder(struct session *session, char *why);

/* Both sides of a session in this process, or the host's of one with an endpoint, by the carrier. 0 and a session that
 * runs, or an error with the reason in why, and nothing is held. */
int session_open(const struct culvert_config *config, const struct codec *codec, const struct carrier *carrier,
                 struct session **session, char *why);
/* Wakes every call that blocks, for good. */
void session_wake(struct session *session);
/* No call may be inside any more. NULL is nothing. */
void session_destroy(struct session *session);
int session_finish(struct session *session);
/* CULVERT_E_MEMORY, and why. */
int session_no_memory(const struct session *session, char *why);
/* Tells the encoder that what is wanted has changed; without the lock. */
void session_tell(struct session *session);

/* ---- Between the threads; all with the lock held unless said -------------------------------------------------- */

/* Something that the host's side may wait for has changed. */
void session_changed(struct session *session);
/* Wakes the threads of this process that wait for that. */
void session_broadcast(struct session *session);
/* Makes the descriptor readable or not, as it now should be. */
void session_signal(struct session *session);
/* Waits for something to change, whoever says it: false at the deadline. */
bool session_wait(struct session *session, int64_t deadline);
/* Waits for session_broadcast alone. */
bool session_sleep(struct session *session, int64_t deadline);
/* Keeps a line for culvert_error_text. */
void session_note_error(struct session *session, const char *why);
/* The same, without the lock; returns error. */
int session_error(struct session *session, int error, const char *why);
/* What every call that wants something new returns: 0, or why there is nothing new; without the lock. */
int session_goes_on(struct session *session);

/* ---- Calls; each returns a public result ------------------------------------------------------------------------ */

int session_submit(struct session *session, const struct culvert_frame *frame, const void *data, size_t size);
int session_lease(struct session *session, uint32_t handle, uint32_t format, uint32_t width, uint32_t height,
                  uint32_t *loan, void **data, size_t *size);
int session_commit(struct session *session, const struct culvert_frame *frame, struct lease *lease);
void session_abandon(struct session *session, struct lease *lease);

/* Where a packet goes: into the host's buffer, or, with loan not NULL, lent in place. */
struct reception {
    void *buffer;
    size_t capacity;
    size_t *bytes;
    const void **data;
    uint32_t *loan;
    uint32_t handle; /* of the session, for the loan */
};

/* *packet is written on success alone. */
int session_receive(struct session *session, const struct reception *reception, struct culvert_packet *packet,
                    uint32_t timeout_ms);
int session_encode(struct session *session, const struct culvert_frame *frame, const void *data, size_t size,
                   const struct reception *reception, struct culvert_packet *packet, uint32_t timeout_ms);
/* Copies out, each with its NUL. */
void session_params(struct session *session, char text[SESSION_PARAMS]);
void session_error_text(struct session *session, char text[SESSION_TEXT]);
/* Of a packet that was lent. */
void session_release(struct session *session, struct outbox_entry *entry);
int session_descriptor(struct session *session, int *fd);

/* The encoder's thread. */
void *encoder_run(void *session);

#endif
