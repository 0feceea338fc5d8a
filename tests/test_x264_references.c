#include "run.h"

#include <string.h>

#include "rig.h"

#define PICTURES 500

static struct rig rig_keeping(uint32_t references)
{
    struct rig rig = rig_of(&codec_x264, 64, 64);
    rig.config.references = references;
    rig_open(&rig);
    return rig;
}

static void encode(struct rig *rig, bool key)
{
    rig_draw(rig);
    rig_encode(rig, key);
}

static void encode_some(struct rig *rig, int count)
{
    for (int i = 0; i < count; i++)
        encode(rig, false);
}

/* ---- What is announced and named */

static const uint32_t sizes[] = {0, 2, 3, 8, 14, 15, 16};

/* Of frame_num. A reference, and the picture that refers to it, are never a whole one apart. */
static uint32_t cycle(uint32_t references)
{
    return references < 15 ? 16 : 32;
}

START_TEST(as_many_references_are_announced_as_are_set_and_one_is_searched)
{
    struct rig rig = rig_keeping(sizes[_i]);
    const uint32_t expected = sizes[_i] != 0 ? sizes[_i] : 1;
    struct sps sps;
    struct pps pps;
    encode(&rig, false);
    rig_sps(&rig, &sps);
    ck_assert(pps_parse(nal_find(rig.nal, rig.nals, NAL_TYPE_PPS), &pps));
    ck_assert(sps.ref_frames == expected && sps.decoder_frames == expected && sps.reorder_frames == 0);
    ck_assert_uint_eq(pps.ref_frames, 1);
    ck_assert_uint_eq(1u << sps.frame_num_bits, cycle(sizes[_i]));
    rig_close(&rig);
}
END_TEST

static const uint32_t widths[] = {16, 64, 320, 1280, 1920, 2576, 8176};

/* The rest of the SPS is what it would be without, or it would not say these. */
START_TEST(gaps_in_frame_num_are_allowed_where_references_are_kept_and_there_alone)
{
    for (uint32_t references = 0; references <= 16; references += references == 0 ? 2 : 1) {
        for (uint32_t variant = 0; variant < 6; variant++) {
            struct rig rig = rig_of(&codec_x264, widths[_i], 32);
            rig.config.references = references;
            rig.config.profile = variant % 3 + CULVERT_PROFILE_BASELINE;
            rig.config.slices = variant / 3;
            struct sps sps;
            rig_open(&rig);
            rig_encode(&rig, false);
            rig_sps(&rig, &sps);
            ck_assert_int_eq(sps.gaps, references != 0);
            ck_assert_uint_eq(sps.ref_frames, references != 0 ? references : 1);
            ck_assert(sps.width == widths[_i] && sps.height == 32 && sps.decoder_frames == sps.ref_frames);
            ck_assert(sps.time_scale == 120 * sps.units_in_tick && sps.sar_num == 1 && sps.matrix == 6);
            rig_close(&rig);
        }
    }
}
END_TEST

/* What a decoder has, picture by picture. */
struct model {
    uint32_t size, idr;
    bool lost[PICTURES];
    uint32_t random;
};

static uint32_t draw(struct model *model, uint32_t below)
{
    model->random = model->random * 1664525u + 1013904223u;
    return (model->random >> 16) % below;
}

/* The last picture that the next one can refer to. */
static bool find_reference(const struct model *model, uint32_t picture, uint32_t *found)
{
    for (uint32_t back = 1; back <= model->size && picture >= model->idr + back; back++) {
        *found = picture - back;
        if (!model->lost[*found])
            return true;
    }
    return false;
}

static bool lose_some(struct rig *rig, struct model *model)
{
    const uint32_t most = rig->pictures < 20 ? rig->pictures : 20;
    const uint32_t from = rig->pictures - draw(model, most + 1);
    uint32_t left, again = rig->pictures;
    for (uint32_t i = from; i < rig->pictures; i++) {
        model->lost[i] = true;
        again = (i - model->idr) % cycle(model->size) == 0 ? i : again;
    }
    const bool expected = rig->pictures == 0 || (again == rig->pictures && find_reference(model, again, &left));
    ck_assert_int_eq(codec_x264.forget(rig->encoder, RIG_PTS(from)), expected);
    return !expected;
}

static void check_reference(const struct rig *rig, const struct model *model, const struct sps *sps)
{
    const uint32_t picture = rig->pictures - 1;
    uint32_t expected;
    unsigned back;
    ck_assert(find_reference(model, picture, &expected));
    ck_assert_uint_eq(rig->unit.references, 1);
    ck_assert_int_eq(rig->unit.reference[0], RIG_PTS(expected));
    ck_assert(slice_refers(nal_find(rig->nal, rig->nals, NAL_TYPE_P), sps, &back));
    ck_assert_uint_eq(picture - back, expected);
}

