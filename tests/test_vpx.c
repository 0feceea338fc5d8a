#include "run.h"

#include <stdio.h>
#include <string.h>

#include <pthread.h>

#include "rig.h"

static const struct codec *const codecs[] = {&codec_vp8, &codec_vp9};

static void draw_and_encode(struct rig *rig, bool key)
{
    rig_draw(rig);
    ck_assert_msg(rig_encode_into(rig, key, rig->capacity) == 0, "%s", rig->why);
    ck_assert_uint_gt(rig->unit.bytes, 0);
    ck_assert_uint_le(rig->unit.bytes, rig->capacity);
    ck_assert_uint_eq(rig->unit.tag, 999 + rig->pictures);
}

/* ---- What a picture's header says (RFC 6386, 9.1; VP9 bitstream specification, 6.2) */

struct header {
    bool key;
    unsigned space, range; /* VP9 */
    unsigned width, height, shown_width, shown_height;
};

static unsigned take_bits(const uint8_t *data, unsigned *at, unsigned count)
{
    unsigned value = 0;
    for (; count > 0; count--, ++*at)
        value = value << 1 | ((unsigned)data[*at / 8] >> (7 - *at % 8) & 1);
    return value;
}

static struct header vp8_header(const uint8_t *data)
{
    struct header header = {.key = (data[0] & 1) == 0};
    if (!header.key)
        return header;
    ck_assert_int_eq(memcmp(data + 3, "\x9d\x01\x2a", 3), 0);
    header.width = header.shown_width = data[6] | (data[7] & 63u) << 8;
    header.height = header.shown_height = data[8] | (data[9] & 63u) << 8;
    return header;
}

static struct header vp9_header(const uint8_t *data)
{
    struct header header = {0};
    unsigned at = 0;
    ck_assert_uint_eq(take_bits(data, &at, 4), 8); /* marker 2, profile 0 */
    ck_assert_uint_eq(take_bits(data, &at, 1), 0); /* no frame shown again */
    header.key = take_bits(data, &at, 1) == 0;
    ck_assert_uint_eq(take_bits(data, &at, 1), 1); /* shown */
    at++;
    if (!header.key)
        return header;
    ck_assert_uint_eq(take_bits(data, &at, 24), 0x498342);
    header.space = take_bits(data, &at, 3);
    header.range = take_bits(data, &at, 1);
    header.shown_width = header.width = take_bits(data, &at, 16) + 1;
    header.shown_height = header.height = take_bits(data, &at, 16) + 1;
    if (take_bits(data, &at, 1) == 1) {
        header.shown_width = take_bits(data, &at, 16) + 1;
        header.shown_height = take_bits(data, &at, 16) + 1;
    }
    return header;
}

static struct header header_of(const struct rig *rig)
{
    return rig->codec == &codec_vp9 ? vp9_header(rig->buffer) : vp8_header(rig->buffer);
}

static const struct {
    struct codec_geometry geometry;
    unsigned space, range, shown_width, shown_height;
} shapes[] = {
    {{320, 240, 1, 1, 6, CULVERT_RANGE_LIMITED, 2, 2}, 1, 0, 320, 240},
    {{256, 224, 7, 6, 6, CULVERT_RANGE_LIMITED, 2, 2}, 1, 0, 299, 224},
    {{512, 240, 5, 8, 1, CULVERT_RANGE_FULL, 1, 1}, 2, 1, 320, 240},
    {{640, 480, 1, 1, 1, CULVERT_RANGE_LIMITED, 2, 2}, 2, 0, 640, 480},
    {{2, 2, 1, 65535, 6, CULVERT_RANGE_LIMITED, 2, 2}, 1, 0, 1, 2},
    {{16, 2, 65535, 2, 6, CULVERT_RANGE_LIMITED, 2, 2}, 1, 0, 65536, 2},
};

