#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "apart.h"
#include "extent.h"
#include "run.h"
#include "scene.h"
#include "stream.h"
#include "trial_codec.h"

START_TEST(encode_waits_one_millisecond_to_a_minute)
{
    static const uint32_t refused[] = {0, 60001, MOST};
    struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, scene_tick());
    uint8_t *pixels = stream_pixels(WIDTH, HEIGHT, 1), buffer[256];
    size_t bytes;
    for (int i = 0; i < LENGTH(refused); i++) {
        ck_assert_int_eq(
            culvert_encode(scene.session, &frame, pixels, TIGHT, buffer, sizeof buffer, &bytes, NULL, refused[i]),
            CULVERT_E_RANGE);
        scene_named("timeout_ms");
    }
    scene_go_on();
    frame.pts = scene_tick();
    ck_assert_int_eq(culvert_encode(scene.session, &frame, pixels, TIGHT, buffer, sizeof buffer, &bytes, NULL, 60000),
                     0);
    free(pixels);
}
END_TEST

/* Where a packet goes: none of these takes it. */
START_TEST(a_packet_stays_until_there_is_a_place_for_it)
{
    struct culvert_packet packet = {.size = sizeof packet};
    uint8_t buffer[256];
    size_t bytes = 4711;
    culvert_loan loan = 4711;
    const void *data = buffer;
    ck_assert_int_eq(stream_submit(scene.session, WIDTH, HEIGHT, scene_tick(), 1, 0), 0);
    ck_assert_int_eq(culvert_receive(scene.session, buffer, sizeof buffer, NULL, &packet, 0), CULVERT_E_ARGUMENT);
    scene_named("bytes");
    ck_assert_int_eq(culvert_receive(scene.session, NULL, 1, &bytes, &packet, 0), CULVERT_E_ARGUMENT);
    scene_named("buffer");
    ck_assert_int_eq(culvert_peek(scene.session, NULL, &data, &bytes, &packet, 0), CULVERT_E_ARGUMENT);
    scene_named("loan");
    ck_assert_int_eq(culvert_peek(scene.session, &loan, NULL, &bytes, &packet, 0), CULVERT_E_ARGUMENT);
    ck_assert_int_eq(culvert_peek(scene.session, &loan, &data, NULL, &packet, 0), CULVERT_E_ARGUMENT);
    packet.size = 7;
    ck_assert_int_eq(culvert_receive(scene.session, buffer, sizeof buffer, &bytes, &packet, 0), CULVERT_E_ARGUMENT);
    scene_named("packet.size");
    ck_assert_int_eq(culvert_peek(scene.session, &loan, &data, &bytes, &packet, 0), CULVERT_E_ARGUMENT);
    ck_assert_uint_eq(bytes, 4711);
    ck_assert_uint_eq(loan, 4711);
    ck_assert_ptr_eq(data, buffer);
    scene_receive(1);
    scene_go_on();
}
END_TEST

START_TEST(a_call_that_has_nowhere_to_write_is_refused_by_name)
{
    culvert_loan loan;
    void *data;
    size_t size;
    char text[8];
    ck_assert_int_eq(culvert_lease(scene.session, CULVERT_FORMAT_BGRA, 16, 16, NULL, &data, &size), CULVERT_E_ARGUMENT);
    scene_named("loan");
    ck_assert_int_eq(culvert_lease(scene.session, CULVERT_FORMAT_BGRA, 16, 16, &loan, NULL, &size), CULVERT_E_ARGUMENT);
    ck_assert_int_eq(culvert_lease(scene.session, CULVERT_FORMAT_BGRA, 16, 16, &loan, &data, NULL), CULVERT_E_ARGUMENT);
    ck_assert_int_eq(culvert_fd(scene.session, NULL), CULVERT_E_ARGUMENT);
    scene_named("fd");
    ck_assert_int_eq(culvert_stats(scene.session, NULL), CULVERT_E_ARGUMENT);
    scene_named("stats");
    ck_assert_int_eq(culvert_params(scene.session, NULL, 8, NULL), CULVERT_E_ARGUMENT);
    scene_named("text");
    ck_assert_int_eq(culvert_error_text(scene.session, NULL, 8), CULVERT_E_ARGUMENT);
    ck_assert_int_eq(culvert_error_text(scene.session, text, 0), CULVERT_E_ARGUMENT);
    ck_assert_int_eq(culvert_codec_version(CULVERT_CODEC_NULL, NULL, 8), CULVERT_E_ARGUMENT);
    ck_assert_int_eq(culvert_codec_version(CULVERT_CODEC_NULL, text, sizeof text), CULVERT_E_BUFFER);
    ck_assert_int_eq(culvert_codec_version(MOST, text, sizeof text), CULVERT_E_UNSUPPORTED);
    ck_assert_int_eq(culvert_log_read(NULL, 8), CULVERT_E_ARGUMENT);
    ck_assert_int_eq(culvert_log_level(CULVERT_LOG_DEBUG + 1), CULVERT_E_RANGE);
    ck_assert_int_eq(culvert_log_level(MOST), CULVERT_E_RANGE);
    scene_go_on();
}
END_TEST

