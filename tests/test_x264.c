#include "run.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "rig.h"

/* ---- What a stream announces */

static const struct {
    uint32_t width, height;
    unsigned coded_width, coded_height;
} sizes[] = {{2, 2, 16, 16},           {16, 16, 16, 16},        {256, 224, 256, 224}, {320, 240, 320, 240},
             {368, 240, 368, 240},     {512, 240, 512, 240},    {640, 480, 640, 480}, {1280, 720, 1280, 720},
             {1920, 1080, 1920, 1088}, {1920, 1088, 1920, 1088}};

static const struct {
    uint32_t profile;
    unsigned most;
} profiles[] = {{CULVERT_PROFILE_DEFAULT, 66},
                {CULVERT_PROFILE_BASELINE, 66},
                {CULVERT_PROFILE_MAIN, 77},
                {CULVERT_PROFILE_HIGH, 100}};

START_TEST(every_size_announces_its_profile_level_size_and_references)
{
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        struct rig rig = rig_of(&codec_x264, sizes[_i].width, sizes[_i].height);
        rig.config.profile = profiles[i].profile;
        rig.config.level = 42;
        struct sps sps;
        struct pps pps;
        rig_open(&rig);
        rig_encode(&rig, false);
        rig_sps(&rig, &sps);
        ck_assert(pps_parse(nal_find(rig.nal, rig.nals, NAL_TYPE_PPS), &pps));
        ck_assert_uint_eq(sps.profile, profiles[i].most);
        ck_assert(profiles[i].most != 66 || (sps.constraints & 0x40) != 0); /* constrained */
        ck_assert(profiles[i].most != 66 || (!pps.cabac && !pps.weighted && pps.slice_groups == 1));
        ck_assert_uint_eq(pps.transform_8x8, profiles[i].most == 100);
        ck_assert_uint_le(sps.level, 42);
        ck_assert_uint_eq(sps.width, sizes[_i].width);
        ck_assert_uint_eq(sps.height, sizes[_i].height);
        ck_assert_uint_eq(sps.coded_width, sizes[_i].coded_width);
        ck_assert_uint_eq(sps.coded_height, sizes[_i].coded_height);
        ck_assert_uint_eq(sps.ref_frames, 1);
        ck_assert_uint_eq(pps.ref_frames, 1);
        ck_assert_uint_eq(sps.poc_type, 2);
        ck_assert(sps.restricted && sps.reorder_frames == 0 && sps.decoder_frames == 1);
        rig_close(&rig);
    }
}
END_TEST

START_TEST(at_every_speed_the_profile_is_not_above_the_one_set_and_one_frame_is_kept)
{
    for (int32_t speed = -1; speed <= 10; speed++) {
        for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
            struct rig rig = rig_of(&codec_x264, 64, 64);
            rig.config.profile = profiles[i].profile;
            rig.config.speed = speed;
            struct sps sps;
            rig_open(&rig);
            rig_encode(&rig, false);
            rig_sps(&rig, &sps);
            ck_assert_uint_le(sps.profile, profiles[i].most);
            /* What a level allows is reckoned from this. */
            ck_assert(profiles[i].most != 100 || sps.profile == (speed == 10 ? 66 : 100));
            ck_assert(sps.ref_frames == 1 && sps.decoder_frames == 1 && sps.reorder_frames == 0);
            rig_close(&rig);
        }
    }
}
END_TEST

static const struct {
    struct codec_geometry geometry;
    unsigned sar_num, sar_den;
} pictures[] = {{{256, 224, 7, 6, 6, CULVERT_RANGE_LIMITED, 2, 2}, 7, 6},
                {{512, 240, 5, 8, 1, CULVERT_RANGE_FULL, 1, 1}, 5, 8},
                {{640, 480, 1, 1, 6, CULVERT_RANGE_FULL, 6, 6}, 1, 1},
                {{1280, 720, 65535, 65534, 1, CULVERT_RANGE_LIMITED, 2, 13}, 65535, 65534}};