START_TEST(vp9_announces_colour_and_the_size_to_show_in_every_key_frame)
{
    struct rig rig = rig_of(&codec_vp9, 2, 2);
    rig.geometry = shapes[_i].geometry;
    rig_open(&rig);
    for (int i = 0; i < 4; i++) {
        draw_and_encode(&rig, i == 2);
        const struct header header = header_of(&rig);
        ck_assert(header.key == (i % 2 == 0 && i < 3));
        if (!header.key)
            continue;
        ck_assert_uint_eq(header.space, shapes[_i].space);
        ck_assert_uint_eq(header.range, shapes[_i].range);
        ck_assert_uint_eq(header.width, rig.geometry.width);
        ck_assert_uint_eq(header.height, rig.geometry.height);
        ck_assert_uint_eq(header.shown_width, shapes[_i].shown_width);
        ck_assert_uint_eq(header.shown_height, shapes[_i].shown_height);
    }
    rig_close(&rig);
}
END_TEST

static const struct {
    uint32_t width, height, threads;
} sizes[] = {{2, 2, 1},     {2, 2, 8},     {16, 16, 0},   {18, 34, 2},   {2, 1080, 4},  {1920, 2, 4},
             {320, 240, 0}, {640, 480, 4}, {642, 480, 0}, {720, 240, 8}, {4096, 16, 8}, {1280, 720, 0}};

START_TEST(every_size_encodes_with_any_threads_at_any_layers)
{
    for (size_t c = 0; c < 2; c++) {
        for (uint32_t layers = 1; layers <= 3; layers += 2) {
            struct rig rig = rig_of(codecs[c], sizes[_i].width, sizes[_i].height);
            rig.config.threads = sizes[_i].threads;
            rig.config.layers = layers;
            rig_open(&rig);
            for (int i = 0; i < 4; i++)
                draw_and_encode(&rig, i == 3);
            ck_assert_uint_eq(header_of(&rig).width, sizes[_i].width);
            ck_assert_uint_eq(header_of(&rig).height, sizes[_i].height);
            rig_close(&rig);
        }
    }
}
END_TEST

static const struct {
    uint32_t width, height;
} common[] = {{320, 240}, {640, 480}, {1920, 1080}};

START_TEST(every_speed_opens_at_common_sizes)
{
    for (int32_t speed = 0; speed <= 10; speed++) {
        struct rig rig = rig_of(codecs[_i % 2], common[_i / 2].width, common[_i / 2].height);
        rig.rate.speed = speed;
        rig_open(&rig);
        draw_and_encode(&rig, false);
        ck_assert(rig.unit.key);
        rig_close(&rig);
    }
}
END_TEST

/* ---- Key frames */

static void check_key_frames(struct rig *rig, int pictures, int wanted)
{
    rig_open(rig);
    for (int i = 0; i < pictures; i++) {
        if (i % 50 == 20)
            memset(rig->pixels, i, (size_t)rig->geometry.width * rig->geometry.height); /* another scene */
        else
            rig_draw(rig);
        ck_assert_int_eq(rig_encode_into(rig, i == wanted, rig->capacity), 0);
        ck_assert(rig->unit.key == (i == 0 || i == wanted));
        ck_assert(header_of(rig).key == rig->unit.key);
    }
    rig_close(rig);
}

START_TEST(only_the_first_picture_and_those_asked_for_are_key_frames)
{
    for (uint32_t layers = 1; layers <= 3; layers++) {
        struct rig rig = rig_of(codecs[_i], 64, 64);
        rig.config.layers = layers;
        check_key_frames(&rig, 100, 33);
        rig.config.references = 8;
        rig = (struct rig){.codec = rig.codec, .config = rig.config, .geometry = rig.geometry, .rate = rig.rate};
        check_key_frames(&rig, 100, 33);
    }
}
END_TEST

START_TEST(no_key_frame_comes_by_itself_in_ten_thousand_pictures)
{
    struct rig rig = rig_of(codecs[_i], 16, 16);
    rig.rate.speed = 10;
    check_key_frames(&rig, 10000, 9999);
}
END_TEST

/* ---- What comes with an access unit */

START_TEST(the_base_layer_is_counted_on_across_encoders)
{
    struct rig rig = rig_of(codecs[_i], 64, 64);
    rig.config.layers = 2;
    rig_open(&rig);
    struct codec_encoder *const first = rig.encoder, *second;
    ck_assert_int_eq(rig.codec->open(rig.stream, &rig.geometry, &rig.rate, 1, &second, rig.why), 0);
    for (uint32_t i = 0; i < 600; i++) {
        rig.encoder = i < 300 ? first : second;
        draw_and_encode(&rig, false);
        ck_assert_uint_eq(rig.unit.layer, i % 2);
        ck_assert_uint_eq(rig.unit.tl0, (i / 2 + 1) % 256);
        ck_assert(rig.unit.key == (i % 300 == 0));
        ck_assert(rig.unit.sync == (i % 2 == 1));
    }
    rig.codec->close(first);
    rig_close(&rig);
}
END_TEST

