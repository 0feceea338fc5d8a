/* The last things that happened to a session, for whoever asks why it died: a short memory that costs nothing. One
 * thread at a time notes; a crash handler may read at any moment. */
#ifndef SESSION_EVENTS_H
#define SESSION_EVENTS_H

#include <stdint.h>

#define EVENTS_KEPT 64 /* a power of two */

/* What the values mean, by kind. */
#define EVENT_KINDS(X)                             \
    X(OPEN, "open", "codec", "width", "height")    \
    X(EPOCH, "epoch", "number", "width", "height") \
    X(RATE, "rate", "kbps", "fps_num", "fps_den")  \
    X(SPEED, "speed", "speed", "", "")             \
    X(KEY, "key", "frame", "bytes", "qp")          \
    X(LOSS, "loss", "reports", "", "")             \
    X(PAUSE, "pause", "paused", "", "")            \
    X(FAILURE, "failure", "frame", "", "")         \
    X(FINISH, "finish", "frames", "", "")

enum event_kind {
#define EVENT_ENUM(name, text, a, b, c) EVENT_##name,
    EVENT_KINDS(EVENT_ENUM)
#undef EVENT_ENUM
        EVENTS
};

struct event {
    int64_t at; /* clock_now */
    uint32_t kind;
    uint32_t value[3];
};

struct events {
    uint32_t count; /* noted so far; the last EVENTS_KEPT are kept, the n-th (from 0) at n % EVENTS_KEPT */
    uint32_t frame; /* being encoded; 0: none */
    struct event kept[EVENTS_KEPT];
};

void events_note(struct events *events, enum event_kind kind, uint32_t a, uint32_t b, uint32_t c);

#endif
