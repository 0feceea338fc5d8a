/* Want of memory and of the system's help, at each allocation and system call of culvert's own in turn, once and from
 * there on: always an error, never a crash, nothing that stays behind, and frames that are accounted for. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "apart.h"
#include "config.h"
#include "culvert/culvert.h"
#include "instrument.h"
#include "own_daemon.h"
#include "run.h"
#include "want.h"

#define SIDE 64
#define PLACES_MOST 20000
#define PATIENCE_MS 20000
#define MUTE_MS 20
#define WHY 256

/* What a session's life came to. Nothing here allocates, for that could fail as well. */
struct life {
    const char *wrong; /* NULL: nothing */
    int opened;        /* culvert_open's result */
    char why[WHY];
    uint32_t refused; /* frames */
    struct want_held left;
    uint32_t descriptors; /* that are open afterwards */
};

static uint8_t pixels[SIDE * SIDE * 4], unit[1 << 20];

static void blame(struct life *life, bool holds, const char *what)
{
    if (!holds && life->wrong == NULL)
        life->wrong = what;
}

/* ---- A life ------------------------------------------------------------------------------------------------------ */

static bool is_want(int result)
{
    return result == CULVERT_E_MEMORY || result == CULVERT_E_SYSTEM || result == CULVERT_E_CODEC ||
           result == CULVERT_E_GONE || result == CULVERT_E_CRASHED;
}

static struct culvert_frame frame_of(uint32_t width, uint32_t height, int64_t pts)
{
    return (struct culvert_frame){.size = sizeof(struct culvert_frame),
                                  .format = CULVERT_FORMAT_BGRA,
                                  .width = width,
                                  .height = height,
                                  .pts = pts};
}

/* A size that grows, shrinks and comes again. */
static void encode(struct life *life, culvert_session session, bool mute)
{
    static const uint32_t sides[] = {32, 48, 64, 32, 64};
    struct culvert_packet packet = {.size = sizeof packet};
    size_t bytes;
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        const struct culvert_frame frame = frame_of(sides[i], 48, (int64_t)(i + 1) * 16667);
        pixels[i * 8] ^= 0x55;
        const int result = culvert_encode(session, &frame, pixels, sizeof pixels, unit, sizeof unit, &bytes, &packet,
                                          mute ? MUTE_MS : PATIENCE_MS);
        const bool came = result == 0 || result == CULVERT_EARLIER || result == CULVERT_SKIPPED ||
                          (mute && (result == CULVERT_E_TIMEOUT || result == CULVERT_E_AGAIN));
        blame(life, came || is_want(result), "a frame came to something else");
        life->refused += !came;
    }
}

static void lend(struct life *life, culvert_session session)
{
    const struct culvert_frame frame = frame_of(SIDE, SIDE, 1000000);
    struct culvert_packet packet = {.size = sizeof packet};
    culvert_loan lease, peek;
    void *staging;
    const void *data;
    size_t bytes;
    int result = culvert_lease(session, CULVERT_FORMAT_BGRA, SIDE, SIDE, &lease, &staging, &bytes);
    blame(life, result == 0 || is_want(result), "a lease came to something else");
    if (result == 0) {
        memset(staging, 0x77, bytes);
        result = culvert_commit(lease, &frame);
        blame(life, result == 0 || result == CULVERT_E_AGAIN || is_want(result), "a commit came to something else");
        if (result != 0)
            culvert_abandon(lease);
    }
    result = culvert_peek(session, &peek, &data, &bytes, &packet, 100);
    blame(life, result == 0 || result == CULVERT_E_AGAIN || is_want(result), "a peek came to something else");
    if (result == 0)
        blame(life, culvert_release(peek) == 0, "a packet could not be given back");
}

static void control(struct life *life, culvert_session session)
{
    char text[512];
    size_t needed;
    int fd;
    int result = culvert_set_bitrate(session, 1234, NULL);
    blame(life, result >= 0 || is_want(result), "a control call came to something else");
    culvert_params(session, text, sizeof text, &needed);
    result = culvert_fd(session, &fd);
    blame(life, result == 0 || is_want(result), "a descriptor came to something else");
    if (result == 0)
        close(fd);
}

/* Where nothing can be said to culvertd any more, the end does not come, and what became of frames is not known. */
static void end(struct life *life, culvert_session session, bool mute)
{
    struct culvert_packet packet = {.size = sizeof packet};
    struct culvert_stats stats = {.size = sizeof stats};
    size_t bytes;
    int result;
    blame(life, culvert_finish(session) == 0, "it cannot be finished");
    do
        result = culvert_receive(session, unit, sizeof unit, &bytes, &packet, mute ? MUTE_MS : PATIENCE_MS);
    while (result == 0 || result == CULVERT_E_CODEC);
    mute = mute && result == CULVERT_E_AGAIN;
    blame(life, result == CULVERT_EOS || is_want(result) || mute, "the stream does not end");
    blame(life, culvert_stats(session, &stats) == 0 && (stats.settled == stats.submitted || mute),
          "a frame is not accounted for");
    blame(life, culvert_close(session) == 0, "it cannot be closed");
}

