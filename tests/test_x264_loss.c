#include "run.h"

#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/log.h>

#include "rig.h"

#define WIDTH 64
#define HEIGHT 64
#define LONGEST 30
#define AFTER 12 /* pictures that are compared, from the recovery on */

/* ---- A receiver */

struct receiver {
    AVCodecContext *context;
    AVPacket *packet;
    AVFrame *frame; /* the last one shown */
    bool shown;
};

static struct receiver receiver_open(void)
{
    struct receiver receiver = {.packet = av_packet_alloc(), .frame = av_frame_alloc()};
    const AVCodec *const codec = avcodec_find_decoder(AV_CODEC_ID_H264);
    receiver.context = avcodec_alloc_context3(codec);
    receiver.context->thread_count = 1;
    receiver.context->flags |= AV_CODEC_FLAG_LOW_DELAY;
    receiver.context->error_concealment = 0;
    ck_assert_int_eq(avcodec_open2(receiver.context, codec, NULL), 0);
    return receiver;
}

static void receiver_close(struct receiver *receiver)
{
    av_frame_free(&receiver->frame);
    av_packet_free(&receiver->packet);
    avcodec_free_context(&receiver->context);
}

static void receiver_take(struct receiver *receiver, const struct rig *rig)
{
    ck_assert_int_eq(av_new_packet(receiver->packet, (int)rig->unit.bytes), 0);
    memcpy(receiver->packet->data, rig->buffer, rig->unit.bytes);
    receiver->shown = avcodec_send_packet(receiver->context, receiver->packet) == 0 &&
                      avcodec_receive_frame(receiver->context, receiver->frame) == 0;
    av_packet_unref(receiver->packet);
}

static bool same_plane(const struct receiver *a, const struct receiver *b, int plane, int width, int height)
{
    for (int y = 0; y < height; y++) {
        if (memcmp(a->frame->data[plane] + y * a->frame->linesize[plane],
                   b->frame->data[plane] + y * b->frame->linesize[plane], (size_t)width) != 0)
            return false;
    }
    return true;
}

static bool same_picture(const struct receiver *a, const struct receiver *b)
{
    return a->shown && b->shown && same_plane(a, b, 0, WIDTH, HEIGHT) && same_plane(a, b, 1, WIDTH / 2, HEIGHT / 2) &&
           same_plane(a, b, 2, WIDTH / 2, HEIGHT / 2);
}

/* ---- Losses */

struct loss {
    struct rig rig;
    struct receiver whole, denied;
    uint32_t key; /* number of a picture that is a key frame besides the first */
};

static struct loss loss_begin(uint32_t references, uint32_t slices)
{
    av_log_set_level(AV_LOG_QUIET);
    struct loss loss = {.rig = rig_of(&codec_x264, WIDTH, HEIGHT), .whole = receiver_open(), .denied = receiver_open()};
    loss.rig.config.references = references;
    loss.rig.config.slices = slices;
    rig_open(&loss.rig);
    return loss;
}

static void loss_end(struct loss *loss)
{
    rig_close(&loss->rig);
    receiver_close(&loss->whole);
    receiver_close(&loss->denied);
}

static void send(struct loss *loss, bool key, bool arrives)
{
    struct rig *const rig = &loss->rig;
    rig_draw(rig);
    rig_encode(rig, key || rig->pictures == loss->key);
    receiver_take(&loss->whole, rig);
    ck_assert(loss->whole.shown);
    if (arrives)
        receiver_take(&loss->denied, rig);
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
        ck_assert_msg(same_picture(&loss->whole, &loss->denied), "%u lost from %u, picture %d after", lost, from, i);
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
        ck_assert_msg(same_picture(&loss.whole, &loss.denied), "%u lost from %u", lost, from);
    }
    loss_end(&loss);
}
END_TEST

START_TEST(without_a_report_the_receiver_shows_something_else)
{
    struct loss loss = loss_begin(16, 0);
    for (int i = 0; i < 20; i++)
        send(&loss, false, i != 10);
    ck_assert(!same_picture(&loss.whole, &loss.denied));
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
