#include "codec/vpx_references.h"

#include <stdlib.h>

#include <vpx/vp8cx.h>

#include "run.h"

/* What a decoder needs is modelled: each buffer holds a picture, and a picture is whole when all that it may refer to
 * are. */

#define PTS(number) ((int64_t)(number)*1000)

static struct buffers_plan go_on(struct buffers *buffers, int64_t pts)
{
    const struct buffers_plan plan = buffers_plan(buffers, false);
    buffers_commit(buffers, &plan, pts);
    return plan;
}

START_TEST(the_first_picture_is_a_key_picture_and_no_other_unless_it_is_wanted)
{
    struct buffers buffers;
    buffers_init(&buffers, (uint32_t)_i, 8);
    for (int i = 0; i < 40; i++) {
        const struct buffers_plan plan = buffers_plan(&buffers, i == 17);
        ck_assert(plan.key == (i == 0 || i == 17));
        ck_assert_uint_eq(plan.count, plan.key ? 0 : 1);
        ck_assert(!plan.key || (plan.layer == 0 && !plan.sync && plan.renew == 7));
        buffers_commit(&buffers, &plan, PTS(i));
    }
}
END_TEST

START_TEST(with_neither_layers_nor_references_libvpx_chooses)
{
    struct buffers buffers;
    buffers_init(&buffers, 0, 0);
    ck_assert_int_eq(buffers_flags(&(struct buffers_plan){.key = true, .free = true}), VPX_EFLAG_FORCE_KF);
    ck_assert(go_on(&buffers, 0).key);
    const struct buffers_plan plan = go_on(&buffers, 1);
    ck_assert(!plan.key && plan.free && plan.count == 0 && plan.layer == 0);
    ck_assert_int_eq(buffers_flags(&plan), 0);
    ck_assert(!buffers_forget(&buffers, 5));
    ck_assert(buffers_plan(&buffers, false).key);
}
END_TEST

static const struct {
    uint32_t layers, age, layer[4], references[4];
    bool sync[4];
} patterns[] = {
    {2, 0, {0, 1, 0, 1}, {1, 1, 1, 1}, {false, true, false, true}},
    {3, 0, {0, 2, 1, 2}, {1, 1, 1, 2}, {false, true, true, false}},
    {2, 8, {0, 1, 0, 1}, {1, 1, 1, 1}, {false, true, false, true}},
    {3, 8, {0, 2, 1, 2}, {1, 1, 1, 1}, {false, true, true, true}},
};

START_TEST(layers_take_turns_and_say_where_one_may_begin)
{
    struct buffers buffers;
    buffers_init(&buffers, patterns[_i].layers, patterns[_i].age);
    for (int i = 0; i < 20; i++) {
        const struct buffers_plan plan = go_on(&buffers, PTS(i));
        ck_assert_uint_eq(plan.layer, patterns[_i].layer[i % 4]);
        ck_assert(plan.sync == patterns[_i].sync[i % 4]);
        ck_assert_uint_eq(plan.count, i == 0 ? 0 : patterns[_i].references[i % 4]);
        ck_assert(plan.keep_entropy == (i > 0 && (plan.layer > 0 || patterns[_i].age > 0)));
    }
    buffers_commit(&buffers, &(struct buffers_plan){.key = true, .renew = 7}, PTS(20));
    ck_assert_uint_eq(go_on(&buffers, PTS(21)).layer, patterns[_i].layer[1]);
}
END_TEST

START_TEST(no_picture_refers_to_a_layer_above_its_own)
{
    for (uint32_t age = 0; age <= 16; age += age == 0 ? 2 : 1) {
        struct buffers buffers;
        uint32_t layer[200];
        buffers_init(&buffers, (uint32_t)_i, age);
        for (int i = 0; i < 200; i++) {
            if (random_next() % 16 == 0)
                buffers_forget(&buffers, PTS(i - 1 - (int)(random_next() % 8)));
            const struct buffers_plan plan = go_on(&buffers, PTS(i));
            layer[i] = plan.layer;
            bool base = plan.layer > 0;
            for (uint32_t j = 0; j < plan.count; j++) {
                ck_assert_int_lt(plan.pts[j], PTS(i));
                ck_assert_uint_le(layer[plan.pts[j] / 1000], plan.layer);
                base = base && layer[plan.pts[j] / 1000] == 0;
            }
            ck_assert(plan.sync == base);
        }
    }
}
END_TEST

/* Every loss up to half the age leaves a picture, and nothing kept is older than the age. */
START_TEST(a_loss_of_half_the_age_always_leaves_a_picture_and_none_is_older_than_the_age)
{
    for (uint32_t age = 2; age <= 16; age++) {
        struct buffers buffers;
        buffers_init(&buffers, 1, age);
        for (int i = 0; i < 100; i++) {
            for (int n = 1; i > 20 && n <= 30; n++) {
                struct buffers after = buffers;
                const bool left = buffers_forget(&after, PTS(i - n));
                ck_assert(left || n > (int)age / 2);
                ck_assert(!left || n <= (int)age);
                const struct buffers_plan plan = buffers_plan(&after, false);
                ck_assert(plan.key == !left);
                for (uint32_t j = 0; j < plan.count; j++) {
                    ck_assert_int_lt(plan.pts[j], PTS(i - n));
                    ck_assert_int_ge(plan.pts[j], PTS(i - (int)age));
                }
            }
            go_on(&buffers, PTS(i));
        }
    }
}
END_TEST

