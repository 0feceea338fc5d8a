#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apart.h"
#include "config.h"
#include "extent.h"
#include "run.h"
#include "stream.h"

#define MOST UINT32_MAX
#define AT(field) offsetof(struct culvert_config, field)
#define LENGTH(table) (int)(sizeof(table) / sizeof(table)[0])

static struct culvert_config small_config(void)
{
    struct culvert_config config = stream_config(CULVERT_CODEC_NULL, CULVERT_POLICY_BLOCK);
    config.max_width = config.max_height = 64;
    return config;
}

static void set(struct culvert_config *config, size_t offset, uint32_t value)
{
    memcpy((uint8_t *)config + offset, &value, sizeof value);
}

/* Opens what is to be refused with this error (0: not), and checks that nothing but the text was written. */
static void check_open(const void *config, int error, const char *named)
{
    char text[256];
    memset(text, 'x', sizeof text);
    culvert_session session = 0x5eed;
    const int result = culvert_open(config, &session, text, sizeof text);
    ck_assert_msg(result == error, "%s: %s instead of %s: %s", named, culvert_error_name(result),
                  culvert_error_name(error), text);
    ck_assert_ptr_nonnull(memchr(text, '\0', sizeof text));
    if (error == 0) {
        ck_assert_str_eq(text, "");
        ck_assert_int_eq(culvert_close(session), 0);
        return;
    }
    ck_assert_uint_eq(session, 0x5eed);
    ck_assert_msg(strstr(text, named) != NULL, "\"%s\" does not name %s", text, named);
    ck_assert_msg(strpbrk(text, "\r\n\033") == NULL, "\"%s\" is more than a line", text);
}

/* 0 is good in each of these. */
static const struct {
    const char *name;
    size_t offset;
    uint32_t good[4];
    uint32_t bad[8]; /* up to a 0 */
    int error;
} fields[] = {
    {"bitrate_kbps", AT(bitrate_kbps), {1, 500000}, {500001, MOST}, CULVERT_E_RANGE},
    {"burst_ms", AT(burst_ms), {1, 4000}, {4001, MOST}, CULVERT_E_RANGE},
    {"speed", AT(speed), {MOST, 1, 10}, {11, INT32_MAX, MOST - 1, 0x80000000}, CULVERT_E_RANGE},
    {"threads", AT(threads), {1, 8}, {9, MOST}, CULVERT_E_RANGE},
    {"slices", AT(slices), {1}, {9, MOST}, CULVERT_E_RANGE},
    {"slices", AT(slices), {1}, {2, 8}, CULVERT_E_UNSUPPORTED},
    {"layers", AT(layers), {1}, {2, 3}, CULVERT_E_UNSUPPORTED},
    {"keyint", AT(keyint), {1, 1000000}, {1000001, MOST}, CULVERT_E_RANGE},
    {"profile", AT(profile), {1}, {CULVERT_PROFILE_HIGH + 1, MOST}, CULVERT_E_ARGUMENT},
    {"profile", AT(profile), {1}, {CULVERT_PROFILE_MAIN, CULVERT_PROFILE_HIGH}, CULVERT_E_UNSUPPORTED},
    {"level", AT(level), {0}, {101, MOST}, CULVERT_E_RANGE},
    {"level", AT(level), {0}, {31}, CULVERT_E_UNSUPPORTED},
    {"scale", AT(scale), {1, 8}, {9, MOST}, CULVERT_E_RANGE},
    {"policy", AT(policy), {1, CULVERT_POLICY_REJECT}, {CULVERT_POLICY_REJECT + 1, MOST}, CULVERT_E_ARGUMENT},
    {"slots", AT(slots), {2, 4, 64}, {1, 3, 63, 65, 128, 0x80000000, MOST}, CULVERT_E_RANGE},
    {"flags", AT(flags), {1, 3, 7}, {8, 0x80000000, MOST}, CULVERT_E_ARGUMENT},
    {"resize", AT(resize), {1, CULVERT_RESIZE_CANVAS}, {CULVERT_RESIZE_CANVAS + 1, MOST}, CULVERT_E_ARGUMENT},
    {"filter", AT(filter), {CULVERT_FILTER_NEAREST}, {CULVERT_FILTER_NEAREST + 1, MOST}, CULVERT_E_ARGUMENT},
    {"warm", AT(warm), {1, 8}, {9, MOST}, CULVERT_E_RANGE},
    {"floor", AT(floor), {CULVERT_FLOOR_OVERSHOOT}, {CULVERT_FLOOR_OVERSHOOT + 1, MOST}, CULVERT_E_ARGUMENT},
    {"references", AT(references), {2, 16}, {1, 17, MOST}, CULVERT_E_RANGE},
    {"layers", AT(layers), {1}, {4, MOST}, CULVERT_E_RANGE},
    {"refresh_ms", AT(refresh_ms), {20, 3600000, CULVERT_NEVER}, {1, 19, 3600001, MOST - 1}, CULVERT_E_RANGE},
    {"reserved", AT(reserved), {0}, {1, MOST}, CULVERT_E_ARGUMENT},
};

