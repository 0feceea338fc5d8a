#include "run.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <x264.h>

#include "rig.h"

#define SLICES 8

/* ---- In front of x264's own functions */

static x264_param_t opened;                 /* what the encoder opened last was opened with */
static _Atomic unsigned units_made;         /* NAL units */
static enum { NEVER, BEFORE, AFTER } fails; /* an encode, without a slice or with all of them */
static void *opaque;                        /* of the picture encoded last */
static x264_t *encoder;                     /* that did it */

static void *real(const char *name)
{
    void *const function = dlsym(RTLD_NEXT, name);
    ck_assert_ptr_nonnull(function);
    return function;
}

#define TEXT_OF(name) #name
#define NAME_OF(macro) TEXT_OF(macro)

x264_t *x264_encoder_open(x264_param_t *param)
{
    x264_t *(*open)(x264_param_t *);
    *(void **)&open = real(NAME_OF(x264_encoder_open));
    opened = *param;
    return open(param);
}

void x264_nal_encode(x264_t *x264, uint8_t *to, x264_nal_t *nal)
{
    void (*encode)(x264_t *, uint8_t *, x264_nal_t *);
    *(void **)&encode = real("x264_nal_encode");
    encode(x264, to, nal);
    atomic_fetch_add(&units_made, 1);
}

int x264_encoder_encode(x264_t *x264, x264_nal_t **nals, int *count, x264_picture_t *in, x264_picture_t *out)
{
    int (*encode)(x264_t *, x264_nal_t **, int *, x264_picture_t *, x264_picture_t *);
    *(void **)&encode = real("x264_encoder_encode");
    opaque = in->opaque;
    encoder = x264;
    if (fails == BEFORE)
        return -1;
    const int bytes = encode(x264, nals, count, in, out);
    return fails == AFTER ? -1 : bytes;
}

/* ---- What is handed out */

static struct {
    uint32_t count;
    size_t begin[SLICES + 1]; /* in the rig's buffer */
    bool key[SLICES], last[SLICES];
    unsigned made[SLICES]; /* units_made when it came */
    atomic_flag inside;
    bool crossed; /* two calls at a time */
} handed = {.inside = ATOMIC_FLAG_INIT};

static void record(void *context, const uint8_t *data, size_t bytes, bool key, bool last)
{
    struct rig *const rig = context;
    handed.crossed |= atomic_flag_test_and_set(&handed.inside);
    ck_assert_uint_lt(handed.count, SLICES);
    handed.begin[handed.count] = rig->joined;
    handed.key[handed.count] = key;
    handed.last[handed.count] = last;
    handed.made[handed.count] = atomic_load(&units_made);
    rig_join(rig, data, bytes, key, last);
    handed.begin[++handed.count] = rig->joined;
    atomic_flag_clear(&handed.inside);
}

static void record_slowly(void *context, const uint8_t *data, size_t bytes, bool key, bool last)
{
    handed.crossed |= atomic_flag_test_and_set(&handed.inside);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    atomic_flag_clear(&handed.inside);
    record(context, data, bytes, key, last);
}

static struct rig rig_sliced(uint32_t width, uint32_t height, uint32_t slices, uint32_t threads)
{
    struct rig rig = rig_of(&codec_x264, width, height);
    rig.config.slices = slices;
    rig.config.threads = threads;
    rig.slice = record;
    rig_open(&rig);
    return rig;
}

static void encode(struct rig *rig, bool key)
{
    handed.count = 0;
    rig_draw(rig);
    rig_encode(rig, key);
}

static void check_slice(const struct rig *rig, uint32_t index, unsigned *before)
{
    struct nal_unit unit[8];
    const bool key = rig->unit.key, parameters = key && index == 0;
    const size_t begin = handed.begin[index], bytes = handed.begin[index + 1] - begin;
    const size_t units = nal_split(rig->buffer + begin, bytes, unit, 8);
    struct slice slice;
    ck_assert_uint_ge(units, 1);
    ck_assert_uint_eq(unit[0].type == NAL_TYPE_SPS, parameters);
    ck_assert_uint_eq(nal_count(unit, units, NAL_TYPE_PPS), parameters);
    ck_assert(slice_parse(&unit[units - 1], &slice));
    ck_assert_uint_eq(nal_count(unit, units, key ? NAL_TYPE_IDR : NAL_TYPE_P), 1);
    ck_assert(parameters || units == 1);
    ck_assert(index == 0 ? slice.first_macroblock == 0 : slice.first_macroblock > *before);
    ck_assert(handed.key[index] == key && handed.last[index] == (index + 1 == handed.count));
    *before = slice.first_macroblock;
}

