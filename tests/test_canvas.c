#include <stdlib.h>
#include <string.h>

#include "codec/null.h"
#include "play.h"
#include "run.h"

#define WHITE 235 /* luma, limited range */
#define BLACK 16
#define GREY 128 /* chroma of both */

static struct codec codec;

static struct culvert_config canvas_config(uint32_t id, uint32_t width, uint32_t height)
{
    struct culvert_config config = stream_config(id, CULVERT_POLICY_BLOCK);
    config.resize = CULVERT_RESIZE_CANVAS;
    config.canvas_width = width;
    config.canvas_height = height;
    return config;
}

static culvert_session open_trial(uint32_t width, uint32_t height)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    const struct culvert_config config = canvas_config(codec.id, width, height);
    return stream_open_with(&codec, &config);
}

static const struct {
    uint32_t width, height;
} sizes[] = {{WIDTH, HEIGHT}, {128, 96}, {33, 17}, {2, 2}, {96, 128}, {1920, 1080}, {WIDTH, HEIGHT}};

START_TEST(no_size_begins_an_epoch)
{
    culvert_session session = open_trial(96, 64);
    for (uint32_t number = 1; number <= (uint32_t)LENGTH(sizes); number++) {
        play_sized(session, number, sizes[number - 1].width, sizes[number - 1].height);
        struct trial_unit unit;
        const struct culvert_packet packet = play_unit(session, number, number == 1 ? KEY | EPOCH : 0, &unit);
        ck_assert_uint_eq(packet.width, 96);
        ck_assert_uint_eq(packet.coded_height, 64);
        ck_assert_uint_eq(packet.aspect_num * 64, packet.aspect_den * 96);
        ck_assert_uint_eq(unit.width, 96);
        ck_assert_uint_eq(unit.height, 64);
    }
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 1);
    ck_assert_uint_eq(stream_stats(session).epochs, 1);
    ck_assert_uint_eq(stream_stats(session).scaled, 0);
    culvert_close(session);
}
END_TEST

START_TEST(the_canvas_has_square_pixels_whatever_the_first_frame_has)
{
    uint8_t *pixels = stream_pixels(WIDTH, HEIGHT, 1);
    struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, PTS(1));
    frame.aspect_num = 16;
    frame.aspect_den = 9;
    culvert_session session = _i ? open_trial(96, 64) : open_trial(0, 0);
    ck_assert_int_eq(culvert_submit(session, &frame, pixels, (size_t)4 * WIDTH * HEIGHT), 0);
    free(pixels);
    const struct culvert_packet packet = play_expect(session, 1, KEY | EPOCH);
    ck_assert_uint_eq(packet.aspect_num * packet.height, packet.aspect_den * packet.width);
    const struct codec_geometry geometry = trial_recorded(TRIAL_OPEN, 0).geometry;
    ck_assert_uint_eq(geometry.sar_num, 1);
    ck_assert_uint_eq(geometry.sar_den, 1);
    culvert_close(session);
}
END_TEST

START_TEST(without_a_size_of_its_own_the_canvas_is_that_of_the_first_frame)
{
    struct trial_unit unit;
    culvert_session session = open_trial(0, 0);
    play_sized(session, 1, 95, 63);
    const struct culvert_packet packet = play_unit(session, 1, KEY | EPOCH, &unit);
    ck_assert_uint_eq(packet.coded_width, 96);
    ck_assert_uint_eq(packet.coded_height, 64);
    ck_assert_uint_eq(unit.checksum, trial_checksum(95, 63, 1));
    play_pass(session, 2, 0);
    play_sized(session, 3, 96, 64);
    play_unit(session, 3, 0, &unit);
    ck_assert_uint_eq(unit.width, 96);
    ck_assert_uint_eq(unit.checksum, trial_checksum(96, 64, 3));
    ck_assert_uint_eq(trial_count(TRIAL_OPEN), 1);
    culvert_close(session);
}
END_TEST

START_TEST(the_level_bounds_the_canvas_and_not_the_frames)
{
    char text[256];
    culvert_session session = open_trial(TRIAL_WIDTH_MOST + 2, 64);
    ck_assert_int_eq(stream_submit(session, WIDTH, HEIGHT, PTS(1), 1, 0), CULVERT_E_LEVEL);
    ck_assert_int_eq(culvert_error_text(session, text, sizeof text), 0);
    ck_assert_ptr_nonnull(strstr(text, "width 1002"));
    culvert_close(session);

    session = open_trial(TRIAL_WIDTH_MOST, 64);
    play_sized(session, 1, TRIAL_WIDTH_MOST + 200, 64);
    play_expect(session, 1, KEY | EPOCH);
    ck_assert_int_eq(culvert_set_bitrate(session, TRIAL_KBPS_MOST + 1, NULL), CULVERT_E_LEVEL);
    play_pass(session, 2, 0);
    culvert_close(session);

    session = open_trial(0, 0);
    ck_assert_int_eq(stream_submit(session, TRIAL_WIDTH_MOST + 2, 64, PTS(1), 1, 0), CULVERT_E_LEVEL);
    play_submit(session, 2, 0);
    ck_assert_uint_eq(play_expect(session, 1, KEY | EPOCH).width, WIDTH);
    culvert_close(session);
}
END_TEST

