#include "session/control.h"

#include <inttypes.h>
#include <libavutil/common.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "session/config.h"
#include "session/session.h"

/* With the lock held: gives the call its number and wakes the encoder's thread. */
static int accept(struct session *session, int result, uint32_t *number)
{
    session->wanted.number++;
    if (number != NULL)
        *number = session->wanted.number;
    session->carrier->state(session);
    return result;
}

static const char *const setting_names[CODEC_SETTINGS] = {
    [CODEC_BITRATE] = "bitrate_kbps",
    [CODEC_FRAMERATE] = "frame rate",
    [CODEC_SPEED] = "speed",
};

/* A daemon grants so many pixels a second. */
static int check_grant(const struct session *session, const struct codec_rate *rate, char *why)
{
    const uint64_t pixels = (uint64_t)session->config.max_width * session->config.max_height;
    if (pixels * rate->fps_num / rate->fps_den <= session->pixel_rate)
        return 0;
    snprintf(why, CODEC_WHY,
             "%" PRIu32 "/%" PRIu32
             " frames per second are more than culvertd has granted for the largest "
             "size: open the session with this rate, or with a smaller max_width and max_height",
             rate->fps_num, rate->fps_den);
    return CULVERT_E_LIMIT;
}

/* With the lock held: what a change to this rate will do, by the codec's table and the present epoch. */
static int foresee(const struct session *session, enum codec_setting setting, const struct codec_rate *rate, char *why)
{
    const struct codec *codec = session->codec;
    if (codec->change[setting] == CODEC_REFUSED) {
        snprintf(why, CODEC_WHY, "%s: this codec cannot change it while a session runs: open another session",
                 setting_names[setting]);
        return CULVERT_E_UNSUPPORTED;
    }
    int error = codec->admit(&session->config, &session->newest, rate, why);
    if (error == 0)
        error = check_grant(session, rate, why);
    if (error < 0)
        return error;
    const bool reopens = session->opened.bitrate_kbps != 0 &&
                         epoch_outgrown(codec, &session->config, &session->geometry, &session->opened, rate);
    return reopens ? CULVERT_REOPENS : 0;
}

static void change_rate(struct codec_rate *rate, enum codec_setting setting, const struct codec_rate *change)
{
    switch (setting) {
    case CODEC_BITRATE:
        rate->bitrate_kbps = change->bitrate_kbps;
        break;
    case CODEC_FRAMERATE:
        rate->fps_num = change->fps_num;
        rate->fps_den = change->fps_den;
        break;
    default:
        rate->speed = change->speed;
    }
}

static int set_rate(struct session *session, enum codec_setting setting, const struct codec_rate *change,
                    uint32_t *number)
{
    char why[CODEC_WHY];
    pthread_mutex_lock(&session->lock);
    session->carrier->listen(session);
    struct codec_rate rate = session->wanted.rate;
    change_rate(&rate, setting, change);
    int result = foresee(session, setting, &rate, why);
    if (result >= 0) {
        session->wanted.rate = rate;
        atomic_fetch_add_explicit(&session->rate_changes, 1, memory_order_relaxed);
        result = accept(session, result, number);
    }
    pthread_mutex_unlock(&session->lock);
    return result < 0 ? session_error(session, result, why) : result;
}

int control_bitrate(struct session *session, uint32_t bitrate_kbps, uint32_t *number)
{
    char why[CODEC_WHY];
    int error = session_goes_on(session);
    if (error < 0)
        return error;
    error = config_check_bitrate(bitrate_kbps, why);
    if (error < 0)
        return session_error(session, error, why);
    return set_rate(session, CODEC_BITRATE, &(struct codec_rate){.bitrate_kbps = bitrate_kbps}, number);
}

int control_framerate(struct session *session, uint32_t num, uint32_t den, uint32_t *number)
{
    char why[CODEC_WHY];
    int error = session_goes_on(session);
    if (error < 0)
        return error;
    error = config_check_framerate(num, den, why);
    if (error < 0)
        return session_error(session, error, why);
    return set_rate(session, CODEC_FRAMERATE, &(struct codec_rate){.fps_num = num, .fps_den = den}, number);
}

int control_speed(struct session *session, int32_t speed, uint32_t *number)
{
    char why[CODEC_WHY];
    int error = session_goes_on(session);
    if (error < 0)
        return error;
    error = config_check_speed(speed, why);
    if (error < 0)
        return session_error(session, error, why);
    return set_rate(session, CODEC_SPEED, &(struct codec_rate){.speed = config_speed(speed)}, number);
}

int control_loss(struct session *session, int64_t pts, uint32_t *number)
{
    const int error = session_goes_on(session);
    if (error < 0)
        return error;
    pthread_mutex_lock(&session->lock);
    session->wanted.losses++;
    /* What was not sent yet cannot be lost. */
    if (session->sent_pts >= 0 && pts <= session->sent_pts)
        session->wanted.lost = FFMIN(session->wanted.lost, FFMAX(pts, 0));
    session->wanted.asked_at = clock_now();
    const int result = accept(session, 0, number);
    pthread_mutex_unlock(&session->lock);
    return result;
}

int control_keyframe(struct session *session, uint32_t *number)
{
    const int error = session_goes_on(session);
    if (error < 0)
        return error;
    pthread_mutex_lock(&session->lock);
    session->wanted.keys++;
    session->wanted.asked_at = clock_now();
    const int result = accept(session, 0, number);
    pthread_mutex_unlock(&session->lock);
    return result;
}

int control_pause(struct session *session, bool paused, uint32_t *number)
{
    const int error = session_goes_on(session);
    if (error < 0)
        return error;
    pthread_mutex_lock(&session->lock);
    if (session->wanted.paused && !paused) {
        session->wanted.resumes++;
        session->wanted.asked_at = clock_now();
    }
    session->wanted.paused = paused;
    const int result = accept(session, 0, number);
    pthread_mutex_unlock(&session->lock);
    return result;
}