START_TEST(a_field_is_taken_up_to_its_limits_and_refused_by_name_beyond)
{
    struct culvert_config config = small_config();
    for (int i = 0; i < LENGTH(fields[_i].good); i++) {
        set(&config, fields[_i].offset, fields[_i].good[i]);
        check_open(&config, 0, fields[_i].name);
    }
    for (int i = 0; fields[_i].bad[i] != 0; i++) {
        set(&config, fields[_i].offset, fields[_i].bad[i]);
        check_open(&config, fields[_i].error, fields[_i].name);
    }
}
END_TEST

/* Fields that go together. */
static const struct {
    const char *named;
    struct {
        size_t offset;
        uint32_t value;
    } set[2];
    int error;
} pairs[] = {
    {"codec", {{AT(codec), 5}, {AT(threads), 0}}, CULVERT_E_UNSUPPORTED},
    {"codec", {{AT(codec), MOST}, {AT(threads), 0}}, CULVERT_E_UNSUPPORTED},
    {"fps_num", {{AT(fps_num), 0}, {AT(fps_den), 0}}, CULVERT_E_RANGE},
    {"frame rate", {{AT(fps_num), 0}, {AT(fps_den), 1}}, CULVERT_E_RANGE},
    {"frame rate", {{AT(fps_num), 1}, {AT(fps_den), 0}}, CULVERT_E_RANGE},
    {"frame rate", {{AT(fps_num), 1}, {AT(fps_den), 1}}, 0},
    {"frame rate", {{AT(fps_num), 1}, {AT(fps_den), 2}}, CULVERT_E_RANGE},
    {"frame rate", {{AT(fps_num), 999999999}, {AT(fps_den), 1000000000}}, CULVERT_E_RANGE},
    {"frame rate", {{AT(fps_num), 39375000}, {AT(fps_den), 655171}}, 0},
    {"frame rate", {{AT(fps_num), 1000}, {AT(fps_den), 1}}, 0},
    {"frame rate", {{AT(fps_num), 1001}, {AT(fps_den), 1}}, CULVERT_E_RANGE},
    {"frame rate", {{AT(fps_num), 1000000000}, {AT(fps_den), 1000000}}, 0},
    {"frame rate", {{AT(fps_num), 1000000000}, {AT(fps_den), 999999}}, CULVERT_E_RANGE},
    {"frame rate", {{AT(fps_num), 1000000000}, {AT(fps_den), 1000000000}}, 0},
    {"frame rate", {{AT(fps_num), 1000000001}, {AT(fps_den), 1000000000}}, CULVERT_E_RANGE},
    {"frame rate", {{AT(fps_num), MOST}, {AT(fps_den), MOST}}, CULVERT_E_RANGE},
    {"canvas", {{AT(canvas_width), 64}, {AT(canvas_height), 64}}, CULVERT_E_RANGE},
    {"max_width", {{AT(max_width), 0}, {AT(max_height), 0}}, 0},
    {"max_width", {{AT(max_width), 0}, {AT(max_height), 64}}, CULVERT_E_RANGE},
    {"max_height", {{AT(max_width), 64}, {AT(max_height), 0}}, CULVERT_E_RANGE},
    {"max_width", {{AT(max_width), 1}, {AT(max_height), 2}}, CULVERT_E_RANGE},
    {"max_height", {{AT(max_width), 2}, {AT(max_height), 1}}, CULVERT_E_RANGE},
    {"max_width", {{AT(max_width), 2}, {AT(max_height), 2}}, 0},
    {"max_width", {{AT(max_width), 3}, {AT(max_height), 3}}, 0},
    {"max_width", {{AT(max_width), 16384}, {AT(max_height), 2}}, 0},
    {"max_width", {{AT(max_width), 16385}, {AT(max_height), 2}}, CULVERT_E_RANGE},
    {"max_height", {{AT(max_width), 2}, {AT(max_height), 16384}}, 0},
    {"max_height", {{AT(max_width), 2}, {AT(max_height), 16385}}, CULVERT_E_RANGE},
    {"max_width", {{AT(max_width), MOST}, {AT(max_height), MOST}}, CULVERT_E_RANGE},
    {"slots", {{AT(slots), 0}, {AT(policy), CULVERT_POLICY_LATEST}}, 0},
    {"slots", {{AT(slots), 3}, {AT(policy), CULVERT_POLICY_LATEST}}, CULVERT_E_RANGE},
    {"slots", {{AT(slots), 4}, {AT(policy), CULVERT_POLICY_LATEST}}, CULVERT_E_RANGE},
};

