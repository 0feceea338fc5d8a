#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "culvert/culvert.h"
#include "run.h"

#define LENGTH(table) (int)(sizeof(table) / sizeof(table)[0])

/* ---- Structs: every field in its order, of a type that is the same everywhere ----------------------------------- */

struct field {
    const char *name;
    size_t offset, bytes;
    size_t promised; /* bytes of the type that is given here */
    bool typed;      /* it has that type */
};

/* clang-format off */
#define FIELD(of, type, field)                                                                                         \
    {#field, offsetof(struct of, field), sizeof(((struct of *)0)->field), sizeof(type),                                \
     _Generic(((struct of *)0)->field, type: true, default: false)}
#define ARRAY(of, type, field, count)                                                                                  \
    {#field, offsetof(struct of, field), sizeof(((struct of *)0)->field), sizeof(type[count]),                         \
     _Generic(((struct of *)0)->field, type *: true, default: false)}
/* clang-format on */

#define U32(field) FIELD(OF, uint32_t, field)
#define I32(field) FIELD(OF, int32_t, field)
#define U64(field) FIELD(OF, uint64_t, field)
#define I64(field) FIELD(OF, int64_t, field)

#define OF culvert_config
static const struct field config[] = {
    U32(size),
    U32(codec),
    U32(fps_num),
    U32(fps_den),
    U32(bitrate_kbps),
    U32(burst_ms),
    I32(speed),
    U32(threads),
    U32(slices),
    U32(keyint),
    U32(profile),
    U32(level),
    U32(max_width),
    U32(max_height),
    U32(scale),
    U32(policy),
    U32(slots),
    U32(flags),
    ARRAY(OF, char, name, 32),
    ARRAY(OF, char, endpoint, 112),
    ARRAY(OF, char, options, 512),
    U32(resize),
    U32(filter),
    U32(warm),
    U32(canvas_width),
    U32(canvas_height),
    U32(floor),
    U32(references),
    U32(layers),
    U32(refresh_ms),
    U32(reserved),
};
#undef OF

#define OF culvert_frame
static const struct field frame[] = {
    U32(size),
    U32(format),
    U32(width),
    U32(height),
    ARRAY(OF, uint32_t, offset, 3),
    ARRAY(OF, uint32_t, stride, 3),
    I64(pts),
    U32(rotation),
    U32(flip),
    U32(aspect_num),
    U32(aspect_den),
    U32(matrix),
    U32(range),
    U32(flags),
    U32(reserved),
};
#undef OF

#define OF culvert_packet
static const struct field packet[] = {
    U32(size),         U32(flags),
    I64(pts),          I64(duration),
    U64(frame),        U32(epoch),
    U32(control),      U32(width),
    U32(height),       U32(coded_width),
    U32(coded_height), U32(aspect_num),
    U32(aspect_den),   U32(matrix),
    U32(range),        U32(primaries),
    U32(transfer),     U32(layer),
    U32(qp),           U32(wait_us),
    U32(convert_us),   U32(encode_us),
    U32(tl0),          U32(references),
    U32(reserved),     ARRAY(OF, int64_t, reference, 3),
};
#undef OF

#define OF culvert_latency
static const struct field latency[] = {U32(p50), U32(p95), U32(p99), U32(max)};
#undef OF

#define OF culvert_stats
#define LATENCY(field) FIELD(OF, struct culvert_latency, field)
static const struct field stats[] = {
    U32(size),           U32(slots),        U64(submitted), U64(settled),   U64(encoded),   U64(skipped),
    U64(repeated),       U64(dropped),      U64(lost),      U64(failed),    U64(inserted),  U64(packets),
    U64(bytes),          U64(keyframes),    U64(epochs),    U64(reopened),  U64(restarts),  U32(control),
    U32(queued_packets), U32(bitrate_kbps), U32(fps_num),   U32(fps_den),   U32(paused),    LATENCY(wait),
    LATENCY(convert),    LATENCY(encode),   LATENCY(total), U64(overshot),  U64(scaled),    U64(refined),
    U64(refreshed),      U64(key_requests), U64(losses),    U64(recovered), U32(sent_kbps), U32(open_encoders),
};
#undef OF

static const struct {
    const char *name;
    const struct field *fields;
    int count;
    size_t bytes, promised;
} structs[] = {
    {"config", config, LENGTH(config), sizeof(struct culvert_config), 768},
    {"frame", frame, LENGTH(frame), sizeof(struct culvert_frame), 80},
    {"packet", packet, LENGTH(packet), sizeof(struct culvert_packet), 136},
    {"latency", latency, LENGTH(latency), sizeof(struct culvert_latency), 16},
    {"stats", stats, LENGTH(stats), sizeof(struct culvert_stats), 280},
};

