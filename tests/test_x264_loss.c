#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "decoder.h"
#include "rig.h"

#define WIDTH 64
#define HEIGHT 64
#define LONGEST 30
#define AFTER 12 /* pictures that are compared, from the recovery on */

/* ---- Losses */

struct loss {
    struct rig rig;
    struct decoder *whole, *denied;
    bool shown;   /* by the one that is denied some */
    uint32_t key; /* number of a picture that is a key frame besides the first */
};

static struct loss loss_begin(uint32_t references, uint32_t slices)
{
    struct loss loss = {.rig = rig_of(&codec_x264, WIDTH, HEIGHT),
                        .whole = decoder_open(CULVERT_CODEC_H264),
                        .denied = decoder_open(CULVERT_CODEC_H264)};
    loss.rig.config.references = references;
    loss.rig.config.slices = slices;
    rig_open(&loss.rig);
    return loss;
}

static void loss_end(struct loss *loss)
{
    rig_close(&loss->rig);
    decoder_close(loss->whole);
    decoder_close(loss->denied);
}

static void send(struct loss *loss, bool key, bool arrives)
{
    struct rig *const rig = &loss->rig;
    rig_draw(rig);
    rig_encode(rig, key || rig->pictures == loss->key);
    ck_assert(decoder_take(loss->whole, rig->buffer, rig->unit.bytes));
    if (arrives)
        loss->shown = decoder_take(loss->denied, rig->buffer, rig->unit.bytes);
}

/* Whether one of the lost pictures begins a new cycle of frame_num, or is a key frame. */
static bool begins_again(const struct rig *rig, uint32_t from, uint32_t key)
{
    const uint32_t cycle = rig->config.references < 15 ? 16 : 32;
    for (uint32_t i = from; i < rig->pictures; i++) {
        if (i <= key || (i - key) % cycle == 0)
            return true;
    }
    return false;
}

/* Says that all from a picture on is lost, and compares what both show from then on. */
static void recover(struct loss *loss, uint32_t from)
{
    struct rig *const rig = &loss->rig;
    const uint32_t last_key = rig->pictures > loss->key && loss->key != 0 ? loss->key : 0;
    const uint32_t lost = rig->pictures - from, kept = rig->config.references;
    const bool without_key = codec_x264.forget(rig->encoder, RIG_PTS(from));
    ck_assert_int_eq(without_key, lost < kept && !begins_again(rig, from, last_key));
    loss->key = 0;
    for (int i = 0; i < AFTER; i++) {
        send(loss, i == 0 && !without_key, true);
        ck_assert(i != 0 || rig->unit.key == !without_key);
        ck_assert(i != 0 || rig->unit.key || rig->unit.reference[0] == RIG_PTS(from - 1));
        ck_assert_msg(loss->shown && decoder_same(loss->whole, loss->denied), "%u lost from %u, picture %d after", lost,
                      from, i);
    }
}

static const struct {
    uint32_t references, from, key, late, slices; /* late: pictures that arrive between the loss and its report */
} places[] = {{0, 20, 0, 0, 0},  {2, 0, 0, 0, 0},    {2, 1, 0, 0, 0},   {4, 19, 0, 0, 0},  {4, 20, 0, 2, 0},
              {8, 33, 0, 0, 4},  {8, 18, 20, 0, 0},  {8, 20, 20, 0, 0}, {8, 21, 20, 0, 0}, {15, 40, 0, 1, 0},
              {16, 0, 0, 0, 0},  {16, 1, 0, 0, 0},   {16, 15, 0, 0, 0}, {16, 16, 0, 0, 0}, {16, 40, 0, 0, 0},
              {16, 40, 0, 5, 0}, {16, 40, 45, 0, 0}, {16, 64, 40, 0, 4}};

static void lose(uint32_t lost, int i)
{
    struct loss loss = loss_begin(places[i].references, places[i].slices);
    loss.key = places[i].key;
    while (loss.rig.pictures < places[i].from)
        send(&loss, false, true);
    for (uint32_t n = 0; n < lost; n++)
        send(&loss, false, false);
    for (uint32_t n = 0; n < places[i].late; n++)
        send(&loss, false, true);
    recover(&loss, places[i].from);
    loss_end(&loss);
}

START_TEST(whoever_missed_one_picture_sees_the_same_from_the_recovery_on)
{
    lose(1, _i);
}
END_TEST

START_TEST(whoever_missed_up_to_thirty_pictures_sees_the_same_from_the_recovery_on)
{
    for (uint32_t lost = 1; lost <= LONGEST; lost++)
        lose(lost, _i);
}
END_TEST

START_TEST(losses_may_follow_one_another)
{
    struct loss loss = loss_begin(16, 0);
    send(&loss, false, true);
    for (uint32_t lost = 1; lost <= LONGEST; lost++) {
        const uint32_t from = loss.rig.pictures;
        for (uint32_t n = 0; n < lost; n++)
            send(&loss, false, false);
        if (codec_x264.forget(loss.rig.encoder, RIG_PTS(from)))
            send(&loss, false, true);
        else
            send(&loss, true, true);
        ck_assert_msg(loss.shown && decoder_same(loss.whole, loss.denied), "%u lost from %u", lost, from);
    }
    loss_end(&loss);
}
END_TEST

START_TEST(without_a_report_the_receiver_shows_something_else)
{
    struct loss loss = loss_begin(16, 0);
    for (int i = 0; i < 20; i++)
        send(&loss, false, i != 10);
    ck_assert(!(loss.shown && decoder_same(loss.whole, loss.denied)));
    loss_end(&loss);
}
END_TEST

Suite *test_suite(void)
{
    Suite *const suite = suite_create("x264_loss");
    TCase *tcase = add_case(suite, "loss");
    LOOP(tcase, whoever_missed_one_picture_sees_the_same_from_the_recovery_on, places);
    tcase_add_test(tcase, without_a_report_the_receiver_shows_something_else);

    tcase = add_case(suite, "figures");
    tcase_set_tags(tcase, "long");
    LOOP(tcase, whoever_missed_up_to_thirty_pictures_sees_the_same_from_the_recovery_on, places);
    tcase_add_test(tcase, losses_may_follow_one_another);
    return suite;
}
