#include "session/opener.h"

#include <sched.h>
#include <string.h>

#include "held_codec.h"
#include "instrument.h"
#include "run.h"

/* ---- The opener -------------------------------------------------------------------------------------------------- */

static struct opener opener;
static struct doorbell doorbell;
#define STREAM ((struct codec_stream *)&doorbell) /* nobody looks into it */

static void begin(void)
{
    held_begin();
    ck_assert(doorbell_init(&doorbell, false));
    ck_assert(opener_start(&opener, &held_codec, STREAM, &doorbell));
}

static void finish(void)
{
    opener_stop(&opener);
    ck_assert_uint_eq(held_calls().alive, 0);
    doorbell_finish(&doorbell);
}

static int rings(void)
{
    int value;
    ck_assert_int_eq(sem_getvalue(&doorbell.semaphore, &value), 0);
    return value;
}

static void await_doorbell(void)
{
    while (sem_wait(&doorbell.semaphore) != 0)
        ;
}

static void ask(uint32_t width)
{
    const struct codec_geometry geometry = {.width = width, .height = width / 2};
    const struct codec_rate rate = {.bitrate_kbps = width * 10, .fps_num = 60, .fps_den = 1};
    opener_ask(&opener, &geometry, &rate, width / 10000.0);
}

/* That what is handed over is what was asked for with this width. */
static struct codec_encoder *take(uint32_t width)
{
    struct opening opening;
    ck_assert(opener_take(&opener, &opening));
    ck_assert_uint_eq(opening.geometry.width, width);
    ck_assert_uint_eq(opening.geometry.height, width / 2);
    ck_assert_uint_eq(opening.rate.bitrate_kbps, width * 10);
    ck_assert_double_eq(opening.fill, width / 10000.0);
    ck_assert_ptr_nonnull(opening.encoder);
    ck_assert_mem_eq(&opening.encoder->geometry, &opening.geometry, sizeof opening.geometry);
    ck_assert_mem_eq(&opening.encoder->rate, &opening.rate, sizeof opening.rate);
    ck_assert_double_eq(opening.encoder->fill, opening.fill);
    ck_assert_ptr_eq(opening.encoder->stream, STREAM);
    return opening.encoder;
}

static void check_that_nothing_is_ready(void)
{
    struct opening opening, before;
    memset(&before, 0xA5, sizeof before);
    memcpy(&opening, &before, sizeof opening);
    ck_assert(!opener_take(&opener, &opening));
    ck_assert_mem_eq(&opening, &before, sizeof opening);
}

static struct codec_encoder *open_one(uint32_t width)
{
    ask(width);
    await_doorbell();
    return take(width);
}

