#include <stdlib.h>
#include <string.h>

#include "extent.h"
#include "frame/format.h"
#include "run.h"
#include "scene.h"
#include "stream.h"
#include "trial_codec.h"

#define AT(field) offsetof(struct culvert_frame, field)

/* The other way in, for what is refused: it must leave all outputs alone. */
static int encode_refused(const void *frame, const void *data, size_t size)
{
    struct {
        uint8_t buffer[64];
        struct culvert_packet packet;
        size_t bytes;
    } outputs, before;
    memset(&outputs, 0xa5, sizeof outputs);
    outputs.packet.size = sizeof outputs.packet;
    memcpy(&before, &outputs, sizeof before);
    const int result = culvert_encode(scene.session, frame, data, size, outputs.buffer, sizeof outputs.buffer,
                                      &outputs.bytes, &outputs.packet, PATIENCE);
    ck_assert_mem_eq(&outputs, &before, sizeof before);
    return result;
}

static void set(struct culvert_frame *frame, size_t offset, uint32_t value)
{
    memcpy((uint8_t *)frame + offset, &value, sizeof value);
}

/* Submits in both ways what is to be refused with this error (0: not). */
static void check_frame(struct culvert_frame *frame, const void *data, size_t size, int error, const char *named)
{
    frame->pts = scene_tick();
    const int result = culvert_submit(scene.session, frame, data, size);
    ck_assert_msg(result == error, "%s: %s instead of %s", named, culvert_error_name(result),
                  culvert_error_name(error));
    if (error == 0) {
        scene_receive(0);
    } else {
        scene_named(named);
        scene_go_on();
        frame->pts = scene_tick();
        ck_assert_int_eq(encode_refused(frame, data, size), error);
        scene_named(named);
    }
    scene_go_on();
}

/* Set alone in a good frame; up to a 0. */
static const struct {
    const char *named;
    size_t offset;
    uint32_t good[4], bad[8];
} fields[] = {
    {"format", AT(format), {CULVERT_FORMAT_RGBA, CULVERT_FORMAT_0RGB1555}, {CULVERT_FORMAT_0RGB1555 + 1, MOST}},
    {"plane 0", AT(offset[0]), {0}, {1, INT32_MAX, MOST}},
    {"plane 1", AT(offset[1]), {0}, {1, MOST}},
    {"plane 2", AT(offset[2]), {0}, {1, MOST}},
    {"plane 0", AT(stride[0]), {4 * WIDTH}, {1, 4 * WIDTH - 1, 4 * WIDTH + 1, INT32_MAX, MOST}},
    {"plane 1", AT(stride[1]), {0}, {1, MOST}},
    {"plane 2", AT(stride[2]), {0}, {1, MOST}},
    {"rotation", AT(rotation), {90, 180, 270}, {1, 89, 91, 271, 360, 4294967220}}, /* the last is a multiple of 90 */
    {"flip", AT(flip), {1, 2, 3}, {4, 5, 0x80000000, MOST}},
    {"aspect", AT(aspect_num), {0}, {1, 65535, 65536, MOST}},
    {"aspect", AT(aspect_den), {0}, {1, 65535, 65536, MOST}},
    {"matrix", AT(matrix), {CULVERT_MATRIX_BT709}, {CULVERT_MATRIX_BT709 + 1, MOST}},
    {"range", AT(range), {CULVERT_RANGE_FULL}, {CULVERT_RANGE_FULL + 1, MOST}},
    {"flags", AT(flags), {1, 3}, {4, 0x80000000, MOST}},
    {"reserved", AT(reserved), {0}, {1, 0x80000000, MOST}},
};

START_TEST(a_field_is_taken_up_to_its_limits_and_refused_by_name_beyond)
{
    struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, 0);
    uint8_t *data = calloc(1, TIGHT);
    scene_go_on();
    for (int i = 0; fields[_i].good[i] != 0; i++) {
        set(&frame, fields[_i].offset, fields[_i].good[i]);
        check_frame(&frame, data, TIGHT, 0, fields[_i].named);
    }
    for (int i = 0; fields[_i].bad[i] != 0; i++) {
        set(&frame, fields[_i].offset, fields[_i].bad[i]);
        check_frame(&frame, data, TIGHT, CULVERT_E_ARGUMENT, fields[_i].named);
    }
    free(data);
}
END_TEST

