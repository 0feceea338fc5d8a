/* Every kind of stream under a filter whose deadly calls raise SIGSYS too, so that one that a codec makes is named. */
#include <stdio.h>

#include "culvert/culvert.h"
#include "daemon/sandbox.h"
#include "run.h"
#include "sandboxed.h"

#define H264 CULVERT_CODEC_H264
#define VP8 CULVERT_CODEC_VP8
#define VP9 CULVERT_CODEC_VP9

static const struct sandboxed_stream streams[] = {
    {.codec = CULVERT_CODEC_NULL},
    {.codec = CULVERT_CODEC_NULL, .resize = CULVERT_RESIZE_CANVAS},
    {.codec = H264},
    {.codec = H264, .threads = 1},
    {.codec = H264, .threads = 4},
    {.codec = H264, .threads = 4, .slices = 4},
    {.codec = H264, .threads = 1, .slices = 8, .references = 4},
    {.codec = H264, .references = 16, .resize = CULVERT_RESIZE_CANVAS},
    {.codec = VP8},
    {.codec = VP8, .threads = 1, .layers = 3},
    {.codec = VP8, .threads = 4, .resize = CULVERT_RESIZE_AT_ONCE},
    {.codec = VP8, .threads = 4, .layers = 2, .references = 4},
    {.codec = VP8, .resize = CULVERT_RESIZE_CANVAS},
    {.codec = VP9},
    {.codec = VP9, .threads = 1, .layers = 3},
    {.codec = VP9, .threads = 4, .resize = CULVERT_RESIZE_AT_ONCE},
    {.codec = VP9, .threads = 4, .layers = 2, .references = 4},
    {.codec = VP9, .resize = CULVERT_RESIZE_CANVAS},
};

static int row;

static void play(void)
{
    sandboxed_play(&streams[row]);
}

START_TEST(a_stream_of_many_sizes_makes_no_call_that_the_filter_refuses)
{
    row = _i;
    sandboxed_run(play);
    sandboxed_expect_success();
}
END_TEST

START_TEST(without_a_filter_the_simplest_stream_runs)
{
    row = 0;
    sandboxed_run(play);
    sandboxed_expect_success();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sandbox streams");
    TCase *tcase = add_case(suite,
                            sandbox_available() ? "streams" : "no filter under this instrument: no stream in it");
    tcase_set_timeout(tcase, 150);
    if (!sandbox_available())
        tcase_add_test(tcase, without_a_filter_the_simplest_stream_runs);
    for (int i = 0; sandbox_available() && i < (int)(sizeof streams / sizeof *streams); i++)
        if (culvert_has_codec(streams[i].codec))
            tcase_add_loop_test(tcase, a_stream_of_many_sizes_makes_no_call_that_the_filter_refuses, i, i + 1);
    return suite;
}
