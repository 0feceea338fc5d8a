#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/platform.h"
#include "session/session.h"

/* ---- Memory and the thread --------------------------------------------------------------------------------------- */

static bool reserve(struct session *session)
{
    const struct session_layout layout = session_layout(&session->config, session->codec);
    const uint64_t bytes = queue_bytes(layout.slots, (size_t)layout.slot_bytes);
    session->frames = bytes <= SIZE_MAX / 2 ? region_create((size_t)bytes) : NULL;
    if (session->frames == NULL || !outbox_init(&session->outbox, (size_t)layout.unit_bytes, layout.unit_packets))
        return false;
    queue_init(session->frames->base, session->config.policy == CULVERT_POLICY_LATEST, layout.slots,
               (size_t)layout.slot_bytes, &session->submitter.writer, &session->encoder.reader);
    return true;
}

static int start(struct session *session, char *why)
{
    if (!reserve(session))
        return session_no_memory(session, why);
    const int error = session_prepare_encoder(session, why);
    if (error < 0)
        return error;
    session->running = platform_start_thread(&session->thread, encoder_run, session);
    if (session->running)
        return 0;
    snprintf(why, CODEC_WHY, "the system gave no thread for the encoder: raise its limit on threads");
    return CULVERT_E_SYSTEM;
}

static void stop(struct session *session)
{
    if (session->running)
        pthread_join(session->thread, NULL);
    session->running = false;
}

/* ---- To the encoder ---------------------------------------------------------------------------------------------- */

static void ring(struct session *session)
{
    doorbell_ring(&session->doorbell);
}

static void publish(struct session *session)
{
    queue_publish(&session->submitter.writer);
    ring(session);
}

/* Here, not when the encoder wakes up: a host that has received everything is not to be told that it must. */
static void released(struct session *session)
{
    if (!session->starved)
        return;
    session->starved = outbox_reserve(&session->outbox) == NULL;
    ring(session);
}

static void listen_to_nobody(struct session *session)
{
    (void)session;
}

static int descriptor(struct session *session)
{
    if (session->signal < 0) {
        session->signal = platform_signal_create();
        session_signal(session);
    }
    return session->signal < 0 ? session->signal : platform_signal_duplicate(session->signal);
}

/* With LATEST all but the newest are displaced already, though the encoder's thread will only find out when it takes
 * the next. It takes under the lock that is held here, and the producer counts after it hands over: so a frame counted
 * here as displaced can never be taken any more. */
static void queued(struct session *session, uint32_t *submitted, uint32_t *displaced)
{
    const uint32_t taken = (uint32_t)session->stats.counts.taken;
    const uint32_t ahead = queue_submitted(&session->encoder.reader) - taken;
    if ((int32_t)ahead <= 0)
        return;
    *submitted = taken + ahead;
    *displaced = session->config.policy == CULVERT_POLICY_LATEST ? ahead - 1 : 0;
}

const struct carrier carrier_inside = {
    .start = start,
    .stop = stop,
    .publish = publish,
    .state = ring,
    .released = released,
    .listen = listen_to_nobody,
    .wait = session_sleep,
    .wake = ring,
    .descriptor = descriptor,
    .queued = queued,
};

/* ---- To the host ------------------------------------------------------------------------------------------------- */

static bool hear_nothing(struct session *session)
{
    (void)session;
    return true;
}

static bool trust(struct session *session, const struct frame *frame)
{
    (void)session, (void)frame;
    return true;
}

static void sleep_until(struct session *session, int64_t deadline)
{
    doorbell_wait(&session->doorbell, deadline);
}

const struct reporter reporter_inside = {
    .listen = hear_nothing,
    .vet = trust,
    .sleep = sleep_until,
    .changed = session_broadcast,
};