START_TEST(fields_lie_behind_one_another_without_a_gap)
{
    size_t end = 0;
    for (int i = 0; i < structs[_i].count; i++) {
        const struct field *field = &structs[_i].fields[i];
        ck_assert_msg(field->typed && field->bytes == field->promised, "%s.%s: type", structs[_i].name, field->name);
        ck_assert_msg(field->offset == end, "%s.%s: offset %zu behind %zu", structs[_i].name, field->name,
                      field->offset, end);
        end += field->bytes;
    }
    ck_assert_uint_eq(end, structs[_i].bytes);
    ck_assert_uint_eq(structs[_i].bytes, structs[_i].promised);
    ck_assert_uint_eq(structs[_i].bytes % 8, 0);
}
END_TEST

/* i686 aligns 64 bits to 4, ARM to 8: only where both agree is the layout the same. */
START_TEST(fields_of_64_bits_lie_where_every_abi_puts_them)
{
    for (int i = 0; i < structs[_i].count; i++) {
        const struct field *field = &structs[_i].fields[i];
        ck_assert_msg(field->bytes != 8 || field->offset % 8 == 0, "%s.%s at %zu", structs[_i].name, field->name,
                      field->offset);
    }
}
END_TEST

/* ---- Numbers that never change ---------------------------------------------------------------------------------- */

static const struct {
    int number, promised;
} numbers[] = {
    {CULVERT_CODEC_DEFAULT, 0},   {CULVERT_CODEC_H264, 1},         {CULVERT_CODEC_NULL, 4},
    {CULVERT_PROFILE_DEFAULT, 0}, {CULVERT_PROFILE_BASELINE, 1},   {CULVERT_PROFILE_MAIN, 2},
    {CULVERT_PROFILE_HIGH, 3},    {CULVERT_POLICY_LATEST, 0},      {CULVERT_POLICY_BLOCK, 1},
    {CULVERT_POLICY_REJECT, 2},   {CULVERT_FORMAT_I420, 1},        {CULVERT_FORMAT_NV12, 2},
    {CULVERT_FORMAT_BGRA, 3},     {CULVERT_FORMAT_RGBA, 4},        {CULVERT_FORMAT_XRGB8888, 5},
    {CULVERT_FORMAT_RGB565, 6},   {CULVERT_FORMAT_0RGB1555, 7},    {CULVERT_MATRIX_BT601, 0},
    {CULVERT_MATRIX_BT709, 1},    {CULVERT_RANGE_LIMITED, 0},      {CULVERT_RANGE_FULL, 1},
    {CULVERT_FLIP_HORIZONTAL, 1}, {CULVERT_FLIP_VERTICAL, 2},      {CULVERT_FRAME_KEY, 1},
    {CULVERT_FRAME_SAME, 2},      {CULVERT_PACKET_KEY, 1},         {CULVERT_PACKET_INSERTED, 2},
    {CULVERT_PACKET_EPOCH, 4},    {CULVERT_PACKET_FIRST_SLICE, 8}, {CULVERT_PACKET_LAST_SLICE, 16},
    {CULVERT_LOG_NONE, 0},        {CULVERT_LOG_ERROR, 1},          {CULVERT_LOG_WARNING, 2},
    {CULVERT_LOG_INFO, 3},        {CULVERT_LOG_DEBUG, 4},          {CULVERT_SPEED_SLOWEST, -1},
};

START_TEST(constants_keep_their_numbers)
{
    ck_assert_int_eq(numbers[_i].number, numbers[_i].promised);
}
END_TEST

static const struct {
    int number;
    const char *name;
} results[] = {
    {-1, "CULVERT_E_ARGUMENT"},  {-2, "CULVERT_E_HANDLE"},  {-3, "CULVERT_E_BUSY"},    {-4, "CULVERT_E_AGAIN"},
    {-5, "CULVERT_E_TIMEOUT"},   {-6, "CULVERT_E_BUFFER"},  {-7, "CULVERT_E_SIZE"},    {-8, "CULVERT_E_LEVEL"},
    {-9, "CULVERT_E_RANGE"},     {-10, "CULVERT_E_PTS"},    {-11, "CULVERT_E_OPTION"}, {-12, "CULVERT_E_UNSUPPORTED"},
    {-13, "CULVERT_E_FINISHED"}, {-14, "CULVERT_E_MEMORY"}, {-15, "CULVERT_E_LIMIT"},  {-16, "CULVERT_E_CODEC"},
    {-17, "CULVERT_E_SYSTEM"},   {0, "CULVERT_OK"},         {1, "CULVERT_REOPENS"},    {2, "CULVERT_EOS"},
    {3, "CULVERT_REPEATED"},     {4, "CULVERT_SKIPPED"},    {5, "CULVERT_DROPPED"},    {6, "CULVERT_EARLIER"},
};

