/* What the library, culvertd's broker and its workers say to each other: messages of fixed size over SOCK_SEQPACKET
 * sockets of one machine, and never a pointer. docs/daemon.md tells who says what when.
 *
 * Fields are of fixed width, in the machine's byte order, without implicit padding; wire.c nails their places. Structs
 * of other headers that travel (config, counts, wanted, ...) are of that kind too. A change of anything here is a new
 * WIRE_VERSION: both ends are built from one source, and one of another version is turned away by name. The header
 * itself never changes. */
#ifndef REMOTE_WIRE_H
#define REMOTE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "codec/codec.h"
#include "culvert/culvert.h"
#include "frame/queue.h"
#include "session/control.h"
#include "session/latency.h"
#include "session/stats.h"

#define WIRE_MAGIC 0x746c7663u /* "cvlt" */
#define WIRE_VERSION 1u
#define WIRE_TEXT 256
#define WIRE_FDS 3 /* that a message carries, at most */

enum wire_kind {
    /* Library to broker. */
    WIRE_OPEN = 1,
    WIRE_LIST,
    WIRE_WATCH,
    /* Broker to library. */
    WIRE_OPENED,  /* with the frames' memory */
    WIRE_WORKER,  /* with a socket to the worker, and its packets' memory */
    WIRE_REFUSED, /* and the connection ends */
    WIRE_LISTED,
    WIRE_WATCHED, /* with a socket of packets */
    /* Broker to worker. */
    WIRE_ASSIGN, /* with the frames' memory, the packets', and a socket to the library */
    WIRE_TAP,    /* with a socket of packets */
    /* Worker to broker. */
    WIRE_READY,
    WIRE_PULSE,
    /* Library to worker. */
    WIRE_START,
    WIRE_STATE,
    WIRE_BELL, /* there is cause to look at the queue again */
    /* Worker to library. */
    WIRE_REPORT,
    WIRE_NOTE,
    /* Worker to a watcher. */
    WIRE_COPY,
    WIRE_KINDS
};

struct wire_header {
    uint32_t magic, version, kind;
    uint32_t bytes; /* of the whole message */
};

/* ---- Library and broker ------------------------------------------------------------------------------------------ */

struct wire_open {
    struct wire_header header;
    struct culvert_config config;
};

/* How the memory is divided, agreed once; each side keeps it where the other cannot write. */
struct wire_layout {
    uint64_t slot_bytes, unit_bytes;
    uint32_t slots, unit_packets;
};

struct wire_opened {
    struct wire_header header;
    uint32_t id, reserved;
    uint64_t pixel_rate; /* pixels a second that the session was granted; UINT64_MAX: any */
    struct wire_layout layout;
};

struct wire_worker {
    struct wire_header header;
    uint32_t incarnation; /* 1, 2, ... */
    uint32_t reserved;
};

struct wire_refused {
    struct wire_header header;
    int32_t error; /* enum culvert_error */
    uint32_t reserved;
    char text[WIRE_TEXT];
};

struct wire_list {
    struct wire_header header;
    uint32_t after, reserved;
};

struct wire_listed {
    struct wire_header header;
    struct culvert_listing listing; /* of id 0: there is none */
};

struct wire_watch {
    struct wire_header header;
    char name[32];
};

struct wire_watched {
    struct wire_header header;
    struct culvert_config config;
};

/* ---- Broker and worker ------------------------------------------------------------------------------------------- */

struct wire_assign {
    struct wire_header header;
    struct culvert_config config;
    struct wire_layout layout;
    uint64_t pixel_rate;
    uint32_t id, incarnation;
};

struct wire_ready {
    struct wire_header header;
    int32_t error; /* 0: the memory is mapped, and the codec took the settings */
    uint32_t reserved;
    char text[WIRE_TEXT];
};

