#include "run.h"

#include <stdlib.h>
#include <string.h>

#include <libavutil/intreadwrite.h>

#include "codec/codec.h"
#include "codec/null.h"

#define WIDTH 6
#define HEIGHT 4
#define STRIDE 16

static const struct codec_geometry geometry = {.width = WIDTH, .height = HEIGHT, .sar_num = 1, .sar_den = 1};
static const struct codec_rate rate = {4000, 70, 60, 1, 8};

static uint8_t pixels[STRIDE * HEIGHT * 2];
static struct codec_stream *stream;
static struct codec_encoder *encoder;
static char why[CODEC_WHY];

static struct codec_picture picture(bool key, uint32_t tag)
{
    return (struct codec_picture){
        .layout = CODEC_I420,
        .plane = {pixels, pixels + STRIDE * HEIGHT, pixels + STRIDE * (HEIGHT + HEIGHT / 2)},
        .stride = {STRIDE, STRIDE, STRIDE},
        .key = key,
        .tag = tag,
    };
}

static int create(const char *options)
{
    struct culvert_config config = {.size = sizeof config, .codec = CULVERT_CODEC_NULL};
    strcpy(config.options, options);
    return codec_null.create(&config, &stream, why);
}

static void open_with(const char *options)
{
    ck_assert_int_eq(create(options), 0);
    ck_assert_int_eq(codec_null.open(stream, &geometry, &rate, 1, &encoder, why), 0);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 7 + 3);
}

static void close_both(void)
{
    codec_null.close(encoder);
    codec_null.destroy(stream);
}

/* Rows of the three planes without what lies between them, as the access unit should hold them. */
static size_t tight(uint8_t *out)
{
    size_t bytes = 0;
    for (int row = 0; row < HEIGHT * 2; row++) {
        const size_t width = row < HEIGHT ? WIDTH : WIDTH / 2;
        memcpy(out + bytes, pixels + row * STRIDE, width);
        bytes += width;
    }
    return bytes;
}