#define PACKET_SIZE (uint32_t)sizeof(struct culvert_packet)

static const struct extent output_extents[] = {
    {0, 0, CULVERT_E_ARGUMENT},
    {4, 0, CULVERT_E_ARGUMENT},
    {7, 0, CULVERT_E_ARGUMENT},
    {8, 0, 0},
    {12, 0, CULVERT_E_ARGUMENT},
    {16, 0, 0},
    {PACKET_SIZE, 0, 0},
    {PACKET_SIZE + 8, 0, 0},
    {4096, 0, 0},
    {4104, 0, CULVERT_E_ARGUMENT},
    {MOST, 0, CULVERT_E_ARGUMENT},
};

/* A block that claims a size, all 0xa5 behind it. */
static uint8_t *blank(const struct extent *extent)
{
    uint8_t *block = malloc(extent_room(extent));
    memset(block, 0xa5, extent_room(extent));
    memcpy(block, &extent->size, sizeof extent->size);
    return block;
}

/* Written from behind its size up to the smaller of both sizes, and not at all after an error. */
static void check_written(const uint8_t *block, const struct extent *extent, size_t known)
{
    const size_t room = extent_room(extent);
    size_t kept = 4;
    for (size_t i = 4; i < room; i++)
        kept += block[i] == 0xa5;
    ck_assert_mem_eq(block, &extent->size, 4);
    if (extent->error < 0)
        ck_assert_uint_eq(kept, room);
    else if (room <= known)
        ck_assert_uint_lt(kept, room);
    else
        ck_assert_uint_ge(kept, 4 + room - known);
    for (size_t i = known; i < room; i++)
        ck_assert_uint_eq(block[i], 0xa5);
}

START_TEST(an_output_struct_of_another_version_is_written_up_to_the_smaller_size)
{
    const struct extent *extent = &output_extents[_i];
    uint8_t buffer[256], *packet = blank(extent), *stats = blank(extent);
    size_t bytes;
    ck_assert_int_eq(stream_submit(scene.session, WIDTH, HEIGHT, scene_tick(), 1, 0), 0);
    ck_assert_int_eq(culvert_receive(scene.session, buffer, sizeof buffer, &bytes, (void *)packet, PATIENCE),
                     extent->error);
    check_written(packet, extent, sizeof(struct culvert_packet));
    ck_assert_int_eq(culvert_stats(scene.session, (void *)stats), extent->error);
    check_written(stats, extent, sizeof(struct culvert_stats));
    if (extent->error < 0)
        scene_receive(1);
    else
        scene.frames++;
    scene_go_on();
    free(packet);
    free(stats);
}
END_TEST

/* ---- Every error ------------------------------------------------------------------------------------------------ */

static void *receive_for_ever(void *argument)
{
    (void)argument;
    size_t bytes;
    while (culvert_receive(scene.session, NULL, 0, &bytes, NULL, CULVERT_WAIT_FOREVER) == CULVERT_E_BUSY) {
    }
    return NULL;
}

static int provoke_ARGUMENT(void)
{
    return culvert_submit(scene.session, NULL, NULL, 0);
}

static int provoke_HANDLE(void)
{
    return culvert_finish(0);
}

static int provoke_BUSY(void)
{
    pthread_t thread;
    size_t bytes;
    int result;
    ck_assert_int_eq(pthread_create(&thread, NULL, receive_for_ever, NULL), 0);
    while ((result = culvert_receive(scene.session, NULL, 0, &bytes, NULL, 0)) == CULVERT_E_AGAIN)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    culvert_finish(scene.session);
    pthread_join(thread, NULL);
    return result;
}

static int provoke_AGAIN(void)
{
    return stream_receive(scene.session, 1).result;
}