static void check_unit(const struct rig *rig, uint32_t expected)
{
    unsigned before = 0;
    ck_assert_uint_eq(handed.count, expected);
    ck_assert_uint_eq(rig->unit.slices, expected);
    ck_assert_uint_eq(rig->unit.bytes, rig->joined);
    for (uint32_t i = 0; i < handed.count; i++)
        check_slice(rig, i, &before);
}

static const struct {
    uint32_t width, height, slices, threads, expected;
} shapes[] = {{2, 2, 1, 1, 1},      {2, 2, 8, 8, 1},      {64, 64, 8, 8, 4},   {256, 224, 2, 1, 2},
              {256, 224, 3, 3, 3},  {256, 224, 8, 1, 8},  {320, 240, 1, 8, 1}, {320, 240, 5, 2, 5},
              {64, 512, 6, 8, 6},   {640, 480, 4, 4, 4},  {640, 480, 7, 7, 7}, {640, 480, 8, 8, 8},
              {1280, 720, 8, 1, 8}, {1280, 720, 8, 4, 8}, {1280, 720, 8, 8, 8}};

START_TEST(slices_come_in_order_with_their_flags_and_parameter_sets_before_the_first)
{
    struct rig rig = rig_sliced(shapes[_i].width, shapes[_i].height, shapes[_i].slices, shapes[_i].threads);
    for (int i = 0; i < 12; i++) {
        encode(&rig, i == 5);
        ck_assert_uint_eq(rig.unit.key, i == 0 || i == 5);
        check_unit(&rig, shapes[_i].expected);
    }
    ck_assert(!handed.crossed);
    rig_close(&rig);
}
END_TEST

START_TEST(threads_that_are_done_at_the_same_time_hand_out_one_after_the_other)
{
    struct rig rig = rig_sliced(640, 480, 7, 7);
    rig.slice = record_slowly;
    for (int i = 0; i < 8; i++) {
        encode(&rig, false);
        check_unit(&rig, 7);
    }
    ck_assert(!handed.crossed);
    rig_close(&rig);
}
END_TEST

START_TEST(a_slice_is_handed_out_before_the_next_one_is_made)
{
    struct rig rig = rig_sliced(1280, 720, SLICES, 1);
    for (int i = 0; i < 3; i++) {
        atomic_store(&units_made, 0);
        encode(&rig, i == 1);
        const unsigned headers = i == 0 ? 3 : i == 1 ? 2 : 0;
        for (unsigned slice = 0; slice < SLICES; slice++)
            ck_assert_uint_eq(handed.made[slice], headers + slice + 1);
    }
    rig_close(&rig);
}
END_TEST

/* ---- Against whole access units */

/* The same pictures by an encoder of the same parameters that returns them whole. */
struct whole {
    x264_t *x264;
    x264_nal_t *nal;
    int count;
};

static void whole_encode(struct whole *whole, const struct rig *rig, bool key)
{
    const size_t area = (size_t)rig->geometry.width * rig->geometry.height;
    const int width = (int)rig->geometry.width;
    x264_picture_t in, out;
    x264_picture_init(&in);
    in.i_type = key ? X264_TYPE_IDR : X264_TYPE_AUTO;
    in.img = (x264_image_t){.i_csp = X264_CSP_I420, .i_plane = 3, .i_stride = {width, width / 2, width / 2}};
    in.img.plane[0] = rig->pixels;
    in.img.plane[1] = rig->pixels + area;
    in.img.plane[2] = rig->pixels + area * 5 / 4;
    in.i_pts = rig->pictures - 1;
    ck_assert_int_gt(x264_encoder_encode(whole->x264, &whole->nal, &whole->count, &in, &out), 0);
}