START_TEST(each_picture_refers_to_the_one_that_its_unit_names_and_to_none_that_was_lost)
{
    struct rig rig = rig_keeping(sizes[_i]);
    struct model model = {.size = sizes[_i] != 0 ? sizes[_i] : 1, .random = (uint32_t)_i};
    struct sps sps;
    bool owed = true;
    while (rig.pictures < PICTURES) {
        if (draw(&model, 5) == 0)
            owed = lose_some(&rig, &model) || owed;
        /* Without being asked for a key frame that is owed, it makes one all the same. */
        encode(&rig, draw(&model, 40) == 0 || (owed && draw(&model, 2) == 0));
        ck_assert(rig.unit.key || !owed);
        if (rig.unit.key) {
            model.idr = rig.pictures - 1;
            rig_sps(&rig, &sps);
            ck_assert_uint_eq(rig.unit.references, 0);
        } else
            check_reference(&rig, &model, &sps);
        owed = false;
    }
    rig_close(&rig);
}
END_TEST

/* ---- What is left after a loss */

START_TEST(before_the_first_picture_nothing_is_lost)
{
    struct rig rig = rig_keeping(4);
    ck_assert(codec_x264.forget(rig.encoder, 0));
    encode(&rig, false);
    ck_assert(rig.unit.key);
    rig_close(&rig);
}
END_TEST

START_TEST(pictures_that_are_not_encoded_yet_are_nobodys_loss)
{
    for (uint32_t references = 0; references <= 16; references += 4) {
        struct rig rig = rig_keeping(references);
        encode_some(&rig, 3);
        ck_assert(codec_x264.forget(rig.encoder, RIG_PTS(2) + 1));
        encode(&rig, false);
        ck_assert(!rig.unit.key && rig.unit.reference[0] == RIG_PTS(2));
        rig_close(&rig);
    }
}
END_TEST

START_TEST(without_references_kept_every_loss_needs_a_key_frame)
{
    struct rig rig = rig_keeping(0);
    encode_some(&rig, 3);
    ck_assert(!codec_x264.forget(rig.encoder, RIG_PTS(2)));
    ck_assert(!codec_x264.forget(rig.encoder, RIG_PTS(0)));
    encode(&rig, true);
    encode(&rig, false);
    ck_assert(!rig.unit.key && rig.unit.reference[0] == RIG_PTS(3));
    rig_close(&rig);
}
END_TEST

static const int64_t offsets[] = {INT64_MIN / 2, -1, 0, 1};

START_TEST(a_loss_that_reaches_to_the_last_key_frame_or_before_it_needs_another)
{
    struct rig rig = rig_keeping(16);
    encode_some(&rig, 3);
    encode(&rig, true);
    encode_some(&rig, 2);
    ck_assert_int_eq(codec_x264.forget(rig.encoder, RIG_PTS(3) + offsets[_i]), offsets[_i] > 0);
    encode(&rig, offsets[_i] <= 0);
    ck_assert_uint_eq(rig.unit.key, offsets[_i] <= 0);
    ck_assert(rig.unit.key || rig.unit.reference[0] == RIG_PTS(3));
    rig_close(&rig);
}
END_TEST

START_TEST(as_many_pictures_may_be_lost_as_are_kept_but_one)
{
    for (uint32_t lost = 1; lost <= 16; lost++) {
        struct rig rig = rig_keeping(16);
        encode_some(&rig, 32);
        ck_assert_int_eq(codec_x264.forget(rig.encoder, RIG_PTS(32 - lost)), lost < 16);
        if (lost < 16) {
            encode(&rig, false);
            ck_assert(!rig.unit.key && rig.unit.reference[0] == RIG_PTS(31 - lost));
        }
        rig_close(&rig);
    }
}
END_TEST

START_TEST(a_loss_within_which_frame_num_begins_again_needs_a_key_frame)
{
    for (uint32_t references = 4; references <= 16; references += 12) {
        const uint32_t again = cycle(references);
        for (uint32_t from = again - 1; from <= again + 1; from++) {
            struct rig rig = rig_keeping(references);
            encode_some(&rig, (int)again + 2);
            ck_assert_int_eq(codec_x264.forget(rig.encoder, RIG_PTS(from)), from > again);
            encode(&rig, from <= again);
            /* The cycle counts from the key frame. */
            encode_some(&rig, (int)again - 1);
            ck_assert(from > again || codec_x264.forget(rig.encoder, RIG_PTS(rig.pictures - 2)));
            rig_close(&rig);
        }
    }
}
END_TEST

START_TEST(several_losses_before_the_next_picture_add_up)
{
    struct rig rig = rig_keeping(8);
    encode_some(&rig, 30);
    ck_assert(codec_x264.forget(rig.encoder, RIG_PTS(28)));
    ck_assert(codec_x264.forget(rig.encoder, RIG_PTS(25)));
    ck_assert(codec_x264.forget(rig.encoder, RIG_PTS(29)));
    encode(&rig, false);
    ck_assert_int_eq(rig.unit.reference[0], RIG_PTS(24));
    ck_assert(!codec_x264.forget(rig.encoder, RIG_PTS(23)));
    ck_assert(!codec_x264.forget(rig.encoder, RIG_PTS(30)));
    rig_close(&rig);
}
END_TEST