static int encode_held(uint32_t capacity, uint32_t timeout_ms)
{
    struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, scene_tick());
    uint8_t *pixels = stream_pixels(WIDTH, HEIGHT, 1), buffer[256];
    size_t bytes;
    const int result = culvert_encode(scene.session, &frame, pixels, TIGHT, buffer, capacity, &bytes, NULL, timeout_ms);
    free(pixels);
    return result;
}

static int provoke_TIMEOUT(void)
{
    trial_hold();
    const int result = encode_held(256, 20);
    trial_let_go();
    return result;
}

static int provoke_BUFFER(void)
{
    return encode_held(1, PATIENCE);
}

static int provoke_SIZE(void)
{
    return stream_submit(scene.session, 1, 16, scene_tick(), 1, 0);
}

static int provoke_LEVEL(void)
{
    return stream_submit(scene.session, TRIAL_WIDTH_MOST + 2, 2, scene_tick(), 1, 0);
}

static int provoke_RANGE(void)
{
    return culvert_set_bitrate(scene.session, 0, NULL);
}

static int provoke_PTS(void)
{
    return stream_submit(scene.session, WIDTH, HEIGHT, -2, 1, 0);
}

static int open_with(const char *endpoint, const char *options)
{
    struct culvert_config config = stream_config(CULVERT_CODEC_NULL, CULVERT_POLICY_BLOCK);
    culvert_session session;
    snprintf(config.endpoint, sizeof config.endpoint, "%s", endpoint);
    snprintf(config.options, sizeof config.options, "%s", options);
    return culvert_open(&config, &session, NULL, 0);
}

static int provoke_OPTION(void)
{
    return open_with(apart_endpoint(), "such=none");
}

static int provoke_UNSUPPORTED(void)
{
    return open_with("tcp:nowhere", "");
}

static int provoke_FINISHED(void)
{
    culvert_finish(scene.session);
    return culvert_pause(scene.session, NULL);
}

static int provoke_LIMIT(void)
{
    culvert_loan loans[16];
    void *data;
    size_t size;
    int count = 0, result;
    while ((result = culvert_lease(scene.session, CULVERT_FORMAT_BGRA, 16, 16, &loans[count], &data, &size)) == 0)
        count++;
    ck_assert_int_eq(count, 4);
    while (count > 0)
        ck_assert_int_eq(culvert_abandon(loans[--count]), 0);
    return result;
}

static int provoke_CODEC(void)
{
    trial_fail(TRIAL_ENCODE, 0, 1);
    return encode_held(256, PATIENCE);
}

/* Without a descriptor left to give. */
static int provoke_SYSTEM(void)
{
    struct rlimit limit;
    int fd = -7;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    const int result = culvert_fd(scene.session, &fd);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_int_eq(fd, -7);
    scene_named("RLIMIT_NOFILE");
    ck_assert_int_eq(culvert_fd(scene.session, &fd), 0);
    close(fd);
    return result;
}

/* It takes an allocation that fails; nothing that a host says makes one fail for certain. */
#define provoke_MEMORY NULL

static int provoke_GONE(void)
{
    culvert_session session;
    struct culvert_config config = stream_config(CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST);
    strcpy(config.endpoint, "unix:/nonexistent/culvertd.sock");
    return culvert_open(&config, &session, NULL, 0);
}

/* These take a daemon that says so: tests of culvertd's provoke them. */
#define provoke_CRASHED NULL
#define provoke_DENIED NULL

static const struct {
    int error;
    int (*provoke)(void);
} provocations[] = {
#define PROVOCATION(name, number, text) {number, provoke_##name},
    CULVERT_ERRORS(PROVOCATION)
#undef PROVOCATION
};

START_TEST(every_error_can_be_met)
{
    if (provocations[_i].provoke != NULL)
        ck_assert_str_eq(culvert_error_name(provocations[_i].provoke()), culvert_error_name(provocations[_i].error));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("bad calls");
    TCase *tcase = tcase_create("calls");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, scene_open, scene_close);
    tcase_add_test(tcase, encode_waits_one_millisecond_to_a_minute);
    tcase_add_test(tcase, a_packet_stays_until_there_is_a_place_for_it);
    tcase_add_test(tcase, a_call_that_has_nowhere_to_write_is_refused_by_name);
    tcase_add_loop_test(tcase, an_output_struct_of_another_version_is_written_up_to_the_smaller_size, 0,
                        LENGTH(output_extents));
    tcase_add_loop_test(tcase, every_error_can_be_met, 0, LENGTH(provocations));
    suite_add_tcase(suite, tcase);
    return suite;
}