START_TEST(aspect_and_colour_are_in_the_vui)
{
    struct rig rig = rig_of(&codec_x264, 2, 2);
    rig.geometry = pictures[_i].geometry;
    struct sps sps;
    rig_open(&rig);
    rig_encode(&rig, false);
    rig_sps(&rig, &sps);
    ck_assert_uint_eq(sps.sar_num, pictures[_i].sar_num);
    ck_assert_uint_eq(sps.sar_den, pictures[_i].sar_den);
    ck_assert_uint_eq(sps.full_range, pictures[_i].geometry.range == CULVERT_RANGE_FULL);
    ck_assert_uint_eq(sps.matrix, pictures[_i].geometry.matrix);
    ck_assert_uint_eq(sps.primaries, pictures[_i].geometry.primaries);
    ck_assert_uint_eq(sps.transfer, pictures[_i].geometry.transfer);
    rig_close(&rig);
}
END_TEST

static const struct {
    uint32_t num, den;
} rates[] = {{60, 1},   {30000, 1001},         {39375000, 655171},     {1, 1},
             {1000, 1}, {1000000000, 1000000}, {999999999, 1000000000}};

START_TEST(the_frame_rate_is_in_the_vui)
{
    struct rig rig = rig_of(&codec_x264, 64, 64);
    rig.rate.fps_num = rates[_i].num;
    rig.rate.fps_den = rates[_i].den;
    struct sps sps;
    rig_open(&rig);
    rig_encode(&rig, false);
    rig_sps(&rig, &sps);
    ck_assert_uint_eq((uint64_t)sps.time_scale * rates[_i].den, 2ull * sps.units_in_tick * rates[_i].num);
    rig_close(&rig);
}
END_TEST

/* ---- Slices */

static const struct {
    uint32_t width, height, most; /* rows of macroblocks */
} shapes[] = {{2, 2, 1}, {64, 16, 1}, {64, 64, 4}, {64, 112, 7}, {256, 224, 8}, {64, 480, 8}, {64, 512, 8}};

static void check_slices(struct rig *rig, uint32_t expected)
{
    unsigned before = 0, found = 0;
    for (int picture = 0; picture < 3; picture++) {
        rig_encode(rig, picture == 1);
        ck_assert_uint_eq(rig_slices(rig), expected);
    }
    for (size_t i = 0; i < rig->nals; i++) {
        struct slice slice;
        if (!slice_parse(&rig->nal[i], &slice))
            continue;
        ck_assert(found++ == 0 ? slice.first_macroblock == 0 : slice.first_macroblock > before);
        before = slice.first_macroblock;
    }
}

START_TEST(a_picture_has_the_slices_asked_for_whatever_the_threads)
{
    for (uint32_t slices = 1; slices <= 8; slices++) {
        for (uint32_t threads = 0; threads <= 8; threads += threads < 2 ? 1 : 2) {
            struct rig rig = rig_of(&codec_x264, shapes[_i].width, shapes[_i].height);
            rig.config.slices = slices;
            rig.config.threads = threads;
            rig_open(&rig);
            check_slices(&rig, slices < shapes[_i].most ? slices : shapes[_i].most);
            rig_close(&rig);
        }
    }
}
END_TEST

static const struct {
    uint32_t width, height, threads, slices;
} automatic[] = {{2, 2, 8, 1},      {64, 64, 8, 1},    {64, 112, 8, 1},   {64, 128, 8, 2},
                 {256, 224, 1, 1},  {256, 224, 2, 2},  {256, 224, 8, 3},  {640, 480, 0, 1},
                 {1280, 720, 1, 1}, {1280, 720, 3, 3}, {1280, 720, 4, 4}, {1280, 720, 8, 4}};

