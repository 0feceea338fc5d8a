#include "session/session.h"

#include <inttypes.h>
#include <libavutil/common.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/platform.h"
#include "frame/convert.h"
#include "session/config.h"

struct session_layout session_layout(const struct culvert_config *config, const struct codec *codec)
{
    const uint32_t width = picture_coded(config->max_width), height = picture_coded(config->max_height);
    const struct codec_geometry largest = {.width = width, .height = height, .sar_num = 1, .sar_den = 1};
    return (struct session_layout){
        .slots = config->policy == CULVERT_POLICY_LATEST ? QUEUE_SLOTS_LATEST : config->slots,
        .unit_packets = FFMAX(config->slices, 1),
        /* A picture may lie on its side, and strides are rounded up: room for both. */
        .slot_bytes = FFMAX(picture_bytes(width, height), picture_bytes(height, width)),
        .unit_bytes = codec->bound(&largest),
    };
}

struct codec_geometry session_geometry(const struct session *session, const struct frame *frame)
{
    struct codec_geometry geometry = epoch_geometry(frame);
    if (session->config.resize != CULVERT_RESIZE_CANVAS)
        return geometry;
    if (session->canvas.width != 0)
        return session->canvas;
    if (session->config.canvas_width != 0) {
        geometry.width = session->config.canvas_width;
        geometry.height = session->config.canvas_height;
    }
    geometry.sar_num = geometry.sar_den = 1;
    return geometry;
}

/* What no larger frame is needed to refuse. */
static const struct frame smallest = {.width = 2, .height = 2, .aspect_num = 1, .aspect_den = 1};

/* What a codec does not have is not passed over in silence. */
static int check_abilities(const struct codec *codec, const struct culvert_config *config, char *why)
{
    const struct {
        const char *name;
        uint32_t value, none;
        bool has;
    } abilities[] = {
        {"slices", config->slices, 1, codec->has_slices},
        {"layers", config->layers, 1, codec->has_layers},
        {"profile", config->profile, CULVERT_PROFILE_BASELINE, codec->has_profiles},
        {"level", config->level, 0, codec->has_profiles},
    };
    for (size_t i = 0; i < sizeof abilities / sizeof abilities[0]; i++) {
        if (abilities[i].has || abilities[i].value <= abilities[i].none)
            continue;
        snprintf(why, CODEC_WHY, "%s is %" PRIu32 ", but %s has none: set 0, or take another codec", abilities[i].name,
                 abilities[i].value, codec->name);
        return CULVERT_E_UNSUPPORTED;
    }
    return 0;
}

int session_no_memory(const struct session *session, char *why)
{
    snprintf(why, CODEC_WHY, "no memory for frames of up to %" PRIu32 "x%" PRIu32 ": lower max_width and max_height",
             session->config.max_width, session->config.max_height);
    return CULVERT_E_MEMORY;
}

struct session *session_create(const struct culvert_config *config, const struct codec *codec,
                               const struct carrier *carrier, const struct reporter *reporter)
{
    struct session *session = calloc(1, sizeof *session);
    const bool polled = reporter != NULL && reporter != &reporter_inside;
    if (session == NULL || !clock_cond_init(&session->changed) || !doorbell_init(&session->doorbell, polled)) {
        free(session);
        return NULL;
    }
    session->config = *config;
    session->codec = codec;
    session->carrier = carrier;
    session->reporter = reporter;
    session->signal = -1;
    session->pixel_rate = UINT64_MAX;
    session->wanted.rate = config_rate(config);
    session->wanted.lost = session->encoder.lost = INT64_MAX;
    session->submitter.last_pts = -1;
    session->encoder.packet_pts = session->sent_pts = -1;
    session->newest = epoch_geometry(&smallest);
    pthread_mutex_init(&session->lock, NULL);
    events_note(&session->events, EVENT_OPEN, config->codec, config->max_width, config->max_height);
    return session;
}

int session_prepare_host(struct session *session, char *why)
{
    const struct culvert_config *config = &session->config;
    const size_t pixels = (size_t)picture_coded(config->max_width) * picture_coded(config->max_height);
    int error = check_abilities(session->codec, config, why);
    if (error == 0)
        error = session->codec->admit(config, &session->newest, &session->wanted.rate, why);
    if (error < 0)
        return error;
    session->submitter.scratch = region_create(convert_scratch(pixels));
    const bool reserved = session->submitter.scratch != NULL && staging_init(&session->staging, 4 * (uint64_t)pixels);
    return reserved ? 0 : session_no_memory(session, why);
}