/* The thread is inside the close of an encoder, so that what is asked for now is not begun. */
static void hold_it_in_a_close(void)
{
    struct codec_encoder *encoder = open_one(2);
    held_hold();
    opener_close(&opener, encoder);
    held_await();
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

START_TEST(what_is_asked_for_opens_beside_rings_once_and_is_taken_once)
{
    begin();
    check_that_nothing_is_ready();
    for (uint32_t width = 100; width < 120; width += 2) {
        held_hold();
        ask(width);
        held_await();
        check_that_nothing_is_ready();
        ck_assert_int_eq(rings(), 0);
        held_let_go();
        await_doorbell();
        opener_close(&opener, take(width));
        check_that_nothing_is_ready();
        ck_assert_int_eq(rings(), 0);
    }
    ck_assert_uint_eq(held_calls().by_host, 0);
    ck_assert_uint_eq(held_calls().opens, 10);
    finish();
}
END_TEST

START_TEST(a_request_is_ignored_while_one_is_being_opened_or_waits_to_be_taken)
{
    begin();
    held_hold();
    ask(100);
    held_await();
    ask(200);
    held_let_go();
    await_doorbell();
    ask(300);
    opener_close(&opener, take(100));
    check_that_nothing_is_ready();
    opener_close(&opener, open_one(400));
    ck_assert_uint_eq(held_calls().opens, 2);
    ck_assert_int_eq(rings(), 0);
    finish();
}
END_TEST

START_TEST(a_request_that_was_not_begun_is_replaced_by_the_next)
{
    begin();
    hold_it_in_a_close();
    for (uint32_t width = 100; width < 200; width += 2)
        ask(width);
    held_let_go();
    await_doorbell();
    opener_close(&opener, take(198));
    ck_assert_uint_eq(held_calls().opens, 2);
    ck_assert_int_eq(rings(), 0);
    finish();
}
END_TEST

START_TEST(a_failure_rings_too_and_is_handed_over_with_its_reason)
{
    begin();
    for (int i = 0; i < 3; i++) {
        held_fail(true);
        ask(100);
        await_doorbell();
        struct opening opening;
        ck_assert(opener_take(&opener, &opening));
        ck_assert_ptr_null(opening.encoder);
        ck_assert_uint_eq(opening.geometry.width, 100);
        ck_assert_str_eq(opening.why, HELD_WHY);
        check_that_nothing_is_ready();
        held_fail(false);
        opener_close(&opener, open_one(200));
    }
    finish();
}
END_TEST

/* ---- Closing ----------------------------------------------------------------------------------------------------- */

START_TEST(closing_does_not_wait_for_the_codec)
{
    begin();
    hold_it_in_a_close();
    ck_assert_uint_eq(held_calls().alive, 1);
    held_let_go();
    held_await_closes(1);
    ck_assert_uint_eq(held_calls().by_host, 0);
    finish();
}
END_TEST

START_TEST(when_too_many_wait_the_next_is_closed_at_once)
{
    struct codec_encoder *encoders[OPENER_CLOSES + 3];
    begin();
    for (uint32_t i = 0; i < OPENER_CLOSES + 3; i++)
        encoders[i] = open_one(100);
    hold_it_in_a_close();
    for (uint32_t i = 0; i < OPENER_CLOSES; i++)
        opener_close(&opener, encoders[i]);
    ck_assert_uint_eq(held_calls().closes, 1);
    for (uint32_t i = 0; i < 3; i++) {
        opener_close(&opener, encoders[OPENER_CLOSES + i]);
        ck_assert_uint_eq(held_calls().by_host, 1 + i);
    }
    held_let_go();
    held_await_closes(OPENER_CLOSES + 4);
    ck_assert_uint_eq(held_calls().by_host, 3);
    finish();
}
END_TEST

START_TEST(what_is_to_be_opened_goes_before_what_is_to_be_closed)
{
    begin();
    struct codec_encoder *a = open_one(100), *b = open_one(102);
    hold_it_in_a_close();
    opener_close(&opener, a);
    opener_close(&opener, b);
    ask(200);
    held_let_go();
    await_doorbell();
    held_await_closes(3);
    ck_assert_str_eq(held_calls().order, "ooococc");
    finish();
}
END_TEST

/* ---- The end ----------------------------------------------------------------------------------------------------- */

static void *stop(void *unused)
{
    opener_stop(&opener);
    return unused;
}

/* Stops it while its thread is inside a held call of the codec, and lets that go only when the end has begun. */
static void stop_while_held(void)
{
    pthread_t stopper;
    ck_assert_int_eq(pthread_create(&stopper, NULL, stop, NULL), 0);
    for (bool ending = false; !ending;) {
        pthread_mutex_lock(&opener.lock);
        ending = opener.ending;
        pthread_mutex_unlock(&opener.lock);
        sched_yield();
    }
    held_let_go();
    pthread_join(stopper, NULL);
}

START_TEST(what_is_being_opened_when_it_ends_is_closed)
{
    begin();
    held_hold();
    ask(100);
    held_await();
    stop_while_held();
    ck_assert_uint_eq(held_calls().opens, 1);
    ck_assert_uint_eq(held_calls().closes, 1);
    finish();
}
END_TEST

START_TEST(what_is_being_opened_and_fails_when_it_ends_is_not_closed)
{
    begin();
    held_fail(true);
    held_hold();
    ask(100);
    held_await();
    stop_while_held();
    ck_assert_uint_eq(held_calls().closes, 0);
    finish();
}
END_TEST

START_TEST(what_was_not_begun_when_it_ends_is_never_opened)
{
    begin();
    hold_it_in_a_close();
    ask(100);
    stop_while_held();
    ck_assert_uint_eq(held_calls().opens, 1);
    finish();
}
END_TEST

START_TEST(what_waits_to_be_closed_when_it_ends_is_closed)
{
    struct codec_encoder *encoders[OPENER_CLOSES];
    begin();
    for (uint32_t i = 0; i < OPENER_CLOSES; i++)
        encoders[i] = open_one(100);
    hold_it_in_a_close();
    for (uint32_t i = 0; i < OPENER_CLOSES; i++)
        opener_close(&opener, encoders[i]);
    stop_while_held();
    ck_assert_uint_eq(held_calls().closes, OPENER_CLOSES + 1);
    ck_assert_uint_eq(held_calls().by_host, 0);
    finish();
}
END_TEST

START_TEST(what_was_not_taken_is_closed)
{
    begin();
    ask(100);
    await_doorbell();
    finish();
    ck_assert_uint_eq(held_calls().closes, 1);
}
END_TEST

START_TEST(one_that_was_not_started_stops_and_one_that_stopped_starts_again)
{
    static struct opener never;
    opener_stop(&never);
    for (int i = 0; i < 3; i++) {
        begin();
        opener_stop(&opener);
        opener_stop(&opener);
        finish();
    }
}
END_TEST

/* ---- All at random ----------------------------------------------------------------------------------------------- */

static void take_and_check(struct codec_encoder **place, uint32_t asked)
{
    struct opening opening;
    if (!opener_take(&opener, &opening))
        return;
    /* Even widths were asked for, and each only until the next was. */
    ck_assert_uint_eq(opening.geometry.width % 2, 0);
    ck_assert_uint_le(opening.geometry.width, asked);
    if (opening.encoder == NULL)
        return;
    ck_assert_mem_eq(&opening.encoder->geometry, &opening.geometry, sizeof opening.geometry);
    if (*place != NULL)
        opener_close(&opener, *place);
    *place = opening.encoder;
}

START_TEST(asked_taken_and_closed_at_random_nothing_is_left_open)
{
    for (uint32_t life = 0; life < rounds(40); life++) {
        struct codec_encoder *encoders[4] = {NULL};
        uint32_t asked = 0;
        begin();
        for (uint32_t step = 0; step < 500; step++) {
            const uint32_t choice = random_next() % 8, place = random_next() % 4;
            if (choice < 3)
                ask(asked += 2);
            else if (choice < 7)
                take_and_check(&encoders[place], asked);
            else
                held_fail(random_next() % 4 == 0);
            if (random_next() % 16 == 0)
                sched_yield();
        }
        /* However busy the machine is, its thread had its turn. */
        while (held_calls().opens == 0) {
            ask(asked += 2);
            sched_yield();
        }
        for (int i = 0; i < 4; i++)
            if (encoders[i] != NULL)
                opener_close(&opener, encoders[i]);
        finish();
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("opener");
    TCase *tcase = add_case(suite, "opening");
    tcase_add_test(tcase, what_is_asked_for_opens_beside_rings_once_and_is_taken_once);
    tcase_add_test(tcase, a_request_is_ignored_while_one_is_being_opened_or_waits_to_be_taken);
    tcase_add_test(tcase, a_request_that_was_not_begun_is_replaced_by_the_next);
    tcase_add_test(tcase, a_failure_rings_too_and_is_handed_over_with_its_reason);
    tcase = add_case(suite, "closing");
    tcase_add_test(tcase, closing_does_not_wait_for_the_codec);
    tcase_add_test(tcase, when_too_many_wait_the_next_is_closed_at_once);
    tcase_add_test(tcase, what_is_to_be_opened_goes_before_what_is_to_be_closed);
    tcase = add_case(suite, "end");
    tcase_add_test(tcase, what_is_being_opened_when_it_ends_is_closed);
    tcase_add_test(tcase, what_is_being_opened_and_fails_when_it_ends_is_not_closed);
    tcase_add_test(tcase, what_was_not_begun_when_it_ends_is_never_opened);
    tcase_add_test(tcase, what_waits_to_be_closed_when_it_ends_is_closed);
    tcase_add_test(tcase, what_was_not_taken_is_closed);
    tcase_add_test(tcase, one_that_was_not_started_stops_and_one_that_stopped_starts_again);
    tcase = add_case(suite, "random");
    tcase_add_test(tcase, asked_taken_and_closed_at_random_nothing_is_left_open);
    return suite;
}