START_TEST(without_a_wish_each_thread_makes_a_slice_up_to_four)
{
    struct rig rig = rig_of(&codec_x264, automatic[_i].width, automatic[_i].height);
    rig.config.threads = automatic[_i].threads;
    char threads[32];
    rig_open(&rig);
    check_slices(&rig, automatic[_i].slices);
    snprintf(threads, sizeof threads, " threads=%u ", automatic[_i].slices);
    ck_assert_msg(strstr(rig_describe(&rig), threads) != NULL, "%s", rig_describe(&rig));
    rig_close(&rig);
}
END_TEST

START_TEST(eight_slices_leave_the_version_out_to_keep_to_ten_units)
{
    for (uint32_t slices = 7; slices <= 8; slices++) {
        struct rig rig = rig_of(&codec_x264, 1280, 720);
        rig.config.slices = slices;
        rig_open(&rig);
        rig_encode(&rig, false);
        ck_assert_uint_eq(nal_count(rig.nal, rig.nals, NAL_TYPE_SEI), slices == 7);
        ck_assert_uint_eq(rig.nals, 10);
        rig_close(&rig);
    }
}
END_TEST

/* ---- Encoding */

START_TEST(only_the_first_picture_and_those_asked_for_are_key_frames)
{
    struct rig rig = rig_of(&codec_x264, 320, 240);
    rig_open(&rig);
    for (uint32_t i = 0; i < 300; i++) {
        const bool asked = i == 7 || i == 8 || i == 250, key = i == 0 || asked;
        if (i % 40 == 0) /* a cut */
            memset(rig.pixels, i & 0xff, 320 * 240);
        else
            rig_draw(&rig);
        rig_encode(&rig, asked);
        ck_assert_uint_eq(rig.unit.key, key);
        ck_assert_uint_eq(nal_count(rig.nal, rig.nals, NAL_TYPE_IDR), key);
        ck_assert_uint_eq(nal_count(rig.nal, rig.nals, NAL_TYPE_SPS), key);
        ck_assert_uint_eq(nal_count(rig.nal, rig.nals, NAL_TYPE_PPS), key);
        ck_assert_uint_eq(nal_count(rig.nal, rig.nals, NAL_TYPE_SEI), i == 0);
        ck_assert_uint_le(rig.unit.qp, 51);
    }
    rig_close(&rig);
}
END_TEST

START_TEST(the_quantiser_tells_how_coarse_a_picture_is)
{
    struct rig rig = rig_of(&codec_x264, 320, 240);
    strcpy(rig.config.options, "qpmin=23:qpmax=24");
    rig_open(&rig);
    for (int i = 0; i < 5; i++) {
        rig_draw(&rig);
        rig_encode(&rig, false);
        ck_assert(rig.unit.qp == 23 || rig.unit.qp == 24);
    }
    rig_close(&rig);
}
END_TEST

START_TEST(two_encoders_of_one_stream_take_turns)
{
    struct rig large = rig_of(&codec_x264, 640, 480), small = rig_of(&codec_x264, 64, 64);
    large.config.slices = small.config.slices = 8;
    rig_open(&large);
    small.stream = large.stream;
    rig_open(&small);
    const struct codec_rate other = {1500, 70, 60, 1, 8};
    for (int i = 0; i < 20; i++) {
        struct rig *const rig = i % 2 == 0 ? &large : &small;
        if (i == 10)
            ck_assert_int_eq(codec_x264.reconfigure(large.encoder, &other), CODEC_LIVE);
        rig_draw(rig);
        rig_encode(rig, i % 3 == 0);
        ck_assert_uint_eq(rig->unit.key, i < 2 || i % 3 == 0);
        ck_assert_uint_eq(rig_slices(rig), rig == &large ? 8 : 4); /* 64 rows of pixels have no more */
        if (rig->unit.key) {
            struct sps sps;
            rig_sps(rig, &sps);
            ck_assert_uint_eq(sps.width, rig->geometry.width);
            ck_assert_uint_eq(sps.level, rig == &large ? 31 : 21);
        }
    }
    ck_assert(codec_x264.obeys(large.encoder, &other));
    ck_assert(codec_x264.obeys(small.encoder, &small.rate));
    small.stream = NULL;
    rig_close(&small);
    rig_close(&large);
}
END_TEST