/* whole[i]: a receiver that was denied some pictures has this one as its sender has it. */
START_TEST(after_any_losses_a_receiver_is_whole_from_the_next_picture_on)
{
    struct buffers buffers;
    bool whole[2000];
    int recovered = 0;
    buffers_init(&buffers, (uint32_t)_i, 16);
    for (int i = 0, lost = 0; i < 2000; i++) {
        if (lost == 0 && random_next() % 8 == 0)
            lost = 1 + (int)(random_next() % 20);
        const bool denied = lost > 0;
        struct buffers_plan plan = buffers_plan(&buffers, false);
        whole[i] = !denied;
        for (uint32_t j = 0; j < plan.count; j++)
            whole[i] = whole[i] && whole[plan.pts[j] / 1000];
        ck_assert(whole[i] || denied);
        buffers_commit(&buffers, &plan, PTS(i));
        if (denied && --lost == 0) {
            int first = i;
            while (first > 0 && !whole[first - 1])
                first--;
            recovered += buffers_forget(&buffers, PTS(first));
        }
    }
    ck_assert_int_gt(recovered, 20);
}
END_TEST

START_TEST(a_loss_that_reaches_back_to_the_key_picture_leaves_nothing)
{
    struct buffers buffers;
    buffers_init(&buffers, (uint32_t)_i, 16);
    for (int i = 0; i < 3; i++)
        go_on(&buffers, PTS(i));
    struct buffers after = buffers;
    ck_assert(buffers_forget(&after, PTS(1)));
    ck_assert(!buffers_forget(&after, PTS(0)));
    ck_assert(!buffers_forget(&after, PTS(2))); /* what was forgotten stays so */
    ck_assert(buffers_forget(&buffers, PTS(3)));
    ck_assert_int_eq(buffers_plan(&buffers, false).pts[0], _i == 1 ? PTS(2) : buffers.buffer[BUFFER_LAST].pts);
}
END_TEST

START_TEST(the_base_layer_recovers_first)
{
    struct buffers buffers;
    buffers_init(&buffers, 3, 8);
    for (int i = 0; i < 14; i++)
        go_on(&buffers, PTS(i));
    ck_assert_uint_eq(buffers_plan(&buffers, false).layer, 1);
    struct buffers other = buffers;
    ck_assert(buffers_forget(&other, PTS(13))); /* of layer 2 */
    ck_assert_uint_eq(buffers_plan(&other, false).layer, 1);
    ck_assert(buffers_forget(&buffers, PTS(12)));
    const struct buffers_plan plan = buffers_plan(&buffers, false);
    ck_assert_uint_eq(plan.layer, 0);
    ck_assert((plan.renew & 1u << BUFFER_LAST) != 0);
}
END_TEST

START_TEST(flags_name_what_is_neither_referred_to_nor_renewed)
{
    struct buffers_plan plan = {.refer = 1u << BUFFER_GOLDEN, .renew = 1u << BUFFER_LAST | 1u << BUFFER_ALTREF};
    ck_assert_int_eq(buffers_flags(&plan),
                     VP8_EFLAG_NO_REF_LAST | VP8_EFLAG_NO_REF_ARF | VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_FORCE_ARF);
    plan = (struct buffers_plan){.refer = 1u << BUFFER_LAST | 1u << BUFFER_ALTREF, .keep_entropy = true};
    ck_assert_int_eq(buffers_flags(&plan), VP8_EFLAG_NO_REF_GF | VP8_EFLAG_NO_UPD_LAST | VP8_EFLAG_NO_UPD_GF |
                                               VP8_EFLAG_NO_UPD_ARF | VP8_EFLAG_NO_UPD_ENTROPY);
    plan.key = true;
    ck_assert_int_eq(buffers_flags(&plan), VPX_EFLAG_FORCE_KF);
}
END_TEST

Suite *test_suite(void)
{
    Suite *const suite = suite_create("vpx_references");
    TCase *tcase = add_case(suite, "layers");
    tcase_add_loop_test(tcase, the_first_picture_is_a_key_picture_and_no_other_unless_it_is_wanted, 1, 4);
    tcase_add_test(tcase, with_neither_layers_nor_references_libvpx_chooses);
    tcase_add_loop_test(tcase, layers_take_turns_and_say_where_one_may_begin, 0, 4);
    tcase_add_loop_test(tcase, no_picture_refers_to_a_layer_above_its_own, 1, 4);

    tcase = add_case(suite, "loss");
    tcase_add_test(tcase, a_loss_of_half_the_age_always_leaves_a_picture_and_none_is_older_than_the_age);
    tcase_add_loop_test(tcase, after_any_losses_a_receiver_is_whole_from_the_next_picture_on, 1, 4);
    tcase_add_loop_test(tcase, a_loss_that_reaches_back_to_the_key_picture_leaves_nothing, 1, 4);
    tcase_add_test(tcase, the_base_layer_recovers_first);
    tcase_add_test(tcase, flags_name_what_is_neither_referred_to_nor_renewed);
    return suite;
}