START_TEST(two_encoders_of_one_stream_forget_each_their_own)
{
    struct rig one = rig_keeping(4), other = rig_of(&codec_x264, 128, 64);
    other.stream = one.stream;
    rig_open(&other);
    encode_some(&one, 4);
    encode_some(&other, 4);
    ck_assert(codec_x264.forget(one.encoder, RIG_PTS(2)));
    encode(&one, false);
    encode(&other, false);
    ck_assert_int_eq(one.unit.reference[0], RIG_PTS(1));
    ck_assert_int_eq(other.unit.reference[0], RIG_PTS(3));
    other.stream = NULL;
    rig_close(&other);
    rig_close(&one);
}
END_TEST

/* ---- Levels */

static const struct {
    uint32_t width, height, references, level;
    const char *refused; /* what the reason says; NULL: it fits */
} limits[] = {
    {1280, 720, 5, 31, NULL}, /* 18000 macroblocks */
    {1280, 720, 6, 31, "1280x720 with 6 references needs level 4.0; this session allows 3.1: lower references"},
    {1280, 720, 16, 42, "1280x720 with 16 references needs level 5.0; this session allows 4.2"},
    {1280, 720, 16, 50, NULL},
    {1920, 1088, 4, 40, NULL},
    {1920, 1088, 5, 40, "1920x1088 with 5 references needs level 5.0"},
    {320, 240, 7, 13, NULL}, /* 2376 */
    {320, 240, 8, 13, "320x240 with 8 references needs level 2.1"},
    {1936, 1088, 16, 62, NULL},
    {8192, 4352, 5, 62, NULL},
    {8192, 4352, 6, 62, "8192x4352 with 6 references needs more than any level"},
    {8192, 4352, 16, 0, NULL},
    {1936, 1088, 16, 42, "1936x1088 with 16 references needs level 5.1"},
    {2720, 16, 4, 31, "2720x16 needs level 3.2"}};

START_TEST(a_level_holds_its_references_and_refuses_the_next)
{
    struct rig rig = rig_of(&codec_x264, limits[_i].width, limits[_i].height);
    rig.config.references = limits[_i].references;
    rig.config.level = limits[_i].level;
    rig.rate = (struct codec_rate){384, 70, 15, 1, 8};
    const int result = codec_x264.admit(&rig.config, &rig.geometry, &rig.rate, rig.why);
    ck_assert_int_eq(result, limits[_i].refused == NULL ? 0 : CULVERT_E_LEVEL);
    if (limits[_i].refused != NULL)
        ck_assert_msg(strstr(rig.why, limits[_i].refused) != NULL, "%s", rig.why);
}
END_TEST

START_TEST(references_raise_the_level_that_is_announced)
{
    static const unsigned levels[] = {32, 32, 32, 32, 40, 40, 40, 40, 50, 50, 50, 50, 50, 50, 50};
    for (uint32_t references = 2; references <= 16; references++) {
        struct rig rig = rig_of(&codec_x264, 1280, 720);
        rig.config.references = references;
        struct sps sps;
        rig_open(&rig);
        rig_encode(&rig, false);
        rig_sps(&rig, &sps);
        ck_assert_uint_eq(sps.level, levels[references - 2]);
        rig_close(&rig);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *const suite = suite_create("x264_references");
    TCase *tcase = add_case(suite, "named");
    LOOP(tcase, as_many_references_are_announced_as_are_set_and_one_is_searched, sizes);

    LOOP(tcase, gaps_in_frame_num_are_allowed_where_references_are_kept_and_there_alone, widths);

    tcase = add_case(suite, "left");
    tcase_add_test(tcase, before_the_first_picture_nothing_is_lost);
    tcase_add_test(tcase, pictures_that_are_not_encoded_yet_are_nobodys_loss);
    tcase_add_test(tcase, without_references_kept_every_loss_needs_a_key_frame);
    LOOP(tcase, a_loss_that_reaches_to_the_last_key_frame_or_before_it_needs_another, offsets);
    tcase_add_test(tcase, as_many_pictures_may_be_lost_as_are_kept_but_one);
    tcase_add_test(tcase, a_loss_within_which_frame_num_begins_again_needs_a_key_frame);
    tcase_add_test(tcase, several_losses_before_the_next_picture_add_up);
    tcase_add_test(tcase, two_encoders_of_one_stream_forget_each_their_own);

    tcase = add_case(suite, "levels");
    LOOP(tcase, a_level_holds_its_references_and_refuses_the_next, limits);

    tcase = add_case(suite, "figures");
    tcase_set_tags(tcase, "long");
    LOOP(tcase, each_picture_refers_to_the_one_that_its_unit_names_and_to_none_that_was_lost, sizes);
    tcase_add_test(tcase, references_raise_the_level_that_is_announced);
    return suite;
}