static const struct {
    uint32_t width, height, profile;
    int32_t speed;
} noises[] = {{2, 2, 0, 10},    {16, 16, 0, 10},  {34, 18, 2, 8},   {256, 224, 0, 10}, {256, 224, 0, 9},
              {256, 224, 2, 8}, {256, 224, 3, 8}, {256, 224, 0, 7}, {256, 224, 3, 4}};

/* Black and white noise, and its inverse in the next picture: residuals are as large as they can be. */
static void draw_noise(struct rig *rig)
{
    const size_t bytes = (size_t)rig->geometry.width * rig->geometry.height * 3 / 2;
    static uint32_t state = 1;
    for (size_t i = 0; i < bytes; i++) {
        state = state * 1664525u + 1013904223u;
        rig->pixels[i] = rig->pictures % 2 != 0 ? (uint8_t)~rig->pixels[i] : (uint8_t)((state >> 24 & 1) * 255);
    }
}

START_TEST(the_worst_noise_at_the_finest_quantiser_stays_within_the_bound)
{
    struct rig rig = rig_of(&codec_x264, noises[_i].width, noises[_i].height);
    rig.config.profile = noises[_i].profile;
    rig.config.speed = noises[_i].speed;
    rig.config.slices = 8;
    rig.rate = (struct codec_rate){500000, 4000, 1, 1, 8};
    rig_open(&rig);
    for (int i = 0; i < 8; i++) {
        draw_noise(&rig);
        rig_encode(&rig, i == 4);
        ck_assert_uint_le(rig.unit.bytes, codec_x264.bound(&rig.geometry));
        ck_assert_uint_le(rig.unit.qp, 1);
    }
    rig_close(&rig);
}
END_TEST

START_TEST(an_access_unit_that_does_not_fit_is_not_written)
{
    struct rig rig = rig_of(&codec_x264, 64, 64);
    rig_open(&rig);
    memset(rig.buffer, 0xa5, rig.capacity);
    ck_assert_int_eq(rig_encode_into(&rig, false, 64), CULVERT_E_CODEC);
    ck_assert_uint_eq(rig.unit.bytes, 0);
    ck_assert_str_ne(rig.why, "");
    for (size_t i = 0; i < rig.capacity; i++)
        ck_assert_uint_eq(rig.buffer[i], 0xa5);
    rig_close(&rig);
}
END_TEST

START_TEST(nothing_is_held_back_for_a_flush)
{
    struct rig rig = rig_of(&codec_x264, 64, 64);
    rig_open(&rig);
    rig_encode(&rig, false);
    struct codec_unit unit = {.bytes = 1};
    ck_assert_int_eq(codec_x264.encode(rig.encoder, NULL, rig.buffer, rig.capacity, &unit, rig.why), 0);
    ck_assert_uint_eq(unit.bytes, 0);
    ck_assert_uint_eq(codec_x264.delay, 0);
    rig_close(&rig);
}
END_TEST

START_TEST(x264_speaks_into_the_log_under_the_sessions_name)
{
    char line[LOG_LINE];
    log_set_severity(CULVERT_LOG_DEBUG);
    while (log_read(line, sizeof line) == 0)
        ;
    struct rig rig = rig_of(&codec_x264, 64, 64);
    rig_open(&rig);
    rig_encode(&rig, false);
    rig_close(&rig);
    unsigned lines = 0;
    for (; log_read(line, sizeof line) == 0; lines++) {
        ck_assert_msg(strstr(line, "rig: x264: ") != NULL, "%s", line);
        ck_assert_int_ne(line[strlen(line) - 1], ' ');
    }
    ck_assert_uint_gt(lines, 2);
    log_set_severity(CULVERT_LOG_INFO);
}
END_TEST

