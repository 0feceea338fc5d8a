#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "sps.h"
#include "stream.h"

#define UNITS 32

struct access_unit {
    struct culvert_packet packet;
    struct nal_unit units[UNITS];
    size_t count;
    struct sps sps;
    bool has_sps;
};

/* One frame in, its access unit out, taken apart. */
static struct access_unit encode(culvert_session session, const struct culvert_frame *frame, uint32_t seed)
{
    struct access_unit unit = {0};
    uint8_t *pixels = stream_pixels(frame->width, frame->height, seed);
    const int result = culvert_submit(session, frame, pixels, (size_t)4 * frame->width * frame->height);
    free(pixels);
    ck_assert_msg(result == 0, "submit: %s", culvert_error_name(result));
    const struct stream_unit received = stream_receive(session, 20000);
    ck_assert_int_eq(received.result, 0);
    unit.packet = received.packet;
    unit.count = nal_split(received.data, received.bytes, unit.units, UNITS);
    const struct nal_unit *sps = nal_find(unit.units, unit.count, NAL_TYPE_SPS);
    unit.has_sps = sps != NULL && sps_parse(sps, &unit.sps);
    return unit;
}

static const uint32_t sizes[][2] = {{320, 240}, {256, 224}, {321, 239}, {368, 240}, {2, 2},     {512, 240},
                                    {640, 480}, {3, 5},     {320, 240}, {256, 224}, {255, 223}, {640, 480}};
#define SIZES (sizeof sizes / sizeof sizes[0])

static const struct {
    uint32_t profile, level;
    unsigned idc, most;
} rungs[] = {
    {CULVERT_PROFILE_DEFAULT, 0, 66, 62},
    {CULVERT_PROFILE_BASELINE, 31, 66, 31},
    {CULVERT_PROFILE_MAIN, 32, 77, 32},
    {CULVERT_PROFILE_HIGH, 40, 100, 40},
};

