/* The submit path of a steady stream: no allocation, no lock, at most one system call. */
#include <string.h>
#include <time.h>

#include "apart.h"
#include "config.h"
#include "run.h"
#include "stream.h"
#include "toll.h"

enum { WIDTH = 320, HEIGHT = 240, WARM_UP = 20, FRAMES = 100 };

static const struct row {
    const char *name;
    uint32_t codec, policy, format, rotation, slots;
} rows[] = {
    {"LATEST, BGRA", CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST, CULVERT_FORMAT_BGRA, 0, 0},
    {"BLOCK, BGRA", CULVERT_CODEC_NULL, CULVERT_POLICY_BLOCK, CULVERT_FORMAT_BGRA, 0, 16},
    {"REJECT, BGRA", CULVERT_CODEC_NULL, CULVERT_POLICY_REJECT, CULVERT_FORMAT_BGRA, 0, 16},
    {"RGBA", CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST, CULVERT_FORMAT_RGBA, 0, 0},
    {"RGB565", CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST, CULVERT_FORMAT_RGB565, 0, 0},
    {"0RGB1555", CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST, CULVERT_FORMAT_0RGB1555, 0, 0},
    {"I420", CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST, CULVERT_FORMAT_I420, 0, 0},
    {"NV12", CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST, CULVERT_FORMAT_NV12, 0, 0},
    {"BGRA, turned", CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST, CULVERT_FORMAT_BGRA, 90, 0},
#if HAVE_X264
    {"H.264", CULVERT_CODEC_H264, CULVERT_POLICY_LATEST, CULVERT_FORMAT_XRGB8888, 0, 0},
#endif
#if HAVE_VPX
    {"VP8", CULVERT_CODEC_VP8, CULVERT_POLICY_LATEST, CULVERT_FORMAT_XRGB8888, 0, 0},
#endif
};

static uint8_t pixels[WIDTH * HEIGHT * 4];

static int submit(culvert_session session, const struct row *row, uint32_t number)
{
    const struct culvert_frame frame = {
        .size = sizeof frame,
        .format = row->format,
        .width = WIDTH,
        .height = HEIGHT,
        .rotation = row->rotation,
        .pts = (int64_t)number * 1000000 / 60,
    };
    memset(pixels + (size_t)number * 64, (int)number, 64);
    return culvert_submit(session, &frame, pixels, sizeof pixels);
}

/* At its pace: the encoder sleeps when the next frame comes, and a ring that wakes it is its one system call. */
static void await_packet(culvert_session session)
{
    while (stream_receive(session, 0).result == CULVERT_E_AGAIN)
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

START_TEST(submit_allocates_nothing_locks_nothing_and_makes_one_system_call_at_most)
{
    const struct row *row = &rows[_i];
    struct culvert_config config = stream_config(row->codec, row->policy);
    config.slots = row->slots;
    const culvert_session session = stream_open(&config);
    for (uint32_t i = 1; i <= WARM_UP; i++) {
        ck_assert_int_ge(submit(session, row, i), 0);
        await_packet(session);
    }
    const bool watched = toll_watch();
    uint32_t woken = 0;
    for (uint32_t i = WARM_UP + 1; i <= WARM_UP + FRAMES; i++) {
        toll_begin();
        const int result = submit(session, row, i);
        const struct toll toll = toll_end();
        ck_assert_int_ge(result, 0);
        /* Apart, a worker that died may be followed by another at any time: the session's lock, once. */
        ck_assert_msg(toll.allocations == 0 && toll.locks <= apart(), "%s: %u allocations, %u locks, of which %s",
                      row->name, toll.allocations, toll.locks, toll.last);
        ck_assert_msg(toll.calls <= 1, "%s: %u system calls, the last of them %d", row->name, toll.calls, toll.call);
        woken += toll.calls;
        await_packet(session);
    }
    /* Whoever counts nothing finds nothing. */
    if (watched)
        ck_assert_uint_gt(woken, FRAMES / 2);
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

START_TEST(what_a_stretch_costs_is_seen)
{
    struct culvert_config config = stream_config(CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST);
    const bool watched = toll_watch();
    toll_begin();
    const culvert_session session = stream_open(&config);
    const struct toll toll = toll_end();
    ck_assert_uint_gt(toll.allocations, 0);
    ck_assert_uint_gt(toll.locks, 0);
    if (watched)
        ck_assert_uint_gt(toll.calls, 5);
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("steady");
    TCase *steady = add_case(suite, "submit");
    tcase_add_test(steady, what_a_stretch_costs_is_seen);
    tcase_add_loop_test(steady, submit_allocates_nothing_locks_nothing_and_makes_one_system_call_at_most, 0,
                        (int)(sizeof rows / sizeof rows[0]));
    return suite;
}