static void *open_and_close(void *argument)
{
    struct rig *const rig = argument;
    for (int i = 0; i < 5; i++) {
        struct codec_encoder *encoder = NULL;
        if (codec_x264.open(rig->stream, &rig->geometry, &rig->rate, 1, &encoder, rig->why) == 0)
            codec_x264.close(encoder);
        rig->pictures += encoder != NULL;
    }
    return NULL;
}

START_TEST(streams_open_and_close_encoders_on_many_threads)
{
    struct rig rigs[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        rigs[i] = rig_of(&codec_x264, 64, 64);
        ck_assert_int_eq(rig_create(&rigs[i]), 0);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, open_and_close, &rigs[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_uint_eq(rigs[i].pictures, 5);
        codec_x264.destroy(rigs[i].stream);
    }
}
END_TEST

static _Atomic bool forked;

static void *open_and_close_until_forked(void *argument)
{
    while (!atomic_load(&forked))
        open_and_close(argument);
    return NULL;
}

START_TEST(a_child_can_open_encoders_whatever_its_parent_was_doing)
{
    struct rig here = rig_of(&codec_x264, 64, 64), there = rig_of(&codec_x264, 64, 64);
    pthread_t thread;
    atomic_store(&forked, false);
    ck_assert_int_eq(rig_create(&here), 0);
    ck_assert_int_eq(rig_create(&there), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, open_and_close_until_forked, &there), 0);
    int hung = 0;
    for (int i = 0; i < 10; i++) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(20);
            here.pictures = 0;
            open_and_close(&here);
            if (here.pictures == 5)
                kill(getpid(), SIGKILL); /* an exit would report as leaks what the other thread had open */
            _exit(1);
        }
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        hung += !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL;
    }
    atomic_store(&forked, true);
    pthread_join(thread, NULL);
    ck_assert_int_eq(hung, 0);
    codec_x264.destroy(here.stream);
    codec_x264.destroy(there.stream);
}
END_TEST

START_TEST(its_version_names_x264)
{
    char text[64];
    codec_x264.version(text, sizeof text);
    ck_assert_int_eq(strncmp(text, "x264 core 1", 11), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *const suite = suite_create("x264");
    TCase *tcase = add_case(suite, "announced");
    LOOP(tcase, every_size_announces_its_profile_level_size_and_references, sizes);
    tcase_add_test(tcase, at_every_speed_the_profile_is_not_above_the_one_set_and_one_frame_is_kept);
    LOOP(tcase, aspect_and_colour_are_in_the_vui, pictures);
    LOOP(tcase, the_frame_rate_is_in_the_vui, rates);

    tcase = add_case(suite, "slices");
    LOOP(tcase, without_a_wish_each_thread_makes_a_slice_up_to_four, automatic);
    tcase_add_test(tcase, eight_slices_leave_the_version_out_to_keep_to_ten_units);

    tcase = add_case(suite, "encoding");
    tcase_add_test(tcase, the_quantiser_tells_how_coarse_a_picture_is);
    tcase_add_test(tcase, two_encoders_of_one_stream_take_turns);
    tcase_add_test(tcase, an_access_unit_that_does_not_fit_is_not_written);
    tcase_add_test(tcase, nothing_is_held_back_for_a_flush);
    tcase_add_test(tcase, x264_speaks_into_the_log_under_the_sessions_name);
    tcase_add_test(tcase, streams_open_and_close_encoders_on_many_threads);
    tcase_add_test(tcase, its_version_names_x264);

    tcase = add_case(suite, "figures");
    tcase_set_tags(tcase, "long");
    LOOP(tcase, a_picture_has_the_slices_asked_for_whatever_the_threads, shapes);
    tcase_add_test(tcase, only_the_first_picture_and_those_asked_for_are_key_frames);
    LOOP(tcase, the_worst_noise_at_the_finest_quantiser_stays_within_the_bound, noises);
    tcase_add_test(tcase, a_child_can_open_encoders_whatever_its_parent_was_doing);
    return suite;
}