/* Set together in a good frame, with a buffer that is as large as the format needs or says. */
static const struct {
    const char *named;
    uint32_t format, width, height;
    struct {
        size_t offset;
        uint32_t value;
    } set[2];
    size_t bytes; /* 0: of a tight BGRA frame of 64x48 */
    int error;
} shapes[] = {
    {"format is 0", 0, 64, 48, {{0}}, 0, CULVERT_E_ARGUMENT},
    {"size 0x48", 3, 0, 48, {{0}}, 0, CULVERT_E_SIZE},
    {"size 1x48", 3, 1, 48, {{0}}, 0, CULVERT_E_SIZE},
    {"size 64x0", 3, 64, 0, {{0}}, 0, CULVERT_E_SIZE},
    {"size 64x1", 3, 64, 1, {{0}}, 0, CULVERT_E_SIZE},
    {"size", 3, 2, 48, {{0}}, 0, 0},
    {"size", 3, 64, 2, {{0}}, 0, 0},
    {"size", 3, 3, 47, {{0}}, 0, 0},
    {"1921x2", 3, 1921, 2, {{0}}, 1 << 14, CULVERT_E_SIZE},
    {"2x1921", 3, 2, 1921, {{0}}, 1 << 14, CULVERT_E_SIZE},
    {"1089x1089", 3, 1089, 1089, {{0}}, 4 * 1089 * 1089, CULVERT_E_SIZE},
    {"16384x2", 3, 16384, 2, {{0}}, 1 << 17, CULVERT_E_SIZE},
    {"16385x2", 3, 16385, 2, {{0}}, 1 << 18, CULVERT_E_SIZE},
    {"2x16385", 3, 2, 16385, {{0}}, 1 << 18, CULVERT_E_SIZE},
    {"size 4294967295x48", 3, MOST, 48, {{0}}, 0, CULVERT_E_SIZE},
    {"size 64x4294967295", 3, 64, MOST, {{0}}, 0, CULVERT_E_SIZE},
    {"width", 3, TRIAL_WIDTH_MOST, 2, {{0}}, 1 << 13, 0},
    {"width 1002", 3, TRIAL_WIDTH_MOST + 1, 2, {{0}}, 1 << 13, CULVERT_E_LEVEL},
    {"width 1002", 3, 2, TRIAL_WIDTH_MOST + 1, {{AT(rotation), 90}}, 1 << 13, CULVERT_E_LEVEL},
    {"aspect", 3, 64, 48, {{AT(aspect_num), 1}, {AT(aspect_den), 65535}}, 0, 0},
    {"aspect", 3, 64, 48, {{AT(aspect_num), 65535}, {AT(aspect_den), 1}}, 0, 0},
    {"aspect", 3, 64, 48, {{AT(aspect_num), 65536}, {AT(aspect_den), 1}}, 0, CULVERT_E_ARGUMENT},
    {"aspect", 3, 64, 48, {{AT(aspect_num), 1}, {AT(aspect_den), 65536}}, 0, CULVERT_E_ARGUMENT},
    {"plane 0", 3, 64, 48, {{AT(offset[0]), 1}}, TIGHT + 1, 0},
    {"plane 0", 3, 64, 48, {{AT(stride[0]), 4 * WIDTH + 1}}, TIGHT + HEIGHT - 1, 0},
    {"plane 0", 3, 64, 48, {{AT(stride[0]), 4 * WIDTH + 1}}, TIGHT + HEIGHT - 2, CULVERT_E_ARGUMENT},
    /* The end of the last row is that of the first in 32 bits: 47 strides and the offset are 2^32. */
    {"plane 0", 3, 64, 48, {{AT(stride[0]), 1000}, {AT(offset[0]), MOST - 47000 + 1}}, 0, CULVERT_E_ARGUMENT},
    {"plane 1", 1, 64, 48, {{AT(stride[1]), 1000}, {AT(offset[1]), MOST - 23000 + 1}}, 0, CULVERT_E_ARGUMENT},
    {"plane 1", 1, 64, 48, {{AT(stride[1]), 31}}, 0, CULVERT_E_ARGUMENT},
    {"plane 1", 1, 64, 48, {{AT(stride[1]), MOST}}, 0, CULVERT_E_ARGUMENT},
    {"plane 2", 1, 64, 48, {{AT(stride[2]), 0x80000000}}, 0, CULVERT_E_ARGUMENT},
    {"plane 2", 1, 64, 48, {{AT(offset[2]), MOST}}, 0, CULVERT_E_ARGUMENT},
    {"plane 2", 1, 64, 48, {{AT(offset[2]), TIGHT - 32 * 24}}, 0, 0},
    {"plane 2", 1, 64, 48, {{AT(offset[2]), TIGHT - 32 * 24 + 1}}, 0, CULVERT_E_ARGUMENT},
    {"plane 2", 1, 64, 48, {{AT(offset[1]), TIGHT - 32 * 24}}, 0, CULVERT_E_ARGUMENT},
    {"plane 1", 2, 64, 48, {{AT(stride[1]), 63}}, 0, CULVERT_E_ARGUMENT},
    {"plane 1", 2, 64, 48, {{AT(offset[1]), MOST}}, 0, CULVERT_E_ARGUMENT},
    {"plane 2", 2, 64, 48, {{AT(stride[2]), 32}}, 0, CULVERT_E_ARGUMENT},
};

