/* What libvpx's own decoders show when pictures are missing. */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>

#include "rig.h"

#define WIDTH 96
#define HEIGHT 80

static const struct codec *const codecs[] = {&codec_vp8, &codec_vp9};

/* ---- Decoders */

static void watch(vpx_codec_ctx_t *decoder, const struct rig *rig)
{
    vpx_codec_iface_t *const interface = rig->codec == &codec_vp9 ? vpx_codec_vp9_dx() : vpx_codec_vp8_dx();
    ck_assert_int_eq(vpx_codec_dec_init(decoder, interface, NULL, 0), VPX_CODEC_OK);
}

/* A checksum (FNV-1a) of the picture that the decoder shows of this access unit. */
static uint64_t show(vpx_codec_ctx_t *decoder, const struct rig *rig)
{
    vpx_codec_iter_t next = NULL;
    ck_assert_int_eq(vpx_codec_decode(decoder, rig->buffer, (unsigned)rig->unit.bytes, NULL, 0), VPX_CODEC_OK);
    const vpx_image_t *const image = vpx_codec_get_frame(decoder, &next);
    ck_assert_ptr_nonnull(image);
    ck_assert_uint_eq(image->d_w, rig->geometry.width);
    ck_assert_uint_eq(image->d_h, rig->geometry.height);
    uint64_t sum = 14695981039346656037u;
    for (int plane = 0; plane < 3; plane++) {
        for (unsigned y = 0; y < image->d_h >> (plane > 0); y++) {
            const uint8_t *const row = image->planes[plane] + (ptrdiff_t)y * image->stride[plane];
            for (unsigned x = 0; x < image->d_w >> (plane > 0); x++)
                sum = (sum ^ row[x]) * 1099511628211u;
        }
    }
    return sum;
}

static void encode(struct rig *rig, bool key)
{
    rig_draw(rig);
    ck_assert_msg(rig_encode_into(rig, key, rig->capacity) == 0, "%s", rig->why);
    ck_assert_uint_gt(rig->unit.bytes, 0);
}

static struct rig open_rig(int codec, uint32_t layers, uint32_t references, int32_t speed)
{
    struct rig rig = rig_of(codecs[codec], WIDTH, HEIGHT);
    rig.config.layers = layers;
    rig.config.references = references;
    rig.rate = (struct codec_rate){400, 70, 60, 1, speed};
    rig_open(&rig);
    return rig;
}

/* ---- Layers */

static const struct {
    uint32_t layers, references;
    int32_t speed;
} layerings[] = {{2, 0, 8}, {3, 0, 8}, {2, 16, 8}, {3, 16, 8}, {3, 0, 0}, {3, 0, 10}};

START_TEST(without_its_upper_layers_a_stream_shows_the_same_pictures)
{
    struct rig rig = open_rig(_i % 2, layerings[_i / 2].layers, layerings[_i / 2].references, layerings[_i / 2].speed);
    vpx_codec_ctx_t whole, some[2];
    watch(&whole, &rig);
    for (unsigned layer = 0; layer < 2; layer++)
        watch(&some[layer], &rig);
    for (int i = 0; i < 80; i++) {
        encode(&rig, i == 50);
        const uint64_t sum = show(&whole, &rig);
        for (unsigned layer = rig.unit.layer; layer < 2; layer++)
            ck_assert_msg(show(&some[layer], &rig) == sum, "picture %d differs up to layer %u", i, layer);
    }
    vpx_codec_destroy(&whole);
    vpx_codec_destroy(&some[0]);
    vpx_codec_destroy(&some[1]);
    rig_close(&rig);
}
END_TEST

START_TEST(a_receiver_may_begin_with_a_layer_where_it_is_said)
{
    struct rig rig = open_rig(_i, 3, 0, 8);
    for (int from = 5; from < 21; from++) {
        vpx_codec_ctx_t whole, joins;
        watch(&whole, &rig);
        watch(&joins, &rig);
        for (int i = 0, most = 0; i < 40; i++) {
            encode(&rig, i == 0);
            const uint64_t sum = show(&whole, &rig);
            if (i >= from && rig.unit.sync && (int)rig.unit.layer > most)
                most = (int)rig.unit.layer;
            if ((int)rig.unit.layer <= most && (most < 2 || i >= from))
                ck_assert_msg(show(&joins, &rig) == sum, "picture %d differs", i);
        }
        vpx_codec_destroy(&whole);
        vpx_codec_destroy(&joins);
    }
    rig_close(&rig);
}
END_TEST

/* ---- Loss */

struct outcome {
    int keys, recoveries;
};