struct wire_pulse {
    struct wire_header header;
    uint32_t width, height;     /* visible, of the last packet */
    struct culvert_stats stats; /* of size 0 before the start: there are none */
    struct latency_curve total;
};

/* ---- Library and worker ------------------------------------------------------------------------------------------ */

/* All that a host has asked for; the whole of it each time, so that a message may be skipped when a later one comes. */
struct wire_state {
    struct wire_header header;
    struct wanted wanted;
    struct codec_geometry canvas; /* as session.canvas */
    uint32_t finishing;           /* no more frames will come than those in the queue */
    uint32_t log_severity;
};

/* The first message to each worker: where the one before stopped. */
struct wire_start {
    struct wire_state state; /* its header is the message's */
    struct counts counts;
    struct queue_place place;
    int64_t packet_pts;           /* of the last packet; -1: there was none */
    uint32_t inserted;            /* since the frame taken last */
    uint32_t primed;              /* that frame was encoded: a key frame of it may be inserted */
    struct codec_geometry proven; /* of the encoder that made the last packet; width 0: there was none */
};

enum wire_report_flag { WIRE_STARVED = 1, WIRE_FAILED = 2, WIRE_ENDED = 4, WIRE_PACKET = 8 };

struct wire_report {
    struct wire_header header;
    struct counts counts;
    struct codec_rate opened;
    struct codec_geometry geometry;
    uint32_t open_encoders;
    uint32_t flags; /* enum wire_report_flag */
    uint32_t total_us;
    struct culvert_packet packet; /* with WIRE_PACKET */
    uint64_t offset, bytes;       /* of it in the packets' memory */
};

enum wire_note { WIRE_ERROR_TEXT = 1, WIRE_PARAMS, WIRE_LOG_LINE };

struct wire_note_text {
    struct wire_header header;
    uint32_t which; /* enum wire_note */
    uint32_t reserved;
    char text[2048];
};

/* ---- Worker and watcher ------------------------------------------------------------------------------------------ */

#define WIRE_CHUNK 16384

/* A piece of a packet. All but the last of a packet are WIRE_CHUNK long. */
struct wire_copy {
    struct wire_header header;
    struct culvert_packet packet;
    uint64_t bytes, offset; /* of the packet; where this piece goes */
    uint8_t chunk[WIRE_CHUNK];
};

/* ---- Sending and receiving --------------------------------------------------------------------------------------- */

union wire_message {
    struct wire_header header;
    struct wire_open open;
    struct wire_list list;
    struct wire_watch watch;
    struct wire_opened opened;
    struct wire_worker worker;
    struct wire_refused refused;
    struct wire_listed listed;
    struct wire_watched watched;
    struct wire_assign assign;
    struct wire_ready ready;
    struct wire_pulse pulse;
    struct wire_state state;
    struct wire_start start;
    struct wire_report report;
    struct wire_note_text note;
    struct wire_copy copy;
};

/* What came. Descriptors that were not asked for are never received. */
struct wire_parcel {
    union wire_message message;
    int fds[WIRE_FDS]; /* the receiver's, to be closed */
    uint32_t count;
};

/* Fills the header of a message of that kind and sends it whole, without waiting: 0 or a negative errno (-EAGAIN: there
 * is no room now, or no memory). */
int wire_send(int socket, enum wire_kind kind, void *message, size_t bytes, const int *fds, uint32_t count);

/* Receives a message of one of these kinds (a mask of 1 << enum wire_kind), without waiting. 1, or 0 at the end of
 * file, or a negative errno: -EAGAIN: there is none; -EPROTO: it is none that may come here; -EPROTONOSUPPORT: it is of
 * another version. Descriptors come with a kind that has them, and then all of them. */
int wire_receive(int socket, uint32_t kinds, struct wire_parcel *parcel);
/* Closes those of its descriptors that nobody took (took: set to -1). */
void wire_discard(struct wire_parcel *parcel);

#define WIRE_MASK(kind) (UINT32_C(1) << (kind))

#endif