int session_prepare_encoder(struct session *session, char *why)
{
    const struct culvert_config *config = &session->config;
    const bool scales = config->resize == CULVERT_RESIZE_CANVAS ||
                        (config->resize == CULVERT_RESIZE_BESIDE && session->codec->opens_slowly);
    pace_init(&session->encoder.pace);
    budget_init(&session->encoder.budget);
    const int error = session->codec->create(config, &session->stream, why);
    if (error < 0)
        return error;
    session->scaled = scales ? region_create((size_t)session_layout(config, session->codec).slot_bytes) : NULL;
    if (scales && session->scaled == NULL)
        return session_no_memory(session, why);
    if (epoch_init(&session->encoder.epoch, session->codec, config, session->stream, &session->doorbell))
        return 0;
    epoch_finish(&session->encoder.epoch);
    snprintf(why, CODEC_WHY, "the system gave no thread for the encoder: raise its limit on threads");
    return CULVERT_E_SYSTEM;
}

int session_open(const struct culvert_config *config, const struct codec *codec, const struct carrier *carrier,
                 struct session **out, char *why)
{
    const bool inside = carrier == &carrier_inside;
    struct session *session = session_create(config, codec, carrier, inside ? &reporter_inside : NULL);
    if (session == NULL) {
        snprintf(why, CODEC_WHY, "no memory for a session");
        return CULVERT_E_MEMORY;
    }
    int error = session_prepare_host(session, why);
    if (error == 0)
        error = carrier->start(session, why);
    if (error < 0) {
        session_destroy(session);
        return error;
    }
    *out = session;
    return 0;
}

void session_wake(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    session->closing = true;
    session_broadcast(session);
    session_signal(session);
    session->carrier->wake(session);
    pthread_mutex_unlock(&session->lock);
}

/* What the encoder's thread would have closed, had it run. */
static void finish_encoder(struct session *session)
{
    if (session->stream == NULL)
        return;
    epoch_finish(&session->encoder.epoch);
    session->codec->destroy(session->stream);
}

void session_destroy(struct session *session)
{
    if (session == NULL)
        return;
    if (session->carrier != NULL) {
        session_wake(session);
        session->carrier->stop(session);
    }
    finish_encoder(session);
    if (session->signal >= 0)
        close(session->signal);
    packets_finish(session);
    staging_finish(&session->staging);
    region_unref(session->submitter.scratch);
    region_unref(session->scaled);
    region_unref(session->frames);
    doorbell_finish(&session->doorbell);
    pthread_cond_destroy(&session->changed);
    pthread_mutex_destroy(&session->lock);
    free(session);
}

void session_tell(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    session->carrier->state(session);
    pthread_mutex_unlock(&session->lock);
}

int session_goes_on(struct session *session)
{
    if (session->watches)
        return CULVERT_E_UNSUPPORTED;
    if (atomic_load(&session->finishing))
        return CULVERT_E_FINISHED;
    const int end = atomic_load(&session->end);
    return end < 0 ? end : 0;
}

int session_finish(struct session *session)
{
    if (session->watches)
        return CULVERT_E_UNSUPPORTED;
    /* Sequentially consistent, as the submitter's `busy` is: one of the two sees the other, so no frame is published
     * after the encoder's thread has found the queue empty for good. */
    atomic_store(&session->finishing, true);
    session_tell(session);
    return 0;
}

void session_broadcast(struct session *session)
{
    if (session->waiters > 0)
        pthread_cond_broadcast(&session->changed);
}

void session_changed(struct session *session)
{
    session->reporter->changed(session);
}

void session_signal(struct session *session)
{
    if (session->signal < 0)
        return;
    if (packets_waiting(session) > 0 || session->end != 0 || session->failed || session->closing)
        platform_signal(session->signal);
    else
        platform_unsignal(session->signal);
}

bool session_wait(struct session *session, int64_t deadline)
{
    return session->carrier->wait(session, deadline);
}

bool session_sleep(struct session *session, int64_t deadline)
{
    session->waiters++;
    const bool in_time = clock_cond_wait(&session->changed, &session->lock, deadline);
    session->waiters--;
    return in_time;
}

void session_note_error(struct session *session, const char *why)
{
    snprintf(session->error, sizeof session->error, "%s", why);
    session->error_is_new = true;
}

int session_error(struct session *session, int error, const char *why)
{
    pthread_mutex_lock(&session->lock);
    session_note_error(session, why);
    pthread_mutex_unlock(&session->lock);
    return error;
}

void session_params(struct session *session, char text[SESSION_PARAMS])
{
    pthread_mutex_lock(&session->lock);
    session->carrier->listen(session);
    memcpy(text, session->params, sizeof session->params);
    pthread_mutex_unlock(&session->lock);
}

void session_error_text(struct session *session, char text[SESSION_TEXT])
{
    pthread_mutex_lock(&session->lock);
    session->carrier->listen(session);
    memcpy(text, session->error, sizeof session->error);
    pthread_mutex_unlock(&session->lock);
}

int session_descriptor(struct session *session, int *fd)
{
    pthread_mutex_lock(&session->lock);
    const int copy = session->carrier->descriptor(session);
    pthread_mutex_unlock(&session->lock);
    if (copy < 0)
        return session_error(session, CULVERT_E_SYSTEM, "no descriptor is left: close some, or raise RLIMIT_NOFILE");
    *fd = copy;
    return 0;
}