/* Pictures from first on, so many of them, reach one decoder and not the other. */
static void lose(struct rig *rig, int first, int count, struct outcome *outcome)
{
    vpx_codec_ctx_t whole, denied;
    int64_t pts = 0;
    watch(&whole, rig);
    watch(&denied, rig);
    for (int i = 0; i < first + count + 6; i++) {
        if (i == first)
            pts = RIG_PTS((int64_t)rig->pictures);
        const bool back = i == first + count;
        const bool left = back && rig->codec->forget(rig->encoder, pts);
        encode(rig, i == 0 || (i == 27 && !back) || (back && !left));
        ck_assert(!left || !rig->unit.key);
        for (uint32_t j = 0; left && j < rig->unit.references; j++)
            ck_assert_int_lt(rig->unit.reference[j], pts);
        outcome->keys += back && !left;
        outcome->recoveries += left;
        const uint64_t sum = show(&whole, rig);
        if (i < first || i >= first + count)
            ck_assert_msg(show(&denied, rig) == sum, "picture %d differs after %d+%d", i, first, count);
    }
    vpx_codec_destroy(&whole);
    vpx_codec_destroy(&denied);
}

static const struct {
    uint32_t layers, references;
    int32_t speed;
    int step;
} losses[] = {{1, 16, 8, 1}, {2, 16, 8, 5}, {3, 16, 8, 3}, {1, 5, 8, 4}, {1, 2, 8, 4}, {1, 16, 0, 7}, {1, 16, 10, 7}};

START_TEST(after_a_loss_was_reported_a_decoder_shows_what_others_show)
{
    const uint32_t references = losses[_i / 2].references;
    struct rig rig = open_rig(_i % 2, losses[_i / 2].layers, references, losses[_i / 2].speed);
    struct outcome outcome = {0};
    for (int count = 1; count <= 30; count += losses[_i / 2].step) {
        for (int first = 17; first < 40; first += 5) /* picture 27 is a key frame */
            lose(&rig, first, count, &outcome);
    }
    ck_assert_int_gt(outcome.recoveries, 0);
    ck_assert_int_gt(outcome.keys, 0);
    rig_close(&rig);
}
END_TEST

START_TEST(a_lost_key_frame_leaves_nothing_to_refer_to)
{
    struct rig rig = open_rig(_i, 1, 16, 8);
    for (int i = 0; i < 20; i++)
        encode(&rig, i == 15);
    ck_assert(!rig.codec->forget(rig.encoder, RIG_PTS(15)));
    encode(&rig, false);
    ck_assert(rig.unit.key);
    rig_close(&rig);
}
END_TEST

START_TEST(without_references_a_loss_leaves_nothing)
{
    struct rig rig = open_rig(_i % 2, 1 + (uint32_t)_i / 2, 0, 8);
    for (int i = 0; i < 5; i++)
        encode(&rig, false);
    ck_assert(!rig.codec->forget(rig.encoder, RIG_PTS(4)));
    rig_close(&rig);
}
END_TEST

/* By flags VP9 would not search ALTREF, and make this one as large as a key frame. */
START_TEST(a_recovery_is_smaller_than_a_key_frame_whichever_picture_it_refers_to)
{
    for (int turn = 0; turn < 16; turn++) {
        struct rig rig = open_rig(_i, 1, 16, 8);
        rig.rate.bitrate_kbps = 50000;
        ck_assert_int_eq(rig.codec->reconfigure(rig.encoder, &rig.rate), CODEC_LIVE);
        memset(rig.pixels, 128, WIDTH * HEIGHT * 3 / 2);
        for (size_t i = 0; i < WIDTH * HEIGHT; i++)
            rig.pixels[i] = (uint8_t)(random_next() >> 8);
        for (int i = 0; i < 20 + turn; i++)
            ck_assert_int_eq(rig_encode_into(&rig, i == 10, rig.capacity), 0);
        const bool left = rig.codec->forget(rig.encoder, RIG_PTS(14 + turn));
        ck_assert_int_eq(rig_encode_into(&rig, !left, rig.capacity), 0);
        const size_t recovery = rig.unit.bytes;
        ck_assert_int_eq(rig_encode_into(&rig, true, rig.capacity), 0);
        ck_assert_msg(!left || recovery * 4 < rig.unit.bytes * 3, "%zu of %zu bytes", recovery, rig.unit.bytes);
        rig_close(&rig);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *const suite = suite_create("vpx_loss");
    TCase *tcase = add_case(suite, "layers");
    tcase_add_loop_test(tcase, without_its_upper_layers_a_stream_shows_the_same_pictures, 0, 12);
    LOOP(tcase, a_receiver_may_begin_with_a_layer_where_it_is_said, codecs);

    tcase = add_case(suite, "loss");
    LOOP(tcase, a_lost_key_frame_leaves_nothing_to_refer_to, codecs);
    tcase_add_loop_test(tcase, without_references_a_loss_leaves_nothing, 0, 6);
    LOOP(tcase, a_recovery_is_smaller_than_a_key_frame_whichever_picture_it_refers_to, codecs);

    tcase = add_case(suite, "figures");
    tcase_set_tags(tcase, "long");
    tcase_add_loop_test(tcase, after_a_loss_was_reported_a_decoder_shows_what_others_show, 0, 14);
    return suite;
}