START_TEST(planes_that_fit_the_buffer_are_taken_and_others_refused_by_name)
{
    const size_t bytes = shapes[_i].bytes != 0 ? shapes[_i].bytes : TIGHT;
    struct culvert_frame frame = stream_frame(shapes[_i].width, shapes[_i].height, 0);
    frame.format = shapes[_i].format;
    for (int i = 0; i < 2; i++)
        if (shapes[_i].set[i].offset != 0)
            set(&frame, shapes[_i].set[i].offset, shapes[_i].set[i].value);
    uint8_t *data = calloc(1, bytes);
    check_frame(&frame, data, bytes, shapes[_i].error, shapes[_i].named);
    free(data);
}
END_TEST

static const uint32_t sizes[][2] = {{2, 2}, {3, 3}, {17, 5}, {64, 48}};

START_TEST(a_buffer_that_ends_one_byte_early_is_refused_in_every_format)
{
    const struct format *format = format_at((uint32_t)_i);
    for (int i = 0; i < LENGTH(sizes); i++) {
        struct culvert_frame frame = stream_frame(sizes[i][0], sizes[i][1], 0);
        struct layout layout;
        frame.format = format->id;
        format_tight(format, frame.width, frame.height, &layout);
        for (size_t bytes = 0; bytes <= layout.bytes; bytes = bytes == 0 ? layout.bytes - 1 : bytes + 1) {
            uint8_t *data = calloc(1, bytes + (bytes == 0));
            frame.pts = scene_tick();
            const int result = culvert_submit(scene.session, &frame, data, bytes);
            free(data);
            ck_assert_int_eq(result, bytes < layout.bytes ? CULVERT_E_ARGUMENT : 0);
            if (result == 0)
                scene_receive(0);
            else
                scene_named("buffer");
        }
        scene_go_on();
    }
}
END_TEST

START_TEST(a_frame_or_its_data_is_not_null)
{
    const uint8_t data[64] = {0};
    struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, scene_tick());
    ck_assert_int_eq(culvert_submit(scene.session, NULL, data, sizeof data), CULVERT_E_ARGUMENT);
    scene_named("frame");
    ck_assert_int_eq(encode_refused(NULL, data, sizeof data), CULVERT_E_ARGUMENT);
    scene_named("frame");
    ck_assert_int_eq(culvert_submit(scene.session, &frame, NULL, TIGHT), CULVERT_E_ARGUMENT);
    scene_named("data");
    ck_assert_int_eq(culvert_submit(scene.session, &frame, NULL, 0), CULVERT_E_ARGUMENT);
    frame.flags = CULVERT_FRAME_SAME;
    ck_assert_int_eq(culvert_submit(scene.session, &frame, data, sizeof data), CULVERT_E_ARGUMENT);
    scene_named("CULVERT_FRAME_SAME");
    scene_go_on();
}
END_TEST

#define FRAME_SIZE (uint32_t)sizeof(struct culvert_frame)

