#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "draw.h"
#include "soak.h"

#define TEXTURE 640
#define INTERVAL_MS 40
#define LIFE_MS 8000 /* of a session that does not last, at most */
#define CHANGES 25   /* of so many frames, one comes with another size, and one with another setting */

struct soak_counts soak_counts;
static uint8_t texture[TEXTURE * TEXTURE * 4];
static atomic_bool resting, over;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char fault[256];

static const struct {
    uint32_t width, height;
} sizes[] = {{320, 240}, {256, 224}, {368, 240}, {512, 240}, {321, 239}, {160, 144}};
#define SIZES (sizeof sizes / sizeof sizes[0])

/* ---- All of them ------------------------------------------------------------------------------------------------- */

void soak_rest(bool rest)
{
    atomic_store(&resting, rest);
}

void soak_end(void)
{
    atomic_store(&over, true);
}

bool soak_is_over(void)
{
    return atomic_load(&over);
}

void soak_blame(const struct soak_stream *stream, const char *what, int64_t detail)
{
    pthread_mutex_lock(&lock);
    if (fault[0] == '\0')
        snprintf(fault, sizeof fault, "%s: %s (%" PRId64 ")", stream->name, what, detail);
    pthread_mutex_unlock(&lock);
    soak_end();
}

const char *soak_fault(void)
{
    return fault;
}

void soak_paint(void)
{
    draw_texture(texture, TEXTURE);
}

/* ---- Frames and settings ----------------------------------------------------------------------------------------- */

static void submit(struct soak_stream *stream, uint32_t size)
{
    const uint32_t number = (uint32_t)(stream->pts / 1000 / INTERVAL_MS);
    const size_t from = ((size_t)(number * 3 % 128) * TEXTURE + number * 5 % 128) * 4;
    stream->pts += INTERVAL_MS * 1000;
    const struct culvert_frame frame = {
        .size = sizeof frame,
        .format = CULVERT_FORMAT_BGRA,
        .width = sizes[size].width,
        .height = sizes[size].height,
        .stride = {TEXTURE * 4},
        .pts = stream->pts,
    };
    const int result = culvert_submit(stream->session, &frame, texture + from, sizeof texture - from);
    if (result < 0 && result != CULVERT_E_AGAIN)
        soak_blame(stream, culvert_strerror(result), stream->pts);
    atomic_fetch_add(&soak_counts.frames, 1);
}

static int set_something(struct soak_stream *stream)
{
    const culvert_session session = stream->session;
    struct culvert_stats stats = {.size = sizeof stats};
    char text[1024];
    switch (draw(&stream->state, 8)) {
    case 0:
    case 1:
        return culvert_set_bitrate(session, 200u << draw(&stream->state, 5), NULL);
    case 2:
        return culvert_set_framerate(session, 20 + draw(&stream->state, 20), 1, NULL);
    case 3:
        return culvert_set_speed(session, 7 + (int32_t)draw(&stream->state, 4), NULL);
    case 4:
        return culvert_request_keyframe(session, NULL);
    case 5:
        return culvert_pause(session, NULL);
    case 6:
        return culvert_error_text(session, text, sizeof text);
    default:
        return culvert_stats(session, &stats);
    }
}

static void change_something(struct soak_stream *stream)
{
    int result = set_something(stream);
    if (result >= 0)
        result = culvert_resume(stream->session, NULL);
    if (result < 0)
        soak_blame(stream, culvert_strerror(result), stream->pts);
}

/* ---- A session's life -------------------------------------------------------------------------------------------- */