START_TEST(the_same_pixels_at_another_aspect_are_no_repeat)
{
    static const uint32_t others[][2] = {{16, 9}, {8, 1}, {4, 3}};
    struct trial_unit units[2];
    uint8_t *pixels = stream_pixels(WIDTH, HEIGHT, 1);
    struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, PTS(1));
    frame.aspect_num = 4;
    frame.aspect_den = 1;
    culvert_session session = open_trial(WIDTH, HEIGHT);
    ck_assert_int_eq(culvert_submit(session, &frame, pixels, (size_t)4 * WIDTH * HEIGHT), 0);
    play_unit(session, 1, KEY | EPOCH, &units[0]);
    frame.pts = PTS(2);
    frame.aspect_num = others[_i][0];
    frame.aspect_den = others[_i][1];
    ck_assert_int_eq(culvert_submit(session, &frame, pixels, (size_t)4 * WIDTH * HEIGHT), 0);
    culvert_finish(session);
    free(pixels);
    play_unit(session, 2, 0, &units[1]);
    ck_assert_uint_ne(units[0].checksum, units[1].checksum);
    culvert_close(session);
}
END_TEST

/* ---- Pixels ------------------------------------------------------------------------------------------------------ */

/* An I420 frame of the canvas's size that is white all over. */
static int submit_white_yuv(culvert_session session, uint32_t number, uint32_t matrix, uint32_t range)
{
    static uint8_t planes[WIDTH * HEIGHT * 3 / 2];
    memset(planes, 255, WIDTH * HEIGHT);
    memset(planes + WIDTH * HEIGHT, GREY, WIDTH * HEIGHT / 2);
    struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, PTS(number));
    frame.format = CULVERT_FORMAT_I420;
    frame.matrix = matrix;
    frame.range = range;
    frame.aspect_num = frame.aspect_den = 1;
    return culvert_submit(session, &frame, planes, sizeof planes);
}

START_TEST(packets_state_the_colours_that_the_canvas_was_begun_with)
{
    culvert_session session = open_trial(0, 0);
    ck_assert_int_eq(submit_white_yuv(session, 1, CULVERT_MATRIX_BT709, CULVERT_RANGE_FULL), 0);
    const struct culvert_packet first = play_expect(session, 1, KEY | EPOCH);
    ck_assert_uint_eq(first.matrix, CULVERT_MATRIX_BT709);
    ck_assert_uint_eq(first.range, CULVERT_RANGE_FULL);
    ck_assert_uint_eq(first.primaries, 2);
    const struct culvert_packet second = play_pass(session, 2, 0); /* of RGB, which has others */
    ck_assert_uint_eq(second.matrix, first.matrix);
    ck_assert_uint_eq(second.range, first.range);
    ck_assert_uint_eq(second.primaries, first.primaries);
    ck_assert_uint_eq(second.transfer, first.transfer);
    culvert_close(session);
}
END_TEST

static culvert_session open_pixels(uint32_t width, uint32_t height, uint32_t filter)
{
    struct culvert_config config = canvas_config(CULVERT_CODEC_NULL, width, height);
    config.filter = filter;
    strcpy(config.options, "pixels=1");
    return stream_open(&config);
}

/* The planes of the picture that comes of this frame, behind another of the canvas's size, which fills it with grey. */
static uint8_t *coded_picture(culvert_session session, const struct culvert_frame *frame, const uint8_t *pixels)
{
    ck_assert_int_eq(culvert_submit(session, frame, pixels, (size_t)4 * frame->width * frame->height), 0);
    const struct stream_unit unit = stream_receive(session, PATIENCE);
    ck_assert_int_eq(unit.result, 0);
    ck_assert_uint_eq(unit.bytes, NULL_HEADER + (size_t)unit.packet.coded_width * unit.packet.coded_height * 3 / 2);
    return unit.data + NULL_HEADER;
}

static const struct window_row {
    uint32_t width, height, aspect_num, aspect_den;
    uint32_t left, top, right, bottom; /* where the picture lies on a canvas of 64x48 */
} windows[] = {
    {64, 48, 0, 0, 0, 0, 64, 48}, {48, 48, 0, 0, 8, 0, 56, 48}, {128, 48, 0, 0, 0, 12, 64, 36},
    {16, 48, 4, 3, 0, 0, 64, 48}, {64, 48, 1, 1, 8, 0, 56, 48}, {20, 40, 0, 0, 20, 0, 44, 48},
    {6, 4, 2, 1, 0, 8, 64, 40},
};