static const struct extent frame_extents[] = {
    {0, 0, CULVERT_E_ARGUMENT},
    {4, 0, CULVERT_E_ARGUMENT},
    {7, 0, CULVERT_E_ARGUMENT},
    {8, 0, CULVERT_E_SIZE}, /* it has no width */
    {12, 0, CULVERT_E_ARGUMENT},
    {16, 0, 0},
    {48, 0, 0},
    {FRAME_SIZE - 8, 0, 0},
    {FRAME_SIZE - 1, 0, CULVERT_E_ARGUMENT},
    {FRAME_SIZE, 0, 0},
    {FRAME_SIZE + 1, 0, CULVERT_E_ARGUMENT},
    {FRAME_SIZE + 8, 0, 0},
    {FRAME_SIZE + 8, FRAME_SIZE, CULVERT_E_ARGUMENT},
    {FRAME_SIZE + 8, FRAME_SIZE + 7, CULVERT_E_ARGUMENT},
    {4096, 0, 0},
    {4096, 4095, CULVERT_E_ARGUMENT},
    {4104, 0, CULVERT_E_ARGUMENT},
    {MOST, 0, CULVERT_E_ARGUMENT},
};

START_TEST(a_frame_of_another_version_is_extended_or_refused)
{
    const struct extent *extent = &frame_extents[_i];
    const struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, 0);
    uint8_t *copy = extent_copy(&frame, sizeof frame, extent), *pixels = stream_pixels(WIDTH, HEIGHT, 99);
    ck_assert_int_eq(culvert_submit(scene.session, (void *)copy, pixels, TIGHT), extent->error);
    if (extent->error == 0) {
        scene_receive(99);
    } else {
        scene_named("size");
        ck_assert_int_eq(encode_refused(copy, pixels, TIGHT), extent->error);
        scene_named("size");
    }
    scene_go_on();
    free(pixels);
    free(copy);
}
END_TEST

static int submit_at(int64_t pts)
{
    return stream_submit(scene.session, WIDTH, HEIGHT, pts, scene.frames + 1, 0);
}

START_TEST(time_runs_up_to_the_end_of_its_range_and_not_beyond)
{
    static const int64_t refused[] = {-1, INT64_MIN + 1, 999, 1000};
    ck_assert_int_eq(submit_at(1000), 0);
    scene_receive(1);
    for (int i = 0; i < LENGTH(refused); i++) {
        ck_assert_int_eq(submit_at(refused[i]), CULVERT_E_PTS);
        scene_named("pts");
    }
    ck_assert_int_eq(submit_at(1001), 0);
    scene_receive(2);
    ck_assert_int_eq(submit_at(INT64_MAX - 1), 0);
    scene_receive(3);
    ck_assert_int_eq(submit_at(CULVERT_PTS_NOW), 0);
    scene_receive(4);
    ck_assert_int_eq(submit_at(CULVERT_PTS_NOW), CULVERT_E_PTS);
    ck_assert_int_eq(submit_at(INT64_MAX), CULVERT_E_PTS);
    ck_assert_int_eq(culvert_request_keyframe(scene.session, NULL), 0);
    const struct stream_unit inserted = stream_receive(scene.session, PATIENCE);
    ck_assert_int_eq(inserted.result, 0);
    ck_assert_int_eq(inserted.packet.pts, INT64_MAX);
    ck_assert_int_eq(inserted.packet.duration, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("bad input");
    TCase *tcase = tcase_create("frame");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, scene_open, scene_close);
    tcase_add_loop_test(tcase, a_field_is_taken_up_to_its_limits_and_refused_by_name_beyond, 0, LENGTH(fields));
    tcase_add_loop_test(tcase, planes_that_fit_the_buffer_are_taken_and_others_refused_by_name, 0, LENGTH(shapes));
    tcase_add_loop_test(tcase, a_buffer_that_ends_one_byte_early_is_refused_in_every_format, 0, 7);
    tcase_add_test(tcase, a_frame_or_its_data_is_not_null);
    tcase_add_loop_test(tcase, a_frame_of_another_version_is_extended_or_refused, 0, LENGTH(frame_extents));
    tcase_add_test(tcase, time_runs_up_to_the_end_of_its_range_and_not_beyond);
    suite_add_tcase(suite, tcase);
    return suite;
}
