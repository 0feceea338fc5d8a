/* What culvertd counts, and its text in Prometheus' format 0.0.4.
 *
 * Counts accumulate over sessions and workers that come and go, and never go backwards, whatever a worker claims: its
 * numbers are a peer's. Labels are bounded: codecs, outcomes, reasons and causes from the tables here, never a name
 * that a client chose. Every series is there from the start, at 0.
 *
 * Thread-safety: none; the broker's one thread counts and renders. {0} is a valid start. */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "culvert/culvert.h"
#include "session/latency.h"

/* Why a session ended. */
enum metrics_close {
    METRICS_CLOSE_CLIENT,    /* its client closed it */
    METRICS_CLOSE_GONE,      /* its client ended without closing it */
    METRICS_CLOSE_CRASHED,   /* its workers died too often */
    METRICS_CLOSE_VIOLATION, /* its client broke the protocol */
    METRICS_CLOSE_LIMIT,     /* it outgrew a limit */
    METRICS_CLOSE_DRAINED,   /* culvertd was told to end */
    METRICS_CLOSES
};

/* Why a connection got no session. */
enum metrics_refusal {
    METRICS_REFUSE_DENIED,   /* this user is not served */
    METRICS_REFUSE_LIMIT,    /* too many, or too much at once */
    METRICS_REFUSE_VERSION,  /* it speaks another version */
    METRICS_REFUSE_PROTOCOL, /* it does not speak culvert's protocol */
    METRICS_REFUSALS
};

#define METRICS_CODECS 4   /* enum culvert_codec, without its default */
#define METRICS_OUTCOMES 6 /* what a frame comes to, in the order of culvert_stats */
#define METRICS_DEATHS 12  /* signals by name, other signals, an exit, a worker that hung */

struct metrics {
    uint64_t open[METRICS_CODECS], opened[METRICS_CODECS], closed[METRICS_CLOSES];
    uint64_t refused[METRICS_REFUSALS];
    uint64_t workers, worker_starts, worker_deaths[METRICS_DEATHS], spares, crash_reports;
    uint64_t frames[METRICS_CODECS][METRICS_OUTCOMES];
    uint64_t packets[METRICS_CODECS], bytes[METRICS_CODECS], keyframes[METRICS_CODECS];
    uint64_t epochs[METRICS_CODECS], restarts[METRICS_CODECS];
    struct latency_curve latency[METRICS_CODECS];
};

/* What of one session is counted already. Its memory is the broker's, beside the session; nothing to free. */
struct metrics_session {
    uint32_t row; /* of its codec */
    struct culvert_stats stats;
    struct latency_curve latency;
};

/* A session begins. codec is an enum culvert_codec that exists; 0 is H.264. */
void metrics_open(struct metrics *metrics, struct metrics_session *session, uint32_t codec);

/* Where the session stood when it came here: that is not counted. */
void metrics_begin(struct metrics_session *session, const struct culvert_stats *then);

/* A worker told where its session stands. What is more than before is counted. */
void metrics_pulse(struct metrics *metrics, struct metrics_session *session, const struct culvert_stats *now,
                   const struct latency_curve *latency);

/* Another worker took the place of the session's: its stats go on from those of the one before, its latencies begin
 * anew. After this no pulse of the old one may come. */
void metrics_restart(struct metrics *metrics, struct metrics_session *session);

/* The session ended; its last pulse has come before. */
void metrics_close(struct metrics *metrics, const struct metrics_session *session, enum metrics_close reason);

void metrics_refuse(struct metrics *metrics, enum metrics_refusal reason);

/* A worker was started; one ended, with this status from waitpid. Status 0 is no death. hung: the broker killed it
 * because it did not answer. */
void metrics_worker_start(struct metrics *metrics);
void metrics_worker_end(struct metrics *metrics, int status, bool hung);

/* Spare workers that are ready at this moment. */
void metrics_spares(struct metrics *metrics, uint32_t ready);

void metrics_crash_report(struct metrics *metrics);

/* No text is longer. */
#define METRICS_TEXT_MOST 32768

/* Writes the whole text and a NUL, and returns its length; 0: they do not fit into size, and nothing in text counts. A
 * struct metrics behind a void, as http_start wants it. */
size_t metrics_render(void *metrics, char *text, size_t size);

#endif