START_TEST(references_are_named_where_libvpx_does_not_choose_them)
{
    struct rig rig = rig_of(codecs[_i], 64, 64);
    rig_open(&rig);
    for (int i = 0; i < 3; i++) {
        draw_and_encode(&rig, false);
        ck_assert_uint_eq(rig.unit.references, 0);
    }
    rig_close(&rig);
    rig = rig_of(codecs[_i], 64, 64);
    rig.config.references = 4;
    rig_open(&rig);
    for (int i = 0; i < 3; i++) {
        draw_and_encode(&rig, false);
        ck_assert_uint_eq(rig.unit.references, i > 0);
        ck_assert(i == 0 || rig.unit.reference[0] == RIG_PTS(i - 1));
    }
    rig_close(&rig);
}
END_TEST

START_TEST(the_quantiser_tells_how_coarse_a_picture_is)
{
    uint32_t qp[2];
    for (int i = 0; i < 2; i++) {
        struct rig rig = rig_of(codecs[_i], 320, 240);
        rig.rate.bitrate_kbps = i == 0 ? 20000 : 200;
        rig_open(&rig);
        for (int j = 0; j < 20; j++)
            draw_and_encode(&rig, false);
        qp[i] = rig.unit.qp;
        rig_close(&rig);
    }
    ck_assert_uint_lt(qp[0], codecs[_i]->fine_qp);
    ck_assert_uint_gt(qp[1], codecs[_i]->fine_qp * 2);
    ck_assert_uint_le(qp[1], _i == 0 ? 127 : 255);
}
END_TEST

static const struct {
    uint32_t width, height;
    int32_t speed;
} noises[] = {{2, 2, 8}, {16, 16, 8}, {34, 18, 8}, {256, 224, 8}, {256, 224, 10}, {256, 224, 4}, {256, 224, 0}};

/* Black and white noise, and its inverse in the next picture: residuals are as large as they can be. */
static void draw_noise(struct rig *rig)
{
    const size_t bytes = (size_t)rig->geometry.width * rig->geometry.height * 3 / 2;
    for (size_t i = 0; i < bytes; i++)
        rig->pixels[i] = rig->pictures % 2 != 0 ? (uint8_t)~rig->pixels[i] : (uint8_t)((random_next() >> 24 & 1) * 255);
}

START_TEST(the_worst_noise_at_the_finest_quantiser_stays_within_the_bound)
{
    for (int c = 0; c < 2; c++) {
        struct rig rig = rig_of(codecs[c], noises[_i].width, noises[_i].height);
        rig.rate = (struct codec_rate){500000, 4000, 1, 1, noises[_i].speed};
        strcpy(rig.config.options, "max-q=0:max-intra-rate=0");
        rig_open(&rig);
        for (int i = 0; i < 6; i++) {
            draw_noise(&rig);
            ck_assert_msg(rig_encode_into(&rig, i == 4, rig.capacity) == 0, "%s", rig.why);
            ck_assert_uint_gt(rig.unit.bytes, 0);
            ck_assert_uint_eq(rig.unit.qp, 0);
        }
        rig_close(&rig);
    }
}
END_TEST

START_TEST(an_access_unit_that_does_not_fit_is_not_written)
{
    struct rig rig = rig_of(codecs[_i], 64, 64);
    rig_open(&rig);
    rig_draw(&rig);
    memset(rig.buffer, 0xa5, rig.capacity);
    ck_assert_int_eq(rig_encode_into(&rig, false, 64), CULVERT_E_CODEC);
    ck_assert_uint_eq(rig.unit.bytes, 0);
    ck_assert_ptr_nonnull(strstr(rig.why, "64x64"));
    for (size_t i = 0; i < rig.capacity; i++)
        ck_assert_uint_eq(rig.buffer[i], 0xa5);
    rig_close(&rig);
}
END_TEST