START_TEST(fields_that_go_together_are_checked_together)
{
    struct culvert_config config = small_config();
    for (int i = 0; i < 2; i++)
        set(&config, pairs[_i].set[i].offset, pairs[_i].set[i].value);
    check_open(&config, pairs[_i].error, pairs[_i].named);
}
END_TEST

static const struct {
    uint32_t width, height;
    int error;
} canvases[] = {
    {64, 32, 0},
    {32, 64, 0}, /* on its side */
    {2, 2, 0},
    {0, 0, 0},
    {0, 32, CULVERT_E_RANGE},
    {64, 0, CULVERT_E_RANGE},
    {63, 32, CULVERT_E_RANGE},
    {64, 31, CULVERT_E_RANGE},
    {66, 32, CULVERT_E_RANGE},
    {64, 34, CULVERT_E_RANGE},
    {34, 64, CULVERT_E_RANGE},
    {32, 66, CULVERT_E_RANGE},
};

START_TEST(a_canvas_has_even_sides_and_fits_the_largest_size_either_way_up)
{
    struct culvert_config config = small_config();
    config.max_height = 32;
    config.resize = CULVERT_RESIZE_CANVAS;
    config.canvas_width = canvases[_i].width;
    config.canvas_height = canvases[_i].height;
    check_open(&config, canvases[_i].error, "canvas");
}
END_TEST

static const struct {
    const char *named;
    size_t offset, size;
    const char *text; /* NULL: as many letters as fit, and no NUL */
    int error;
} texts[] = {
    {"name", AT(name), 32, NULL, CULVERT_E_ARGUMENT},
    {"name", AT(name), 32, "thirty-one bytes, then the NUL.", 0},
    {"endpoint", AT(endpoint), 112, NULL, CULVERT_E_ARGUMENT},
    {"endpoint", AT(endpoint), 112, "tcp:there", CULVERT_E_UNSUPPORTED},
    {"endpoint", AT(endpoint), 112, "unix:", CULVERT_E_UNSUPPORTED},
    {"unix:/nonexistent/culvertd", AT(endpoint), 112, "unix:/nonexistent/culvertd", CULVERT_E_GONE},
    {"options", AT(options), 512, NULL, CULVERT_E_ARGUMENT},
    {"pixels", AT(options), 512, "pixels=2", CULVERT_E_OPTION},
    {"picture", AT(options), 512, "pixels=1:picture=1", CULVERT_E_OPTION},
    {"pic ture", AT(options), 512, "pic\nture=\033[1m", CULVERT_E_OPTION},
    {"options", AT(options), 512, "pixels=1", 0},
};