static void check_same(const struct whole *whole, const struct rig *rig)
{
    size_t at = 0;
    for (int i = 0; i < whole->count; i++) {
        const x264_nal_t *const nal = &whole->nal[i];
        if (whole->count > 10 && nal->i_type == NAL_SEI)
            continue;
        ck_assert_uint_le(at + (size_t)nal->i_payload, rig->joined);
        ck_assert_int_eq(memcmp(rig->buffer + at, nal->p_payload, (size_t)nal->i_payload), 0);
        at += (size_t)nal->i_payload;
    }
    ck_assert_uint_eq(at, rig->joined);
}

START_TEST(slices_joined_are_the_access_unit_that_x264_makes_without_them)
{
    struct rig rig = rig_of(&codec_x264, shapes[_i].width, shapes[_i].height);
    rig.config.slices = shapes[_i].slices;
    rig.config.threads = shapes[_i].threads;
    rig.slice = record;
    /* Rate control would differ by the start codes of the headers, which x264 counts twice when they are handed out,
     * and with threads by their order. */
    strcpy(rig.config.options, "qpmin=28:qpmax=28");
    rig_open(&rig);
    opened.nalu_process = NULL;
    opened.i_log_level = X264_LOG_NONE;
    struct whole whole = {.x264 = x264_encoder_open(&opened)};
    for (int i = 0; i < 30; i++) {
        encode(&rig, i == 9);
        whole_encode(&whole, &rig, i == 9);
        check_same(&whole, &rig);
    }
    x264_encoder_close(whole.x264);
    rig_close(&rig);
}
END_TEST

/* ---- Otherwise */

START_TEST(what_was_handed_out_before_a_failure_is_told)
{
    struct rig rig = rig_sliced(320, 240, 4, 1);
    encode(&rig, false);
    fails = AFTER;
    handed.count = 0;
    ck_assert_int_eq(rig_encode_into(&rig, false, rig.capacity), CULVERT_E_CODEC);
    fails = NEVER;
    ck_assert_uint_eq(handed.count, 4);
    ck_assert_uint_eq(rig.unit.slices, 4);
    ck_assert_uint_eq(rig.unit.bytes, rig.joined);
    ck_assert_str_ne(rig.why, "");
    rig_close(&rig);
}
END_TEST

START_TEST(a_slice_that_a_thread_brings_after_the_encode_is_not_handed_out)
{
    struct rig rig = rig_sliced(320, 240, 1, 1);
    uint8_t payload[64] = {1};
    x264_nal_t nal = {.i_type = NAL_SLICE, .i_last_mb = 299, .i_payload = 16, .p_payload = payload};
    handed.count = 0;
    fails = BEFORE;
    ck_assert_int_eq(rig_encode_into(&rig, false, rig.capacity), CULVERT_E_CODEC);
    fails = NEVER;
    opened.nalu_process(encoder, &nal, opaque);
    ck_assert_uint_eq(handed.count, 0);
    rig_close(&rig);
}
END_TEST

START_TEST(without_a_wish_for_slices_the_access_unit_lies_in_the_buffer)
{
    struct rig rig = rig_sliced(640, 480, 0, 4);
    encode(&rig, false);
    ck_assert_uint_eq(handed.count, 0);
    ck_assert_uint_eq(rig.unit.slices, 0);
    ck_assert_uint_eq(rig_slices(&rig), 4);
    rig_close(&rig);
}
END_TEST

Suite *test_suite(void)
{
    Suite *const suite = suite_create("x264_slices");
    TCase *tcase = add_case(suite, "slices");
    LOOP(tcase, slices_come_in_order_with_their_flags_and_parameter_sets_before_the_first, shapes);
    tcase_add_test(tcase, threads_that_are_done_at_the_same_time_hand_out_one_after_the_other);
    tcase_add_test(tcase, a_slice_is_handed_out_before_the_next_one_is_made);
    tcase_add_test(tcase, what_was_handed_out_before_a_failure_is_told);
    tcase_add_test(tcase, a_slice_that_a_thread_brings_after_the_encode_is_not_handed_out);
    tcase_add_test(tcase, without_a_wish_for_slices_the_access_unit_lies_in_the_buffer);

    tcase = add_case(suite, "figures");
    tcase_set_tags(tcase, "long");
    LOOP(tcase, slices_joined_are_the_access_unit_that_x264_makes_without_them, shapes);
    return suite;
}
