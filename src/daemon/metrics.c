#include "daemon/metrics.h"

#include <signal.h>
#include <sys/wait.h>

/* Beyond 2^53 a double, which is what Prometheus reads, loses count; there a counter stays. */
#define MOST ((uint64_t)1 << 53)

static const int fatal[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGSYS, SIGTERM, SIGTRAP};
#define FATAL (sizeof fatal / sizeof fatal[0])
enum { DEATH_SIGNAL = FATAL, DEATH_EXIT, DEATH_HUNG, DEATHS };
_Static_assert(DEATHS == METRICS_DEATHS, "metrics_text.c names each");

static void add(uint64_t *counter, uint64_t more)
{
    *counter = more < MOST - *counter ? *counter + more : MOST;
}

static void count(uint64_t *counter)
{
    add(counter, 1);
}

/* Counts what is new in `now`, once: what went backwards is waited for. Returns how much it was. */
static uint64_t advance(uint64_t *counter, uint64_t *seen, uint64_t now)
{
    if (now <= *seen)
        return 0;
    const uint64_t more = now - *seen;
    *seen = now;
    add(counter, more);
    return more;
}

void metrics_open(struct metrics *metrics, struct metrics_session *session, uint32_t codec)
{
    const uint32_t row = codec == CULVERT_CODEC_DEFAULT ? 0 : codec - CULVERT_CODEC_H264;
    *session = (struct metrics_session){.row = row < METRICS_CODECS ? row : METRICS_CODECS - 1};
    count(&metrics->opened[session->row]);
    metrics->open[session->row]++;
}

void metrics_begin(struct metrics_session *session, const struct culvert_stats *then)
{
    session->stats = *then;
}

static void advance_frames(uint64_t *counters, struct culvert_stats *seen, const struct culvert_stats *now)
{
    uint64_t *const before[METRICS_OUTCOMES] = {&seen->encoded, &seen->skipped, &seen->repeated,
                                                &seen->dropped, &seen->lost,    &seen->failed};
    const uint64_t present[METRICS_OUTCOMES] = {now->encoded, now->skipped, now->repeated,
                                                now->dropped, now->lost,    now->failed};
    for (uint32_t i = 0; i < METRICS_OUTCOMES; i++)
        advance(&counters[i], before[i], present[i]);
}

/* A bucket never grows by more than the one above it, or the histogram would fall where it must rise. */
static void advance_latency(struct latency_curve *counter, struct latency_curve *seen, const struct latency_curve *now)
{
    uint64_t most = advance(&counter->count, &seen->count, now->count);
    advance(&counter->sum_us, &seen->sum_us, now->sum_us);
    for (uint32_t i = LATENCY_BOUNDS; i-- > 0;) {
        const uint64_t more = now->le[i] > seen->le[i] ? now->le[i] - seen->le[i] : 0;
        most = more < most ? more : most;
        seen->le[i] += more;
        add(&counter->le[i], most);
    }
}

void metrics_pulse(struct metrics *metrics, struct metrics_session *session, const struct culvert_stats *now,
                   const struct latency_curve *latency)
{
    const uint32_t row = session->row;
    advance_frames(metrics->frames[row], &session->stats, now);
    advance(&metrics->packets[row], &session->stats.packets, now->packets);
    advance(&metrics->bytes[row], &session->stats.bytes, now->bytes);
    advance(&metrics->keyframes[row], &session->stats.keyframes, now->keyframes);
    advance(&metrics->epochs[row], &session->stats.epochs, now->epochs);
    advance_latency(&metrics->latency[row], &session->latency, latency);
}

void metrics_restart(struct metrics *metrics, struct metrics_session *session)
{
    count(&metrics->restarts[session->row]);
    session->latency = (struct latency_curve){0};
}

void metrics_close(struct metrics *metrics, const struct metrics_session *session, enum metrics_close reason)
{
    metrics->open[session->row]--;
    count(&metrics->closed[reason]);
}

void metrics_refuse(struct metrics *metrics, enum metrics_refusal reason)
{
    count(&metrics->refused[reason]);
}

void metrics_worker_start(struct metrics *metrics)
{
    metrics->workers++;
    count(&metrics->worker_starts);
}

static uint32_t death_of(int status, bool hung)
{
    if (hung)
        return DEATH_HUNG;
    if (!WIFSIGNALED(status))
        return DEATH_EXIT;
    for (uint32_t i = 0; i < FATAL; i++)
        if (fatal[i] == WTERMSIG(status))
            return i;
    return DEATH_SIGNAL;
}

void metrics_worker_end(struct metrics *metrics, int status, bool hung)
{
    metrics->workers--;
    if (status != 0 || hung)
        count(&metrics->worker_deaths[death_of(status, hung)]);
}

void metrics_spares(struct metrics *metrics, uint32_t ready)
{
    metrics->spares = ready;
}

void metrics_crash_report(struct metrics *metrics)
{
    count(&metrics->crash_reports);
}
