#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "decoder.h"
#include "instrument.h"
#include "stream.h"

#define UNIT_MAX (1 << 20)
#define INTERVAL 16667
#define SWITCH 40 /* the first frame of the second epoch */
#define AFTER 20  /* frames after the report */
#define LONGEST 30
#define PATIENCE 20000

/* A stream, a viewer who gets everything, and one who is denied some of it. */
struct show {
    culvert_session session;
    struct decoder *whole, *denied;
    uint8_t *unit;
    size_t bytes;
    struct culvert_packet packet; /* the last */
    uint32_t frames;
    int64_t lost, lost_until; /* pts */
    bool reported;
    uint32_t recoveries, keys;
};

static const struct {
    uint32_t codec, references, layers, slices;
} streams[] = {
#if HAVE_X264
    {CULVERT_CODEC_H264, 16, 1, 0}, {CULVERT_CODEC_H264, 4, 1, 4}, {CULVERT_CODEC_H264, 2, 1, 1},
    {CULVERT_CODEC_H264, 0, 1, 0},
#endif
#if HAVE_VPX
    {CULVERT_CODEC_VP8, 16, 1, 0},  {CULVERT_CODEC_VP8, 8, 2, 0},  {CULVERT_CODEC_VP8, 0, 3, 0},
    {CULVERT_CODEC_VP9, 16, 1, 0},  {CULVERT_CODEC_VP9, 8, 2, 0},  {CULVERT_CODEC_VP9, 16, 3, 0},
#endif
};

static struct show begin(int stream)
{
    struct culvert_config config = stream_config(streams[stream].codec, CULVERT_POLICY_BLOCK);
    config.references = streams[stream].references;
    config.layers = streams[stream].layers;
    config.slices = streams[stream].slices;
    config.resize = CULVERT_RESIZE_AT_ONCE;
    config.flags = CULVERT_CONFIG_COARSE_STILLS;
    config.floor = CULVERT_FLOOR_OVERSHOOT;
    config.threads = 2;
    struct show show = {.session = stream_open(&config),
                        .whole = decoder_open(config.codec),
                        .denied = decoder_open(config.codec),
                        .unit = malloc(UNIT_MAX)};
    ck_assert_ptr_nonnull(show.whole);
    ck_assert_ptr_nonnull(show.denied);
    return show;
}

static void end(struct show *show)
{
    culvert_close(show->session);
    decoder_close(show->whole);
    decoder_close(show->denied);
    free(show->unit);
}

static void submit(struct show *show)
{
    const uint32_t number = ++show->frames, side = number < SWITCH ? 96 : 128;
    uint8_t *pixels = stream_pixels(side, 64, number * 7);
    const struct culvert_frame frame = stream_frame(side, 64, (int64_t)number * INTERVAL);
    ck_assert_int_eq(culvert_submit(show->session, &frame, pixels, (size_t)side * 64 * 4), 0);
    free(pixels);
}

/* The next access unit. */
static void receive(struct show *show)
{
    show->packet = (struct culvert_packet){.size = sizeof show->packet};
    for (show->bytes = 0; !(show->packet.flags & CULVERT_PACKET_LAST_SLICE);) {
        size_t bytes;
        ck_assert_int_eq(culvert_receive(show->session, show->unit + show->bytes, UNIT_MAX - show->bytes, &bytes,
                                         &show->packet, PATIENCE),
                         0);
        show->bytes += bytes;
    }
}

/* What it refers to came before what was lost, or after the report. */
static void check_references(const struct show *show)
{
    for (uint32_t i = 0; i < show->packet.references; i++) {
        const int64_t pts = show->packet.reference[i];
        ck_assert_msg(pts < show->lost || pts > show->lost_until,
                      "frame %u refers to a frame %d us behind the first lost", show->frames, (int)(pts - show->lost));
    }
}

/* After the report both viewers see the same. */
static void compare(struct show *show, bool shown)
{
    const bool recovers = show->packet.flags & CULVERT_PACKET_RECOVERY;
    ck_assert_int_eq(recovers, show->recoveries == 0);
    show->recoveries += recovers;
    show->keys += recovers && (show->packet.flags & CULVERT_PACKET_KEY);
    check_references(show);
    ck_assert_msg(shown && decoder_same(show->whole, show->denied),
                  "lost from %d us to %d: frame %u is not what it should be", (int)show->lost, (int)show->lost_until,
                  show->frames);
}

/* The next frame on its way to both viewers, or to one; with what is inserted before it. */
static void pass(struct show *show, bool arrives)
{
    submit(show);
    do {
        receive(show);
        ck_assert(decoder_take(show->whole, show->unit, show->bytes));
        const bool shown = arrives && decoder_take(show->denied, show->unit, show->bytes);
        if (show->reported)
            compare(show, shown);
        else if (!arrives)
            show->lost_until = show->packet.pts;
    } while (show->packet.frame != show->frames || (show->packet.flags & CULVERT_PACKET_INSERTED));
}

/* Loses `count` frames from frame `first` on, reports that, and compares what follows. Whether a key frame was needed.
 */
static bool lose(int stream, uint32_t first, uint32_t count)
{
    struct show show = begin(stream);
    show.lost = (int64_t)first * INTERVAL;
    while (show.frames + 1 < first)
        pass(&show, true);
    for (uint32_t i = 0; i < count; i++)
        pass(&show, false);
    show.reported = true;
    ck_assert_int_eq(culvert_report_loss(show.session, show.lost, NULL), 0);
    for (uint32_t i = 0; i < AFTER; i++)
        pass(&show, true);
    end(&show);
    return show.keys > 0;
}

/* In the first epoch, at its end, over the switch, with the second epoch's first frame, and in that one. */
static const uint32_t places[] = {1, 2, 9, 23, 35, SWITCH, SWITCH + 1, SWITCH + 10};

START_TEST(whoever_reports_a_loss_sees_the_encoders_picture_again_with_the_next_frame)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const uint32_t step = WITH_TSAN || WITH_ASAN ? 14 : places[i] == 23 ? 2 : 9;
        for (uint32_t count = 1; count <= LONGEST; count += step)
            lose(_i, places[i], count);
    }
}
END_TEST

START_TEST(a_short_loss_takes_no_key_frame_where_references_are_kept)
{
    uint32_t keys = 0;
    for (uint32_t first = 14; first < 22; first++)
        keys += lose(_i, first, streams[_i].references == 2 ? 1 : 2);
    if (streams[_i].references == 0)
        ck_assert_uint_eq(keys, 8);
    else
        ck_assert_uint_le(keys, 2);
}
END_TEST

START_TEST(the_first_frame_of_a_stream_or_an_epoch_is_replaced_by_a_key_frame)
{
    ck_assert(lose(_i, 1, 1));
    ck_assert(lose(_i, SWITCH, 1));
    ck_assert(lose(_i, SWITCH - 3, 5));
}
END_TEST

Suite *test_suite(void)
{
    const int count = sizeof streams / sizeof streams[0];
    Suite *suite = suite_create("recovery");
    TCase *losses = add_case(suite, "losses");
    tcase_add_loop_test(losses, the_first_frame_of_a_stream_or_an_epoch_is_replaced_by_a_key_frame, 0, count);
    TCase *all = add_case(suite, "all losses");
    tcase_set_tags(all, "long");
    tcase_set_timeout(losses, 300);
    tcase_set_timeout(all, 300);
    tcase_add_loop_test(all, whoever_reports_a_loss_sees_the_encoders_picture_again_with_the_next_frame, 0, count);
    tcase_add_loop_test(all, a_short_loss_takes_no_key_frame_where_references_are_kept, 0, count);
    return suite;
}