START_TEST(a_text_of_the_config_ends_within_its_array_and_says_what_is_known)
{
    struct culvert_config config = small_config();
    char *field = (char *)&config + texts[_i].offset;
    memset(field, 'a', texts[_i].size);
    if (texts[_i].text != NULL)
        memcpy(field, texts[_i].text, strlen(texts[_i].text) + 1);
    check_open(&config, texts[_i].error, texts[_i].named);
}
END_TEST

#if HAVE_X264
static const struct {
    const char *named, *options;
    uint32_t level, bitrate_kbps;
    int error;
} h264[] = {
    {"qpfile", "qpfile=/etc/passwd", 0, 0, CULVERT_E_OPTION},
    {"stats", "subme=2:stats=/tmp/x", 0, 0, CULVERT_E_OPTION},
    {"dump-yuv", "dump-yuv=/tmp/x", 0, 0, CULVERT_E_OPTION},
    {"bitrate", "bitrate=100", 0, 0, CULVERT_E_OPTION},
    {"profile", "profile=high", 0, 0, CULVERT_E_OPTION},
    {"threads", "threads=2", 0, 0, CULVERT_E_OPTION},
    {"colormatrix", "colormatrix=bt709", 0, 0, CULVERT_E_OPTION},
    {"me", "me=nonsense", 0, 0, CULVERT_E_OPTION},
    {"subme", "subme=", 0, 0, CULVERT_E_OPTION},
    {"subme", "subme=99", 0, 0, CULVERT_E_OPTION},
    {"options", "me=hex:subme=2", 0, 0, 0},
    {"level", "", 1, 0, CULVERT_E_RANGE},
    {"level", "", 14, 0, CULVERT_E_RANGE},
    {"level", "", 10, 60, 0},
    {"level", "", 10, 500000, CULVERT_E_LEVEL},
};

START_TEST(what_h264_cannot_have_is_refused_by_name)
{
    struct culvert_config config = small_config();
    config.codec = CULVERT_CODEC_H264;
    config.level = h264[_i].level;
    config.bitrate_kbps = h264[_i].bitrate_kbps;
    snprintf(config.options, sizeof config.options, "%s", h264[_i].options);
    check_open(&config, h264[_i].error, h264[_i].named);
}
END_TEST
#endif

#define CONFIG_SIZE (uint32_t)sizeof(struct culvert_config)

static const struct extent config_extents[] = {
    {0, 0, CULVERT_E_ARGUMENT},
    {4, 0, CULVERT_E_ARGUMENT},
    {7, 0, CULVERT_E_ARGUMENT},
    {8, 0, CULVERT_E_RANGE}, /* it has no frame rate */
    {12, 0, CULVERT_E_ARGUMENT},
    {16, 0, 0},
    {72, 0, 0},
    {CONFIG_SIZE - 8, 0, 0},
    {CONFIG_SIZE - 4, 0, CULVERT_E_ARGUMENT},
    {CONFIG_SIZE - 1, 0, CULVERT_E_ARGUMENT},
    {CONFIG_SIZE, 0, 0},
    {CONFIG_SIZE + 1, 0, CULVERT_E_ARGUMENT},
    {CONFIG_SIZE + 8, 0, 0},
    {CONFIG_SIZE + 8, CONFIG_SIZE, CULVERT_E_ARGUMENT},
    {CONFIG_SIZE + 8, CONFIG_SIZE + 7, CULVERT_E_ARGUMENT},
    {4096, 0, 0},
    {4096, 4095, CULVERT_E_ARGUMENT},
    {4104, 0, CULVERT_E_ARGUMENT},
    {MOST, 0, CULVERT_E_ARGUMENT},
};

START_TEST(a_config_of_another_version_is_extended_or_refused)
{
    const struct culvert_config config = small_config();
    void *copy = extent_copy(&config, sizeof config, &config_extents[_i]);
    check_open(copy, config_extents[_i].error, config_extents[_i].error == CULVERT_E_RANGE ? "fps_num" : "size");
    free(copy);
}
END_TEST

