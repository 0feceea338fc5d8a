#include "trial_codec.h"

#include <check.h>
#include <libavutil/adler32.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame/convert.h"
#include "stream.h"

#define RECORDS 1000
#define UNIT_BOUND 16384 /* as large as a small picture's, so that the outbox holds many */

struct codec_stream {
    uint32_t opened;
};

struct codec_encoder {
    uint32_t number, counter;
    struct codec_geometry geometry;
    struct codec_rate rate, opened;
    struct codec_unit held[TRIAL_DELAY_MOST + 1]; /* the oldest first */
    struct trial_unit units[TRIAL_DELAY_MOST + 1];
    uint32_t holds;
};

/* Calls that are to fail, or pictures that are to be dropped. */
struct countdown {
    uint32_t after, count, done;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all of trial */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct {
    uint32_t delay;
    struct countdown fail[TRIAL_CALLS], drop;
    enum trial_honesty honesty;
    bool holding, held;
    uint32_t order, counts[TRIAL_CALLS];
    struct trial_record records[TRIAL_CALLS][RECORDS];
} trial;

/* ---- Switches and record ---------------------------------------------------------------------------------------- */

static bool strikes(struct countdown *countdown)
{
    if (countdown->count == 0)
        return false;
    if (countdown->after > 0) {
        countdown->after--;
        return false;
    }
    countdown->count--;
    countdown->done++;
    return true;
}

/* Records the call; whether it is to fail. */
static bool record(enum trial_call call, const struct codec_encoder *encoder, const struct codec_rate *rate, bool key,
                   uint32_t checksum)
{
    pthread_mutex_lock(&lock);
    const uint32_t index = trial.counts[call]++;
    if (index < RECORDS)
        trial.records[call][index] = (struct trial_record){trial.order, encoder->number, encoder->geometry, *rate,
                                                           key,         checksum};
    trial.order++;
    const bool fails = strikes(&trial.fail[call]);
    pthread_mutex_unlock(&lock);
    return fails;
}

static void pass_gate(void)
{
    pthread_mutex_lock(&lock);
    while (trial.holding) {
        trial.held = true;
        pthread_cond_broadcast(&changed);
        pthread_cond_wait(&changed, &lock);
    }
    trial.held = false;
    pthread_mutex_unlock(&lock);
}

static bool is_dropped(void)
{
    pthread_mutex_lock(&lock);
    const bool drops = strikes(&trial.drop);
    pthread_mutex_unlock(&lock);
    return drops;
}

static enum trial_honesty honesty(void)
{
    pthread_mutex_lock(&lock);
    const enum trial_honesty present = trial.honesty;
    pthread_mutex_unlock(&lock);
    return present;
}

static void hold(bool holding)
{
    pthread_mutex_lock(&lock);
    trial.holding = holding;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void trial_hold(void)
{
    hold(true);
}

void trial_let_go(void)
{
    hold(false);
}

void trial_await_held(void)
{
    pthread_mutex_lock(&lock);
    while (!trial.held)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void arrange(struct countdown *countdown, uint32_t after, uint32_t count)
{
    pthread_mutex_lock(&lock);
    countdown->after = after;
    countdown->count = count;
    pthread_mutex_unlock(&lock);
}

void trial_fail(enum trial_call call, uint32_t after, uint32_t count)
{
    arrange(&trial.fail[call], after, count);
}

void trial_drop(uint32_t after, uint32_t count)
{
    arrange(&trial.drop, after, count);
}

void trial_lie(enum trial_honesty present)
{
    pthread_mutex_lock(&lock);
    trial.honesty = present;
    pthread_mutex_unlock(&lock);
}

static uint32_t read_word(const uint32_t *word)
{
    pthread_mutex_lock(&lock);
    const uint32_t value = *word;
    pthread_mutex_unlock(&lock);
    return value;
}

uint32_t trial_dropped(void)
{
    return read_word(&trial.drop.done);
}

uint32_t trial_failed(enum trial_call call)
{
    return read_word(&trial.fail[call].done);
}

uint32_t trial_count(enum trial_call call)
{
    return read_word(&trial.counts[call]);
}

struct trial_record trial_recorded(enum trial_call call, uint32_t index)
{
    pthread_mutex_lock(&lock);
    const bool kept = index < trial.counts[call] && index < RECORDS;
    const struct trial_record found = trial.records[call][kept ? index : 0];
    pthread_mutex_unlock(&lock);
    ck_assert_msg(kept, "call %u of kind %u was not recorded", index, (unsigned)call);
    return found;
}

/* ---- The codec -------------------------------------------------------------------------------------------------- */

static void trial_version(char *text, size_t size)
{
    snprintf(text, size, "trial codec");
}

static int trial_create(const struct culvert_config *config, struct codec_stream **stream, char *why)
{
    (void)config, (void)why;
    *stream = calloc(1, sizeof **stream);
    return *stream == NULL ? CULVERT_E_MEMORY : 0;
}

static void trial_destroy(struct codec_stream *stream)
{
    free(stream);
}

static int trial_admit(const struct culvert_config *config, const struct codec_geometry *geometry,
                       const struct codec_rate *rate, char *why)
{
    (void)config;
    if (geometry->width <= TRIAL_WIDTH_MOST && rate->bitrate_kbps <= TRIAL_KBPS_MOST)
        return 0;
    snprintf(why, CODEC_WHY, "width %u at bitrate_kbps %u is above the trial codec's level", geometry->width,
             rate->bitrate_kbps);
    return CULVERT_E_LEVEL;
}

static bool trial_outgrows(const struct culvert_config *config, const struct codec_geometry *geometry,
                           const struct codec_rate *opened, const struct codec_rate *wanted)
{
    (void)config, (void)geometry;
    return wanted->bitrate_kbps > TRIAL_HEADROOM * opened->bitrate_kbps;
}

static size_t trial_bound(const struct codec_geometry *geometry)
{
    (void)geometry;
    return UNIT_BOUND;
}

static int trial_open(struct codec_stream *stream, const struct codec_geometry *geometry, const struct codec_rate *rate,
                      struct codec_encoder **encoder, char *why)
{
    struct codec_encoder *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return CULVERT_E_MEMORY;
    *opened = (struct codec_encoder){.number = ++stream->opened, .geometry = *geometry, .rate = *rate, .opened = *rate};
    if (record(TRIAL_OPEN, opened, rate, false, 0)) {
        snprintf(why, CODEC_WHY, "the trial codec was told not to open");
        free(opened);
        return CULVERT_E_CODEC;
    }
    if (honesty() == TRIAL_ALWAYS_LIES)
        opened->rate.bitrate_kbps++;
    *encoder = opened;
    return 0;
}

static void trial_close(struct codec_encoder *encoder)
{
    record(TRIAL_CLOSE, encoder, &encoder->rate, false, 0);
    free(encoder);
}

static enum codec_change trial_reconfigure(struct codec_encoder *encoder, const struct codec_rate *rate)
{
    record(TRIAL_RECONFIGURE, encoder, rate, false, 0);
    if (trial_outgrows(NULL, NULL, &encoder->opened, rate))
        return CODEC_REOPENS;
    if (honesty() == TRIAL_HONEST)
        encoder->rate = *rate;
    return CODEC_LIVE;
}

static bool trial_obeys(struct codec_encoder *encoder, const struct codec_rate *rate)
{
    return memcmp(&encoder->rate, rate, sizeof *rate) == 0;
}

static uint32_t add_plane(uint32_t checksum, const uint8_t *row, uint32_t stride, uint32_t width, uint32_t height)
{
    for (uint32_t y = 0; y < height; y++, row += stride)
        checksum = av_adler32_update(checksum, row, width);
    return checksum;
}

static uint32_t checksum_of(const uint8_t *const plane[3], const uint32_t stride[3], uint32_t width, uint32_t height)
{
    uint32_t checksum = add_plane(1, plane[0], stride[0], width, height);
    checksum = add_plane(checksum, plane[1], stride[1], width / 2, height / 2);
    return add_plane(checksum, plane[2], stride[2], width / 2, height / 2);
}

static void push(struct codec_encoder *encoder, const struct codec_picture *picture, uint32_t checksum)
{
    const bool key = picture->key || encoder->counter == 0;
    const uint32_t place = encoder->holds++;
    if (is_dropped()) {
        encoder->held[place] = (struct codec_unit){0};
        return;
    }
    encoder->held[place] = (struct codec_unit){.bytes = sizeof(struct trial_unit), .key = key, .tag = picture->tag};
    encoder->units[place] = (struct trial_unit){.encoder = encoder->number,
                                                .counter = encoder->counter++,
                                                .width = encoder->geometry.width,
                                                .height = encoder->geometry.height,
                                                .key = key,
                                                .checksum = checksum};
}

static void pop(struct codec_encoder *encoder, uint8_t *buffer, struct codec_unit *unit)
{
    memcpy(buffer, &encoder->units[0], sizeof encoder->units[0]);
    *unit = encoder->held[0];
    encoder->holds--;
    memmove(encoder->held, encoder->held + 1, encoder->holds * sizeof encoder->held[0]);
    memmove(encoder->units, encoder->units + 1, encoder->holds * sizeof encoder->units[0]);
}

/* Whether it is to fail. */
static bool take_picture(struct codec_encoder *encoder, const struct codec_picture *picture)
{
    const uint32_t checksum = checksum_of(picture->plane, picture->stride, encoder->geometry.width,
                                          encoder->geometry.height);
    const bool fails = record(TRIAL_ENCODE, encoder, &encoder->rate, picture->key, checksum);
    pass_gate();
    if (!fails)
        push(encoder, picture, checksum);
    return fails;
}

static int trial_encode(struct codec_encoder *encoder, const struct codec_picture *picture, uint8_t *buffer,
                        size_t capacity, struct codec_unit *unit, char *why)
{
    *unit = (struct codec_unit){0};
    const bool fails = picture == NULL ? record(TRIAL_FLUSH, encoder, &encoder->rate, false, 0)
                                       : take_picture(encoder, picture);
    if (fails || capacity < UNIT_BOUND) {
        snprintf(why, CODEC_WHY, "the trial codec was told to fail");
        return CULVERT_E_CODEC;
    }
    if (encoder->holds > (picture == NULL ? 0 : trial.delay))
        pop(encoder, buffer, unit);
    /* A flush that yields nothing is the last one. */
    while (picture == NULL && unit->bytes == 0 && encoder->holds > 0)
        pop(encoder, buffer, unit);
    return 0;
}

static void trial_describe(struct codec_encoder *encoder, char *text, size_t size)
{
    snprintf(text, size, "encoder=%u bitrate=%u fps=%u/%u", encoder->number, encoder->rate.bitrate_kbps,
             encoder->rate.fps_num, encoder->rate.fps_den);
}

struct codec trial_codec(uint32_t delay, enum codec_change bitrate, enum codec_change framerate)
{
    pthread_mutex_lock(&lock);
    memset(&trial, 0, sizeof trial);
    trial.delay = delay;
    pthread_mutex_unlock(&lock);
    return (struct codec){
        .id = 900,
        .name = "trial",
        .delay = delay,
        .change = {[CODEC_BITRATE] = bitrate, [CODEC_FRAMERATE] = framerate},
        .version = trial_version,
        .create = trial_create,
        .destroy = trial_destroy,
        .admit = trial_admit,
        .outgrows = trial_outgrows,
        .bound = trial_bound,
        .open = trial_open,
        .close = trial_close,
        .reconfigure = trial_reconfigure,
        .obeys = trial_obeys,
        .encode = trial_encode,
        .describe = trial_describe,
    };
}

/* ---- What tests compare with ------------------------------------------------------------------------------------ */

struct trial_unit trial_parse(const uint8_t *data, size_t bytes)
{
    struct trial_unit unit;
    ck_assert_uint_eq(bytes, sizeof unit);
    memcpy(&unit, data, sizeof unit);
    return unit;
}

uint32_t trial_checksum(uint32_t width, uint32_t height, uint32_t seed)
{
    const uint32_t coded_width = (width + 1) & ~1u, coded_height = (height + 1) & ~1u;
    const struct culvert_frame frame = stream_frame(width, height, 0);
    const struct format *format = format_find(frame.format);
    struct layout layout;
    format_tight(format, width, height, &layout);
    const size_t room = (picture_bytes(coded_width, coded_height) + 63) & ~(size_t)63;
    uint8_t *pixels = stream_pixels(width, height, seed), *memory = aligned_alloc(PICTURE_ALIGNMENT, room);
    uint8_t *scratch = aligned_alloc(PICTURE_ALIGNMENT,
                                     (convert_scratch((size_t)coded_width * coded_height) + 63) & ~63ul);
    const struct picture picture = picture_over(memory, coded_width, coded_height);
    convert(&frame, format, &layout, pixels, 1, scratch, &picture);
    const uint8_t *const planes[3] = {picture.plane[0], picture.plane[1], picture.plane[2]};
    const uint32_t checksum = checksum_of(planes, picture.stride, coded_width, coded_height);
    free(pixels);
    free(memory);
    free(scratch);
    return checksum;
}