START_TEST(nothing_is_held_back_for_a_flush)
{
    struct rig rig = rig_of(codecs[_i], 64, 64);
    rig_open(&rig);
    draw_and_encode(&rig, false);
    struct codec_unit unit = {.bytes = 1};
    ck_assert_int_eq(rig.codec->encode(rig.encoder, NULL, rig.buffer, rig.capacity, &unit, rig.why), 0);
    ck_assert_uint_eq(unit.bytes, 0);
    rig_close(&rig);
}
END_TEST

/* ---- Streams */

START_TEST(vp8_has_a_largest_side_and_vp9_takes_culverts)
{
    char why[CODEC_WHY] = "";
    const struct codec_rate rate = {4000, 70, 60, 1, 8};
    struct codec_geometry geometry = {16382, 16382, 1, 1, 6, CULVERT_RANGE_LIMITED, 2, 2};
    ck_assert_int_eq(codec_vp8.admit(NULL, &geometry, &rate, why), 0);
    geometry.width = 16384;
    ck_assert_int_eq(codec_vp8.admit(NULL, &geometry, &rate, why), CULVERT_E_LEVEL);
    ck_assert_ptr_nonnull(strstr(why, "16384x16382"));
    ck_assert_int_eq(codec_vp9.admit(NULL, &geometry, &rate, why), 0);
}
END_TEST

static void *open_and_close(void *argument)
{
    struct rig *const rig = argument;
    for (int i = 0; i < 10; i++) {
        struct codec_encoder *encoder = NULL;
        if (rig->codec->open(rig->stream, &rig->geometry, &rig->rate, 0, &encoder, rig->why) == 0)
            rig->codec->close(encoder);
        rig->joined += encoder != NULL;
    }
    return NULL;
}

START_TEST(encoders_open_and_close_beside_the_stream)
{
    struct rig rig = rig_of(codecs[_i], 64, 64);
    rig_open(&rig);
    struct rig beside = rig;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, open_and_close, &beside), 0);
    for (int i = 0; i < 30; i++) {
        const struct codec_rate rate = {1000 + 10 * (uint32_t)i, 70, 60, 1, i % 11};
        ck_assert_int_eq(rig.codec->reconfigure(rig.encoder, &rate), CODEC_LIVE);
        draw_and_encode(&rig, false);
    }
    pthread_join(thread, NULL);
    ck_assert_uint_eq(beside.joined, 10);
    rig_close(&rig);
}
END_TEST

START_TEST(its_version_names_libvpx)
{
    char text[64];
    codecs[_i]->version(text, sizeof text);
    ck_assert_int_eq(strncmp(text, "libvpx v1.", 10), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *const suite = suite_create("vpx");
    TCase *tcase = add_case(suite, "announced");
    LOOP(tcase, vp9_announces_colour_and_the_size_to_show_in_every_key_frame, shapes);
    LOOP(tcase, every_size_encodes_with_any_threads_at_any_layers, sizes);
    LOOP(tcase, only_the_first_picture_and_those_asked_for_are_key_frames, codecs);

    tcase = add_case(suite, "units");
    LOOP(tcase, the_base_layer_is_counted_on_across_encoders, codecs);
    LOOP(tcase, references_are_named_where_libvpx_does_not_choose_them, codecs);
    LOOP(tcase, the_quantiser_tells_how_coarse_a_picture_is, codecs);
    LOOP(tcase, an_access_unit_that_does_not_fit_is_not_written, codecs);
    LOOP(tcase, nothing_is_held_back_for_a_flush, codecs);

    tcase = add_case(suite, "streams");
    tcase_add_test(tcase, vp8_has_a_largest_side_and_vp9_takes_culverts);
    LOOP(tcase, encoders_open_and_close_beside_the_stream, codecs);
    LOOP(tcase, its_version_names_libvpx, codecs);

    tcase = add_case(suite, "figures");
    tcase_set_tags(tcase, "long");
    tcase_add_loop_test(tcase, every_speed_opens_at_common_sizes, 0, 6);
    LOOP(tcase, no_key_frame_comes_by_itself_in_ten_thousand_pictures, codecs);
    LOOP(tcase, the_worst_noise_at_the_finest_quantiser_stays_within_the_bound, noises);
    return suite;
}