#if SIZE_MAX == UINT32_MAX
START_TEST(what_no_address_space_has_room_for_is_refused_by_whoever_makes_it)
{
    struct culvert_config config = small_config();
    culvert_session session = 7;
    char text[256];
    /* Slots of 65 MiB: 40 MiB more than 32 bits count. */
    config.max_width = config.max_height = 6720;
    config.slots = 64;
    ck_assert_int_eq(culvert_open(&config, &session, text, sizeof text), apart() ? CULVERT_E_LIMIT : CULVERT_E_MEMORY);
    ck_assert_uint_eq(session, 7);
}
END_TEST
#endif

START_TEST(open_takes_no_null_but_for_its_text_and_cuts_that)
{
    struct culvert_config config = small_config();
    culvert_session session = 7;
    char text[16];
    ck_assert_int_eq(culvert_open(NULL, &session, text, sizeof text), CULVERT_E_ARGUMENT);
    ck_assert_uint_eq(strlen(text), sizeof text - 1);
    ck_assert_int_eq(culvert_open(&config, NULL, text, sizeof text), CULVERT_E_ARGUMENT);
    config.scale = 9;
    for (size_t size = 0; size < sizeof text; size++) {
        memset(text, 'x', sizeof text);
        ck_assert_int_eq(culvert_open(&config, &session, text, size), CULVERT_E_RANGE);
        if (size > 0)
            ck_assert_uint_eq(strlen(text), size - 1);
        ck_assert_int_eq(text[size], 'x');
    }
    ck_assert_int_eq(culvert_open(&config, &session, NULL, 0), CULVERT_E_RANGE);
    ck_assert_uint_eq(session, 7);
}
END_TEST

static const struct extent defaults_extents[] = {
    {0, 0, CULVERT_E_ARGUMENT},  {8, 0, CULVERT_E_ARGUMENT}, {15, 0, CULVERT_E_ARGUMENT}, {16, 0, 0},
    {20, 0, CULVERT_E_ARGUMENT}, {CONFIG_SIZE, 0, 0},        {CONFIG_SIZE + 8, 0, 0},
};

START_TEST(defaults_fill_the_struct_that_the_host_has_and_no_byte_more)
{
    const struct extent *extent = &defaults_extents[_i];
    uint8_t *block = malloc(extent->size + 1);
    memset(block, 0xa5, extent->size + 1);
    ck_assert_int_eq(culvert_config_defaults((void *)block, extent->size), extent->error);
    ck_assert_uint_eq(block[extent->size], 0xa5);
    if (extent->error == 0)
        ck_assert_mem_eq(block, &extent->size, 4);
    else
        ck_assert_uint_eq(block[0], 0xa5);
    free(block);
    ck_assert_int_eq(culvert_config_defaults(NULL, extent->size), CULVERT_E_ARGUMENT);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("bad config");
    TCase *tcase = tcase_create("open");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_field_is_taken_up_to_its_limits_and_refused_by_name_beyond, 0, LENGTH(fields));
    tcase_add_loop_test(tcase, fields_that_go_together_are_checked_together, 0, LENGTH(pairs));
    tcase_add_loop_test(tcase, a_canvas_has_even_sides_and_fits_the_largest_size_either_way_up, 0, LENGTH(canvases));
    tcase_add_loop_test(tcase, a_text_of_the_config_ends_within_its_array_and_says_what_is_known, 0, LENGTH(texts));
#if HAVE_X264
    tcase_add_loop_test(tcase, what_h264_cannot_have_is_refused_by_name, 0, LENGTH(h264));
#endif
    tcase_add_loop_test(tcase, a_config_of_another_version_is_extended_or_refused, 0, LENGTH(config_extents));
#if SIZE_MAX == UINT32_MAX
    tcase_add_test(tcase, what_no_address_space_has_room_for_is_refused_by_whoever_makes_it);
#endif
    tcase_add_test(tcase, open_takes_no_null_but_for_its_text_and_cuts_that);
    tcase_add_loop_test(tcase, defaults_fill_the_struct_that_the_host_has_and_no_byte_more, 0,
                        LENGTH(defaults_extents));
    suite_add_tcase(suite, tcase);
    return suite;
}
