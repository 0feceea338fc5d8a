/* A worker: a process that encodes one session, and may die. It has three sockets: to the broker that started it, to
 * the host's side, and, while someone watches, to the watcher. What the host's side shares with it is checked before it
 * is used: a host that breaks the rules loses its session and nothing else. */
#ifndef DAEMON_WORKER_H
#define DAEMON_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "remote/wire.h"
#include "session/carrier.h"

#define WORKER_BROKER_FD 3 /* where the broker's socket is when a worker starts */
#define WORKER_CRASH_FD 4  /* and the memory for its crash report */
#define WORKER_PULSE_US 500000

/* How a worker ends that did not die. */
enum worker_exit {
    WORKER_DONE = 0,
    WORKER_VIOLATION = 3,
    WORKER_UNTOLD = 4, /* it could not be told of its session, or not say that it has it: another one may */
    WORKER_USAGE = 5
};

struct worker {
    struct session *session;
    int broker, host;
    int watcher;        /* negative: nobody watches */
    bool watcher_waits; /* for the next key frame */
    uint32_t announced; /* packets of the outbox that the host knows of */
    bool news;          /* it does not know of the rest */
    bool stuck;         /* its socket is full */
    bool started;       /* it was told where */
    bool settled;       /* its heap is, since there was a packet */
    bool host_gone, broker_gone;
    const char *violation;  /* what the host did that it must not; NULL: nothing */
    int64_t taken_pts;      /* of the frame taken last; -1: there was none */
    int64_t pulse_at;       /* clock_now */
    uint32_t width, height; /* visible, of the last packet */
};

extern const struct reporter reporter_worker;

/* The process's whole life: its exit status. */
int worker_run(void);

/* ---- worker_hears.c ---------------------------------------------------------------------------------------------- */

/* The host has done what it must not: the first that is found ends the session. */
void worker_blame(struct worker *worker, const char *what);
/* Takes in what the host has said. */
void worker_hear(struct worker *worker);
/* Where the worker before it stopped. False: it is no start. */
bool worker_start(struct worker *worker, const struct wire_start *start);
/* Whether an encoder of this geometry may be opened: a worker that died has said it, and nobody has looked at it. */
bool worker_can_open(const struct worker *worker, const struct codec_geometry *geometry);
/* Whether submit could have let this frame pass. */
bool worker_vet(struct worker *worker, const struct frame *frame);

/* ---- worker_tells.c ---------------------------------------------------------------------------------------------- */

/* Tells the host what it does not know; with the session's lock held. */
void worker_tell(struct worker *worker);
/* Tells the broker how it goes, each half second. */
void worker_pulse(struct worker *worker);
/* Someone watches from now on, through this socket, which is the worker's. */
void worker_watch(struct worker *worker, int socket);

#endif