static void live(struct life *life, const struct culvert_config *config, uint32_t at, bool for_good, bool *reached)
{
    culvert_session session = 0;
    *life = (struct life){0};
    const struct want_held before = want_held();
    want_begin(at, for_good);
    life->opened = culvert_open(config, &session, life->why, WHY);
    if (life->opened == 0) {
        encode(life, session, apart() && for_good);
        lend(life, session);
        control(life, session);
        end(life, session, apart() && for_good);
    }
    *reached = want_end();
    const struct want_held after = want_held();
    life->left = (struct want_held){after.blocks - before.blocks, after.mappings - before.mappings};
    life->descriptors = process_descriptors(getpid());
}

/* ---- Each place in turn ------------------------------------------------------------------------------------------ */

static void expect_well(const struct life *life, uint32_t at, uint32_t descriptors)
{
    ck_assert_msg(life->wrong == NULL, "at %u: %s", at, life->wrong);
    ck_assert_msg(life->opened == 0 || life->opened == CULVERT_E_MEMORY || life->opened == CULVERT_E_SYSTEM ||
                      (apart() && life->opened == CULVERT_E_GONE),
                  "at %u: open says %s", at, culvert_error_name(life->opened));
    ck_assert_msg((life->opened == 0) == (life->why[0] == '\0'), "at %u: open says '%s'", at, life->why);
    ck_assert_msg(life->left.blocks == 0, "at %u: %ld blocks are left", at, (long)life->left.blocks);
    ck_assert_msg(life->left.mappings == 0, "at %u: %ld mappings are left", at, (long)life->left.mappings);
    ck_assert_msg(life->descriptors == descriptors, "at %u: %u descriptors are left", at,
                  life->descriptors - descriptors);
}

static const struct {
    uint32_t codec;
    uint32_t resize, policy;
    bool for_good;
} wants[] = {
    {CULVERT_CODEC_NULL, CULVERT_RESIZE_BESIDE, CULVERT_POLICY_LATEST, false},
    {CULVERT_CODEC_NULL, CULVERT_RESIZE_BESIDE, CULVERT_POLICY_BLOCK, true},
    {CULVERT_CODEC_NULL, CULVERT_RESIZE_CANVAS, CULVERT_POLICY_REJECT, false},
    {CULVERT_CODEC_H264, CULVERT_RESIZE_BESIDE, CULVERT_POLICY_LATEST, false},
    {CULVERT_CODEC_H264, CULVERT_RESIZE_BESIDE, CULVERT_POLICY_BLOCK, true},
    {CULVERT_CODEC_VP8, CULVERT_RESIZE_BESIDE, CULVERT_POLICY_LATEST, false},
    {CULVERT_CODEC_VP8, CULVERT_RESIZE_AT_ONCE, CULVERT_POLICY_LATEST, true},
    {CULVERT_CODEC_VP9, CULVERT_RESIZE_BESIDE, CULVERT_POLICY_LATEST, false},
};

static struct culvert_config config_of(int row)
{
    struct culvert_config config = {
        .size = sizeof config,
        .codec = wants[row].codec,
        .fps_num = 60,
        .fps_den = 1,
        .bitrate_kbps = 1000,
        .threads = 1,
        .slices = wants[row].codec == CULVERT_CODEC_H264 ? 2 : 0,
        .max_width = SIDE,
        .max_height = SIDE,
        .policy = wants[row].policy,
        .resize = wants[row].resize,
        .refresh_ms = CULVERT_NEVER,
        .floor = CULVERT_FLOOR_OVERSHOOT,
    };
    snprintf(config.endpoint, sizeof config.endpoint, "%s", apart_endpoint());
    return config;
}

START_TEST(whatever_is_wanting_a_session_or_its_failure_is_as_documented_and_nothing_is_left)
{
    if (!culvert_has_codec(wants[_i].codec))
        return;
    const struct culvert_config config = config_of(_i);
    struct life life;
    bool reached;
    /* What is kept for the process's life is there from the first time on. */
    live(&life, &config, UINT32_MAX, false, &reached);
    ck_assert_msg(life.opened == 0 && life.refused == 0, "%s", life.why);
    const uint32_t descriptors = life.descriptors;
    uint32_t at = 0, failures = 0;
    do {
        live(&life, &config, at, wants[_i].for_good, &reached);
        expect_well(&life, at, descriptors);
        failures += life.opened != 0 || life.refused > 0;
    } while (reached && ++at < PLACES_MOST);
    printf("# %u places, at %u of them an error\n", at, failures);
    ck_assert_uint_gt(at, 5);
    ck_assert_uint_gt(failures, 3);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("want");
    add_rows(add_case(suite, "want"), whatever_is_wanting_a_session_or_its_failure_is_as_documented_and_nothing_is_left,
             wants);
    return suite;
}