START_TEST(every_result_has_its_number_name_and_message)
{
    const char *message = culvert_strerror(results[_i].number);
    ck_assert_str_eq(culvert_error_name(results[_i].number), results[_i].name);
    ck_assert_str_ne(message, "unknown error");
    ck_assert_uint_gt(strlen(message), 3);
    ck_assert_int_ne(message[strlen(message) - 1], '.');
    for (int i = 0; i < LENGTH(results); i++)
        ck_assert(i == _i || strcmp(message, culvert_strerror(results[i].number)) != 0);
}
END_TEST

START_TEST(other_numbers_have_no_name)
{
    static const int others[] = {-21, 7, INT32_MIN, INT32_MAX, 4096};
    for (int i = 0; i < LENGTH(others); i++) {
        ck_assert_str_eq(culvert_error_name(others[i]), "");
        ck_assert_str_eq(culvert_strerror(others[i]), "unknown error");
    }
}
END_TEST

START_TEST(the_messages_are_those_of_the_header)
{
#define MESSAGE(name, number, text)             \
    ck_assert_int_eq(CULVERT_E_##name, number); \
    ck_assert_str_eq(culvert_strerror(number), text);
    CULVERT_ERRORS(MESSAGE)
#undef MESSAGE
}
END_TEST

/* ---- Versions and codecs ---------------------------------------------------------------------------------------- */

START_TEST(the_library_says_the_versions_of_its_header)
{
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", CULVERT_VERSION_MAJOR, CULVERT_VERSION_MINOR, CULVERT_VERSION_PATCH);
    ck_assert_str_eq(culvert_version(), version);
    ck_assert_uint_eq(culvert_abi_version(), CULVERT_ABI_VERSION);
}
END_TEST

START_TEST(a_codec_has_a_version_exactly_when_the_build_has_it)
{
    for (uint32_t codec = 0; codec < 20; codec++) {
        char text[256] = "untouched";
        const int known = culvert_has_codec(codec);
        const int result = culvert_codec_version(codec, text, sizeof text);
        ck_assert(known == 0 || known == 1);
        ck_assert_int_eq(result, known ? 0 : CULVERT_E_UNSUPPORTED);
        ck_assert_int_eq(strcmp(text, "untouched") == 0, !known);
        ck_assert_ptr_null(strchr(text, '\n'));
        if (!known)
            continue;
        const size_t length = strlen(text);
        char exact[256] = "untouched";
        ck_assert_int_eq(culvert_codec_version(codec, exact, length), CULVERT_E_BUFFER);
        ck_assert_str_eq(exact, "untouched");
        ck_assert_int_eq(culvert_codec_version(codec, exact, length + 1), 0);
        ck_assert_str_eq(exact, text);
    }
    ck_assert_int_eq(culvert_has_codec(CULVERT_CODEC_NULL), 1);
    ck_assert_int_eq(culvert_has_codec(CULVERT_CODEC_DEFAULT), culvert_has_codec(CULVERT_CODEC_H264));
    ck_assert_int_eq(culvert_has_codec(UINT32_MAX), 0);
}
END_TEST

START_TEST(the_defaults_are_those_that_the_header_says)
{
    struct culvert_config filled;
    ck_assert_int_eq(culvert_config_defaults(&filled, sizeof filled), 0);
    const struct culvert_config expected = {
        .size = sizeof expected,
        .codec = CULVERT_CODEC_H264,
        .bitrate_kbps = 4000,
        .burst_ms = 70,
        .speed = 8,
        .profile = CULVERT_PROFILE_BASELINE,
        .max_width = 1920,
        .max_height = 1088,
        .scale = 1,
        .name = "session",
        .warm = 3,
        .layers = 1,
        .refresh_ms = 1000,
    };
    ck_assert_mem_eq(&filled, &expected, sizeof filled);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("header");
    TCase *tcase = tcase_create("header");
    tcase_add_loop_test(tcase, fields_lie_behind_one_another_without_a_gap, 0, LENGTH(structs));
    tcase_add_loop_test(tcase, fields_of_64_bits_lie_where_every_abi_puts_them, 0, LENGTH(structs));
    tcase_add_loop_test(tcase, constants_keep_their_numbers, 0, LENGTH(numbers));
    tcase_add_loop_test(tcase, every_result_has_its_number_name_and_message, 0, LENGTH(results));
    tcase_add_test(tcase, other_numbers_have_no_name);
    tcase_add_test(tcase, the_messages_are_those_of_the_header);
    tcase_add_test(tcase, the_library_says_the_versions_of_its_header);
    tcase_add_test(tcase, a_codec_has_a_version_exactly_when_the_build_has_it);
    tcase_add_test(tcase, the_defaults_are_those_that_the_header_says);
    suite_add_tcase(suite, tcase);
    return suite;
}