static void check_window(const uint8_t *luma, const struct window_row *row)
{
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++) {
            const bool inside = x >= row->left && x < row->right && y >= row->top && y < row->bottom;
            const uint32_t value = luma[y * WIDTH + x];
            if (value != (inside ? WHITE : BLACK))
                ck_abort_msg("at %u,%u: %u", x, y, value);
        }
    for (uint32_t i = 0; i < WIDTH * HEIGHT / 2; i++)
        if (luma[WIDTH * HEIGHT + i] != GREY)
            ck_abort_msg("chroma %u: %u", i, luma[WIDTH * HEIGHT + i]);
}

START_TEST(a_picture_lies_in_the_middle_of_the_canvas_at_its_own_aspect_with_black_beside_it)
{
    const struct window_row *row = &windows[_i];
    culvert_session session = open_pixels(WIDTH, HEIGHT, CULVERT_FILTER_BILINEAR);
    uint8_t *white = malloc((size_t)4 * 128 * 128), *grey = stream_pixels(WIDTH, HEIGHT, 1);
    memset(white, 255, (size_t)4 * 128 * 128);
    struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, PTS(1));
    coded_picture(session, &frame, grey); /* what it leaves behind is to be gone */
    frame = stream_frame(row->width, row->height, PTS(2));
    frame.aspect_num = row->aspect_num;
    frame.aspect_den = row->aspect_den;
    check_window(coded_picture(session, &frame, white), row);
    free(white);
    free(grey);
    culvert_close(session);
}
END_TEST

START_TEST(black_beside_a_picture_of_full_range_is_that_of_full_range)
{
    culvert_session session = open_pixels(WIDTH, HEIGHT, CULVERT_FILTER_BILINEAR);
    ck_assert_int_eq(submit_white_yuv(session, 1, CULVERT_MATRIX_BT601, CULVERT_RANGE_FULL), 0);
    const struct stream_unit unit = stream_receive(session, PATIENCE);
    ck_assert_int_eq(unit.result, 0);
    ck_assert_uint_eq(unit.data[NULL_HEADER], 0);
    ck_assert_uint_eq(unit.data[NULL_HEADER + WIDTH / 2], 255);
    culvert_close(session);
}
END_TEST

/* Columns that are black and white by turns, at a ratio that is not whole. */
static uint32_t count_blends(uint32_t filter)
{
    enum { SIDE = 40 };
    static uint8_t pixels[4 * SIDE * SIDE];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = i / 8 % 2 ? 255 : 0; /* pairs, so that chroma is sharp as well */
    culvert_session session = open_pixels(66, 66, filter);
    const struct culvert_frame frame = stream_frame(SIDE, SIDE, PTS(1));
    const uint8_t *luma = coded_picture(session, &frame, pixels);
    uint32_t blends = 0;
    for (uint32_t i = 0; i < 66 * 66; i++)
        blends += luma[i] != BLACK && luma[i] != WHITE;
    culvert_close(session);
    return blends;
}

START_TEST(nearest_neighbour_blends_no_pixels_and_bilinear_does)
{
    ck_assert_uint_eq(count_blends(CULVERT_FILTER_NEAREST), 0);
    ck_assert_uint_gt(count_blends(CULVERT_FILTER_BILINEAR), 66 * 66 / 4);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("canvas");
    TCase *epochs = add_case(suite, "one epoch");
    tcase_add_test(epochs, no_size_begins_an_epoch);
    tcase_add_loop_test(epochs, the_canvas_has_square_pixels_whatever_the_first_frame_has, 0, 2);
    tcase_add_test(epochs, without_a_size_of_its_own_the_canvas_is_that_of_the_first_frame);
    tcase_add_test(epochs, the_level_bounds_the_canvas_and_not_the_frames);
    tcase_add_test(epochs, packets_state_the_colours_that_the_canvas_was_begun_with);
    tcase_add_loop_test(epochs, the_same_pixels_at_another_aspect_are_no_repeat, 0, 3);
    TCase *pixels = add_case(suite, "pixels");
    tcase_add_loop_test(pixels, a_picture_lies_in_the_middle_of_the_canvas_at_its_own_aspect_with_black_beside_it, 0,
                        LENGTH(windows));
    tcase_add_test(pixels, black_beside_a_picture_of_full_range_is_that_of_full_range);
    tcase_add_test(pixels, nearest_neighbour_blends_no_pixels_and_bilinear_does);
    return suite;
}