/* RFC 1950, section 9, by its definition. */
static uint32_t adler32(const uint8_t *data, size_t bytes)
{
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < bytes; i++) {
        a = (a + data[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static struct codec_unit encode(bool key, uint32_t tag, uint8_t *buffer)
{
    const struct codec_picture in = picture(key, tag);
    struct codec_unit unit;
    ck_assert_int_eq(codec_null.encode(encoder, &in, buffer, codec_null.bound(&geometry), &unit, why), 0);
    return unit;
}

START_TEST(the_header_tells_size_key_order_tag_and_checksum)
{
    uint8_t buffer[256], expected[256];
    open_with("");
    for (uint32_t i = 0; i < 3; i++) {
        pixels[0] = (uint8_t)i;
        const struct codec_unit unit = encode(i == 2, 0xfffffff0u + i, buffer);
        const bool key = i == 0 || i == 2;
        ck_assert_uint_eq(unit.bytes, 32);
        ck_assert_uint_eq(unit.key, key);
        ck_assert_uint_eq(unit.tag, 0xfffffff0u + i);
        ck_assert_int_eq(memcmp(buffer, "NULL", 4), 0);
        ck_assert_uint_eq(AV_RL32(buffer + 4), key);
        ck_assert_uint_eq(AV_RL32(buffer + 8), WIDTH);
        ck_assert_uint_eq(AV_RL32(buffer + 12), HEIGHT);
        ck_assert_uint_eq(AV_RL32(buffer + NULL_COUNTER), i);
        ck_assert_uint_eq(AV_RL32(buffer + NULL_TAG), 0xfffffff0u + i);
        const size_t bytes = tight(expected);
        ck_assert_uint_eq(AV_RL32(buffer + NULL_CHECKSUM), adler32(expected, bytes));
        ck_assert_uint_eq(AV_RL32(buffer + NULL_PAYLOAD), 0);
    }
    close_both();
}
END_TEST

START_TEST(with_pixels_the_picture_follows_without_its_strides)
{
    uint8_t buffer[256], expected[256];
    open_with("pixels=1");
    const struct codec_unit unit = encode(false, 1, buffer);
    const size_t bytes = tight(expected);
    ck_assert_uint_eq(bytes, WIDTH * HEIGHT * 3 / 2);
    ck_assert_uint_eq(AV_RL32(buffer + NULL_PAYLOAD), bytes);
    ck_assert_uint_eq(unit.bytes, NULL_HEADER + bytes);
    ck_assert_uint_eq(codec_null.bound(&geometry), NULL_HEADER + bytes);
    ck_assert_mem_eq(buffer + NULL_HEADER, expected, bytes);
    close_both();
}
END_TEST

START_TEST(pixels_between_the_rows_do_not_count)
{
    uint8_t first[256], second[256];
    open_with("pixels=1");
    encode(false, 1, first);
    for (int row = 0; row < HEIGHT * 2; row++)
        pixels[row * STRIDE + WIDTH] ^= 0xff;
    encode(false, 1, second);
    ck_assert_uint_eq(AV_RL32(first + NULL_CHECKSUM), AV_RL32(second + NULL_CHECKSUM));
    pixels[STRIDE * (HEIGHT * 2 - 1) + WIDTH / 2 - 1] ^= 1;
    encode(false, 1, second);
    ck_assert_uint_ne(AV_RL32(first + NULL_CHECKSUM), AV_RL32(second + NULL_CHECKSUM));
    close_both();
}
END_TEST

START_TEST(a_flush_yields_nothing)
{
    uint8_t buffer[256];
    struct codec_unit unit = {.bytes = 1};
    open_with("");
    encode(false, 1, buffer);
    ck_assert_int_eq(codec_null.encode(encoder, NULL, buffer, sizeof buffer, &unit, why), 0);
    ck_assert_uint_eq(unit.bytes, 0);
    ck_assert_uint_eq(codec_null.delay, 0);
    close_both();
}
END_TEST

static const struct {
    const char *options;
    size_t bytes;
} units[] = {{"", 32}, {"pixels=1", 68}};

START_TEST(a_buffer_too_small_by_a_byte_is_not_written)
{
    uint8_t buffer[256];
    struct codec_unit unit;
    open_with(units[_i].options);
    const struct codec_picture in = picture(false, 1);
    memset(buffer, 0xa5, sizeof buffer);
    ck_assert_int_eq(codec_null.encode(encoder, &in, buffer, units[_i].bytes - 1, &unit, why), CULVERT_E_CODEC);
    for (size_t i = 0; i < sizeof buffer; i++)
        ck_assert_uint_eq(buffer[i], 0xa5);
    ck_assert_int_eq(codec_null.encode(encoder, &in, buffer, units[_i].bytes, &unit, why), 0);
    ck_assert_uint_eq(unit.bytes, units[_i].bytes);
    ck_assert_uint_eq(buffer[units[_i].bytes], 0xa5);
    close_both();
}
END_TEST

START_TEST(a_rate_is_obeyed_at_once_and_described)
{
    char text[128];
    open_with("pixels");
    const struct codec_rate other = {123, 9, 30000, 1001, 5};
    ck_assert(codec_null.obeys(encoder, &rate));
    ck_assert(!codec_null.obeys(encoder, &other));
    ck_assert_int_eq(codec_null.reconfigure(encoder, &other), CODEC_LIVE);
    ck_assert(codec_null.obeys(encoder, &other));
    ck_assert(!codec_null.obeys(encoder, &rate));
    codec_null.describe(encoder, text, sizeof text);
    ck_assert_str_eq(text, "pixels=1 bitrate=123 burst=9 fps=30000/1001");
    codec_null.describe(encoder, text, 9);
    ck_assert_str_eq(text, "pixels=1");
    close_both();
}
END_TEST

static const struct {
    const char *options;
    int result;
} option_table[] = {
    {"", 0},
    {"pixels=1", 0},
    {"pixels", 0},
    {"no-pixels", 0},
    {"pixels=2", CULVERT_E_OPTION},
    {"me=hex", CULVERT_E_OPTION},
    {"pixels=1:stats=x", CULVERT_E_OPTION},
};

START_TEST(pixels_is_the_one_option)
{
    stream = NULL;
    ck_assert_int_eq(create(option_table[_i].options), option_table[_i].result);
    ck_assert_int_eq(stream != NULL, option_table[_i].result == 0);
    codec_null.destroy(stream);
}
END_TEST

START_TEST(no_size_or_rate_is_too_much)
{
    const struct culvert_config config = {.level = 10};
    const struct codec_geometry huge = {.width = 16384, .height = 16384};
    ck_assert_int_eq(codec_null.admit(&config, &huge, &rate, why), 0);
    ck_assert_uint_eq(codec_null.bound(&huge), 32 + 16384u * 16384 * 3 / 2);
}
END_TEST

START_TEST(a_codec_is_found_by_its_number_and_its_index)
{
    uint32_t count = 0;
    for (const struct codec *codec; (codec = codec_at(count)) != NULL; count++)
        ck_assert_ptr_eq(codec_find(codec->id), codec);
    ck_assert_ptr_null(codec_at(UINT32_MAX));
    ck_assert_ptr_eq(codec_find(CULVERT_CODEC_NULL), &codec_null);
    ck_assert_ptr_eq(codec_find(CULVERT_CODEC_DEFAULT), codec_find(CULVERT_CODEC_H264));
    ck_assert_ptr_null(codec_find(5));
    ck_assert_ptr_null(codec_find(UINT32_MAX));
}
END_TEST

Suite *test_suite(void)
{
    Suite *const suite = suite_create("null");
    TCase *const codec = tcase_create("codec");
    tcase_add_test(codec, the_header_tells_size_key_order_tag_and_checksum);
    tcase_add_test(codec, with_pixels_the_picture_follows_without_its_strides);
    tcase_add_test(codec, pixels_between_the_rows_do_not_count);
    tcase_add_test(codec, a_flush_yields_nothing);
    tcase_add_loop_test(codec, a_buffer_too_small_by_a_byte_is_not_written, 0, 2);
    tcase_add_test(codec, a_rate_is_obeyed_at_once_and_described);
    tcase_add_loop_test(codec, pixels_is_the_one_option, 0, sizeof option_table / sizeof option_table[0]);
    tcase_add_test(codec, no_size_or_rate_is_too_much);
    tcase_add_test(codec, a_codec_is_found_by_its_number_and_its_index);
    suite_add_tcase(suite, codec);
    return suite;
}