START_TEST(profile_level_colour_and_aspect_hold_in_every_epoch)
{
    struct culvert_config config = stream_config(CULVERT_CODEC_H264, CULVERT_POLICY_BLOCK);
    config.profile = rungs[_i].profile;
    config.level = rungs[_i].level;
    culvert_session session = stream_open(&config);
    for (uint32_t i = 0; i < SIZES; i++) {
        struct culvert_frame frame = stream_frame(sizes[i][0], sizes[i][1], i);
        frame.aspect_num = 4;
        frame.aspect_den = 3;
        const struct access_unit unit = encode(session, &frame, i);
        ck_assert_uint_eq(unit.packet.epoch, i + 1);
        ck_assert(unit.packet.flags & CULVERT_PACKET_KEY);
        ck_assert(unit.has_sps);
        ck_assert_ptr_nonnull(nal_find(unit.units, unit.count, NAL_TYPE_PPS));
        ck_assert_ptr_nonnull(nal_find(unit.units, unit.count, NAL_TYPE_IDR));
        ck_assert_uint_le(unit.count, 10);
        ck_assert_uint_eq(unit.sps.profile, rungs[_i].idc);
        ck_assert(rungs[_i].idc != 66 || unit.sps.constraints & 0x40);
        ck_assert_uint_le(unit.sps.level, rungs[_i].most);
        ck_assert_uint_eq(unit.sps.ref_frames, 1);
        ck_assert_uint_eq(unit.sps.width, unit.packet.coded_width);
        ck_assert_uint_eq(unit.sps.height, unit.packet.coded_height);
        ck_assert_uint_eq(unit.sps.matrix, 6);
        ck_assert_uint_eq(unit.sps.primaries, 1);
        ck_assert_uint_eq(unit.sps.transfer, 13);
        ck_assert(!unit.sps.full_range);
        /* Sample aspect times the picture's shape is what the host declared. */
        ck_assert_uint_eq((uint64_t)unit.sps.sar_num * sizes[i][0] * 3, (uint64_t)unit.sps.sar_den * sizes[i][1] * 4);
    }
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

START_TEST(yuv_input_declares_its_matrix_and_range)
{
    const struct culvert_config config = stream_config(CULVERT_CODEC_H264, CULVERT_POLICY_LATEST);
    culvert_session session = stream_open(&config);
    for (uint32_t i = 0; i < 4; i++) {
        struct culvert_frame frame = stream_frame(64, 48, i);
        frame.format = i & 1 ? CULVERT_FORMAT_NV12 : CULVERT_FORMAT_I420;
        frame.matrix = i & 1;
        frame.range = i >> 1;
        const struct access_unit unit = encode(session, &frame, i);
        ck_assert(unit.has_sps);
        ck_assert_uint_eq(unit.sps.matrix, i & 1 ? 1 : 6);
        ck_assert_uint_eq(unit.sps.full_range, i >> 1);
        ck_assert_uint_eq(unit.packet.matrix, frame.matrix);
        ck_assert_uint_eq(unit.packet.range, frame.range);
        ck_assert_uint_eq(unit.sps.sar_num, unit.sps.sar_den);
    }
    culvert_close(session);
}
END_TEST

START_TEST(what_exceeds_the_level_is_refused_and_the_stream_goes_on)
{
    struct culvert_config config = stream_config(CULVERT_CODEC_H264, CULVERT_POLICY_BLOCK);
    config.level = 31;
    culvert_session session = stream_open(&config);
    struct culvert_frame fits = stream_frame(640, 480, 1), beyond = stream_frame(1280, 720, 2);
    encode(session, &fits, 1);
    uint8_t *pixels = stream_pixels(1280, 720, 1);
    ck_assert_int_eq(culvert_submit(session, &beyond, pixels, 4 * 1280 * 720), CULVERT_E_LEVEL);
    char text[256];
    ck_assert_int_eq(culvert_error_text(session, text, sizeof text), 0);
    ck_assert_ptr_nonnull(strstr(text, "1280x720"));
    ck_assert_ptr_nonnull(strstr(text, "3.1"));
    /* 720p at 30 is what level 3.1 was made for: Table A-1 allows 108000 macroblocks a second, 3600 each. */
    ck_assert_int_eq(culvert_set_framerate(session, 30, 1, NULL), 0);
    ck_assert_int_eq(culvert_submit(session, &beyond, pixels, 4 * 1280 * 720), 0);
    ck_assert_int_eq(stream_receive(session, 20000).packet.width, 1280);
    ck_assert_int_eq(culvert_set_framerate(session, 31, 1, NULL), CULVERT_E_LEVEL);
    ck_assert_int_eq(culvert_set_bitrate(session, 14000, NULL), 0);
    ck_assert_int_eq(culvert_set_bitrate(session, 14001, NULL), CULVERT_E_LEVEL);
    free(pixels);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.bitrate_kbps, 14000);
    ck_assert_uint_eq(stats.fps_num, 30);
    ck_assert_uint_eq(stats.failed, 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_rate_above_the_announced_level_reopens_and_one_below_does_not)
{
    struct culvert_config config = stream_config(CULVERT_CODEC_H264, CULVERT_POLICY_LATEST);
    config.bitrate_kbps = 1000;
    culvert_session session = stream_open(&config);
    uint32_t pts = 0;
    struct culvert_frame frame = stream_frame(320, 240, ++pts);
    const unsigned level = encode(session, &frame, pts).sps.level;
    ck_assert_uint_lt(level, 40);

    ck_assert_int_eq(culvert_set_bitrate(session, 1100, NULL), 0);
    frame.pts = ++pts;
    ck_assert_uint_eq(encode(session, &frame, pts).packet.epoch, 1);

    uint32_t control = 0;
    ck_assert_int_eq(culvert_set_bitrate(session, 25000, &control), CULVERT_REOPENS);
    frame.pts = ++pts;
    const struct access_unit raised = encode(session, &frame, pts);
    ck_assert_uint_eq(raised.packet.epoch, 2);
    ck_assert_uint_eq(raised.packet.control, control);
    ck_assert(raised.has_sps);
    ck_assert_uint_gt(raised.sps.level, level);
    ck_assert_uint_eq(stream_stats(session).reopened, 0);
    culvert_close(session);
}
END_TEST

START_TEST(params_are_the_options_line_that_x264_writes_into_the_stream)
{
    static const struct {
        uint32_t profile;
        const char *options;
    } kinds[] = {
        {CULVERT_PROFILE_DEFAULT, ""},
        {CULVERT_PROFILE_MAIN, "me=hex:subme=4"},
        {CULVERT_PROFILE_HIGH, "trellis=1:cabac=1:8x8dct=1"},
        {CULVERT_PROFILE_BASELINE, "no-deblock:qcomp=0.7"},
        {CULVERT_PROFILE_MAIN, "psy=0:qpmin=10:qpmax=40:nr=50"},
    };
    struct culvert_config config = stream_config(CULVERT_CODEC_H264, CULVERT_POLICY_BLOCK);
    config.speed = _i % 11 == 0 ? CULVERT_SPEED_SLOWEST : _i % 11;
    config.profile = kinds[_i % 5].profile;
    strcpy(config.options, kinds[_i % 5].options);
    culvert_session session = stream_open(&config);
    char params[2048], sei[2048];
    ck_assert_int_eq(culvert_params(session, params, sizeof params, NULL), CULVERT_E_AGAIN);
    struct culvert_frame frame = stream_frame(320, 240, 1);
    const struct access_unit unit = encode(session, &frame, 1);
    const struct nal_unit *found = nal_find(unit.units, unit.count, NAL_TYPE_SEI);
    ck_assert_ptr_nonnull(found);
    ck_assert(sei_text(found, sei, sizeof sei));
    const char *line = strstr(sei, "options: ");
    ck_assert_ptr_nonnull(line);
    size_t needed = 0;
    int result;
    /* The packet may be there a moment before the text is. */
    while ((result = culvert_params(session, params, sizeof params, &needed)) == CULVERT_E_AGAIN) {
    }
    ck_assert_int_eq(result, 0);
    ck_assert_str_eq(params, line + strlen("options: "));
    ck_assert_uint_eq(needed, strlen(params) + 1);
    ck_assert_int_eq(culvert_params(session, params, needed - 1, &needed), CULVERT_E_BUFFER);
    culvert_close(session);
}
END_TEST

START_TEST(key_frames_come_on_request_only)
{
    struct culvert_config config = stream_config(CULVERT_CODEC_H264, CULVERT_POLICY_LATEST);
    config.speed = 10;
    culvert_session session = stream_open(&config);
    for (uint32_t i = 0; i < 200; i++) {
        struct culvert_frame frame = stream_frame(160, 120, i);
        /* A cut to another picture is no key frame; a request is. */
        frame.flags = i % 50 == 49 ? CULVERT_FRAME_KEY : 0;
        const struct access_unit unit = encode(session, &frame, i / 10 * 1000 + i);
        const bool key = i == 0 || i % 50 == 49;
        ck_assert_msg(!(unit.packet.flags & CULVERT_PACKET_KEY) == !key, "frame %u", i);
        ck_assert_msg((nal_find(unit.units, unit.count, NAL_TYPE_IDR) != NULL) == key, "frame %u", i);
        ck_assert_msg(unit.has_sps == key, "frame %u", i);
    }
    culvert_close(session);
}
END_TEST

START_TEST(encoders_of_earlier_sizes_stay_warm)
{
    const struct culvert_config config = stream_config(CULVERT_CODEC_H264, CULVERT_POLICY_LATEST);
    culvert_session session = stream_open(&config);
    size_t with_text = 0;
    for (uint32_t i = 0; i < 12; i++) {
        struct culvert_frame frame = stream_frame(i % 3 == 0 ? 320 : i % 3 == 1 ? 256 : 512, 240, i);
        const struct access_unit unit = encode(session, &frame, i);
        ck_assert_uint_eq(unit.packet.epoch, i + 1);
        ck_assert(unit.has_sps && unit.sps.width == frame.width);
        /* x264 writes its version into the first access unit of an encoder: as many as there were openings. */
        with_text += nal_count(unit.units, unit.count, NAL_TYPE_SEI);
    }
    ck_assert_uint_eq(with_text, 3);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("epochs");
    TCase *tcase = tcase_create("h264");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, profile_level_colour_and_aspect_hold_in_every_epoch, 0, 4);
    tcase_add_test(tcase, yuv_input_declares_its_matrix_and_range);
    tcase_add_test(tcase, what_exceeds_the_level_is_refused_and_the_stream_goes_on);
    tcase_add_test(tcase, a_rate_above_the_announced_level_reopens_and_one_below_does_not);
    tcase_add_loop_test(tcase, params_are_the_options_line_that_x264_writes_into_the_stream, 0, 15);
    tcase_add_test(tcase, key_frames_come_on_request_only);
    tcase_add_test(tcase, encoders_of_earlier_sizes_stay_warm);
    suite_add_tcase(suite, tcase);
    return suite;
}
