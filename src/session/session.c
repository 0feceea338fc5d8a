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

/* NULL when it is more than the address space holds. */
static struct region *reserve(uint64_t bytes)
{
    return bytes <= SIZE_MAX / 2 ? region_create((size_t)bytes) : NULL;
}

static bool reserve_memory(struct session *session)
{
    const struct culvert_config *config = &session->config;
    const bool latest = config->policy == CULVERT_POLICY_LATEST;
    const uint32_t slots = latest ? QUEUE_SLOTS_LATEST : config->slots;
    const uint32_t width = picture_coded(config->max_width), height = picture_coded(config->max_height);
    const struct codec_geometry largest = {.width = width, .height = height, .sar_num = 1, .sar_den = 1};
    /* A picture may lie on its side, and strides are rounded up: room for both. */
    const size_t slot = FFMAX(picture_bytes(width, height), picture_bytes(height, width));
    const size_t pixels = (size_t)width * height;
    const bool scales = config->resize == CULVERT_RESIZE_CANVAS ||
                        (config->resize == CULVERT_RESIZE_BESIDE && session->codec->opens_slowly);

    session->frames = reserve(queue_bytes(slots, slot));
    session->submitter.scratch = reserve(convert_scratch(pixels));
    session->scaled = scales ? reserve(slot) : NULL;
    if (session->frames == NULL || session->submitter.scratch == NULL || (scales && session->scaled == NULL) ||
        !outbox_init(&session->outbox, session->codec->bound(&largest), FFMAX(config->slices, 1)) ||
        !staging_init(&session->staging, 4 * (uint64_t)pixels))
        return false;
    queue_init(session->frames->base, latest, slots, slot, &session->submitter.writer, &session->encoder.reader);
    return true;
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

static bool start_threads(struct session *session)
{
    struct epoch *epoch = &session->encoder.epoch;
    session->running = epoch_init(epoch, session->codec, &session->config, session->stream, &session->doorbell) &&
                       platform_start_thread(&session->thread, encoder_run, session);
    if (!session->running)
        epoch_finish(epoch);
    return session->running;
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

int session_open(const struct culvert_config *config, const struct codec *codec, struct session **out, char *why)
{
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL || !clock_cond_init(&session->changed)) {
        free(session);
        snprintf(why, CODEC_WHY, "no memory for a session");
        return CULVERT_E_MEMORY;
    }
    session->config = *config;
    session->codec = codec;
    session->signal = -1;
    session->wanted.rate = config_rate(config);
    session->submitter.last_pts = -1;
    session->encoder.packet_pts = session->sent_pts = -1;
    session->encoder.lost = session->wanted.lost = INT64_MAX;
    pace_init(&session->encoder.pace);
    budget_init(&session->encoder.budget);
    session->newest = epoch_geometry(&smallest);
    pthread_mutex_init(&session->lock, NULL);
    sem_init(&session->doorbell, 0, 0);

    int error = check_abilities(codec, config, why);
    if (error == 0)
        error = codec->create(&session->config, &session->stream, why);
    if (error == 0)
        error = codec->admit(&session->config, &session->newest, &session->wanted.rate, why);
    if (error == 0 && !reserve_memory(session)) {
        snprintf(why, CODEC_WHY,
                 "no memory for frames of up to %" PRIu32 "x%" PRIu32 ": lower max_width and max_height",
                 config->max_width, config->max_height);
        error = CULVERT_E_MEMORY;
    }
    if (error == 0 && !start_threads(session)) {
        snprintf(why, CODEC_WHY, "the system gave no thread for the encoder: raise its limit on threads");
        error = CULVERT_E_SYSTEM;
    }
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
    session_changed(session);
    session_signal(session);
    pthread_mutex_unlock(&session->lock);
    sem_post(&session->doorbell);
}

void session_destroy(struct session *session)
{
    if (session == NULL)
        return;
    if (session->running) {
        session_wake(session);
        pthread_join(session->thread, NULL);
    }
    if (session->stream != NULL)
        session->codec->destroy(session->stream);
    if (session->signal >= 0)
        close(session->signal);
    staging_finish(&session->staging);
    outbox_finish(&session->outbox);
    region_unref(session->submitter.scratch);
    region_unref(session->scaled);
    region_unref(session->frames);
    sem_destroy(&session->doorbell);
    pthread_cond_destroy(&session->changed);
    pthread_mutex_destroy(&session->lock);
    free(session);
}

int session_finish(struct session *session)
{
    /* Sequentially consistent, as the submitter's `busy` is: one of the two sees the other, so no frame is published
     * after the encoder's thread has found the queue empty for good. */
    atomic_store(&session->finishing, true);
    sem_post(&session->doorbell);
    return 0;
}

void session_changed(struct session *session)
{
    if (session->waiters > 0)
        pthread_cond_broadcast(&session->changed);
}

void session_signal(struct session *session)
{
    if (session->signal < 0)
        return;
    if (outbox_waiting(&session->outbox) > 0 || session->ended || session->failed || session->closing)
        platform_signal(session->signal);
    else
        platform_unsignal(session->signal);
}

bool session_wait(struct session *session, int64_t deadline)
{
    session->waiters++;
    const bool in_time = clock_cond_wait(&session->changed, &session->lock, deadline);
    session->waiters--;
    return in_time;
}

int session_error(struct session *session, int error, const char *why)
{
    pthread_mutex_lock(&session->lock);
    snprintf(session->error, sizeof session->error, "%s", why);
    pthread_mutex_unlock(&session->lock);
    return error;
}

void session_params(struct session *session, char text[SESSION_PARAMS])
{
    pthread_mutex_lock(&session->lock);
    memcpy(text, session->params, sizeof session->params);
    pthread_mutex_unlock(&session->lock);
}

void session_error_text(struct session *session, char text[SESSION_TEXT])
{
    pthread_mutex_lock(&session->lock);
    memcpy(text, session->error, sizeof session->error);
    pthread_mutex_unlock(&session->lock);
}

int session_descriptor(struct session *session, int *fd)
{
    pthread_mutex_lock(&session->lock);
    if (session->signal < 0) {
        session->signal = platform_signal_create();
        session_signal(session);
    }
    const int copy = session->signal < 0 ? session->signal : platform_signal_duplicate(session->signal);
    pthread_mutex_unlock(&session->lock);
    if (copy < 0)
        return session_error(session, CULVERT_E_SYSTEM, "no descriptor is left: close some, or raise RLIMIT_NOFILE");
    *fd = copy;
    return 0;
}