static bool open_session(struct soak_stream *stream)
{
    const uint32_t any = draw(&stream->state, 1000);
    char text[256] = "";
    struct culvert_config config = {
        .size = sizeof config,
        .codec = stream->codec,
        .fps_num = 1000 / INTERVAL_MS,
        .fps_den = 1,
        .bitrate_kbps = 1000,
        .policy = stream->lasting ? CULVERT_POLICY_LATEST : any % 3,
        .max_width = 640,
        .max_height = 480,
        .threads = 1 + any % 2,
        .slices = stream->codec == CULVERT_CODEC_H264 ? any / 2 % 4 : 0,
        .references = any / 8 % 2 * 4,
        .layers = stream->codec == CULVERT_CODEC_VP8 || stream->codec == CULVERT_CODEC_VP9 ? 1 + any / 16 % 3 : 0,
        .resize = stream->lasting ? CULVERT_RESIZE_AT_ONCE : any / 32 % 3,
        .warm = stream->lasting ? 1 : 0,
    };
    snprintf(config.name, sizeof config.name, "%s", stream->name);
    snprintf(config.endpoint, sizeof config.endpoint, "%s", stream->endpoint);
    if (culvert_open(&config, &stream->session, text, sizeof text) < 0)
        soak_blame(stream, text, 0);
    atomic_fetch_add(&soak_counts.sessions, 1);
    return text[0] == '\0';
}

static void rest(struct soak_stream *stream)
{
    /* So many that the warm encoders are those of this size, and a packet of it has come. */
    for (int i = 0; i < 10; i++) {
        submit(stream, SIZES - 1);
        sleep_ms(INTERVAL_MS);
    }
    atomic_store(&stream->rests, true);
    while (atomic_load(&resting) && !soak_is_over())
        sleep_ms(5);
    atomic_store(&stream->rests, false);
}

static void play_session(struct soak_stream *stream)
{
    const int64_t until = milliseconds() + 1000 + draw(&stream->state, LIFE_MS - 1000);
    uint32_t size = draw(&stream->state, SIZES);
    for (int64_t next = milliseconds(); !soak_is_over(); next += INTERVAL_MS) {
        if (!stream->lasting && (milliseconds() >= until || atomic_load(&resting)))
            return;
        if (atomic_load(&resting))
            rest(stream);
        if (draw(&stream->state, CHANGES) == 0)
            size = draw(&stream->state, SIZES);
        if (draw(&stream->state, CHANGES) == 0)
            change_something(stream);
        submit(stream, size);
        if (next < milliseconds())
            next = milliseconds();
        sleep_ms((uint32_t)(next + INTERVAL_MS - milliseconds()));
    }
}

static void check_accounts(struct soak_stream *stream)
{
    struct culvert_stats s = {.size = sizeof s};
    if (culvert_stats(stream->session, &s) < 0 || s.submitted != s.settled ||
        s.settled != s.encoded + s.skipped + s.repeated + s.dropped + s.lost + s.failed || s.failed > 0 ||
        s.lost > (uint64_t)s.restarts * 2)
        soak_blame(stream, "a frame is not accounted for", (int64_t)(s.submitted - s.settled));
    atomic_fetch_add(&soak_counts.restarts, (uint32_t)s.restarts);
}

static void *close_it(void *argument)
{
    const culvert_session *const session = argument;
    culvert_close(*session);
    return NULL;
}

/* By its end, or in the middle of things, by two threads at once. */
static void end_session(struct soak_stream *stream, pthread_t viewer)
{
    pthread_t closer;
    if (stream->lasting || draw(&stream->state, 2) == 0) {
        culvert_finish(stream->session);
        pthread_join(viewer, NULL);
        check_accounts(stream);
        culvert_close(stream->session);
    } else {
        const bool beside = pthread_create(&closer, NULL, close_it, &stream->session) == 0;
        culvert_close(stream->session);
        if (beside)
            pthread_join(closer, NULL);
        pthread_join(viewer, NULL);
    }
}

void *soak_play(void *argument)
{
    struct soak_stream *const stream = argument;
    pthread_t viewer;
    while (!soak_is_over()) {
        if (atomic_load(&resting)) {
            atomic_store(&stream->rests, true);
            sleep_ms(5);
            continue;
        }
        atomic_store(&stream->rests, false);
        if (!open_session(stream))
            break;
        if (pthread_create(&viewer, NULL, soak_view, stream) != 0) {
            soak_blame(stream, "the system has no thread left", 0);
            break;
        }
        play_session(stream);
        end_session(stream, viewer);
    }
    return NULL;
}
