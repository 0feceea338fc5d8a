#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "instrument.h"
#include "run.h"
#include "stream.h"
#include "trial_codec.h"

#define WIDTH 64
#define HEIGHT 48
#define INTERVAL 16667
#define PATIENCE 20000 /* milliseconds that a test waits for what must come */

static struct codec codec;

static culvert_session open_trial(uint32_t policy, uint32_t slots)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = stream_config(codec.id, policy);
    config.slots = slots;
    return stream_open_with(&codec, &config);
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void submit(culvert_session session, uint32_t number, uint32_t seed, uint32_t flags)
{
    ck_assert_int_eq(stream_submit(session, WIDTH, HEIGHT, (int64_t)number * INTERVAL, seed, flags), 0);
}

/* The first frame is encoding, and stays so until trial_let_go. */
static void submit_held(culvert_session session, uint32_t seed)
{
    trial_hold();
    submit(session, 1, seed, 0);
    trial_await_held();
}

static struct culvert_packet expect(culvert_session session, uint64_t frame, uint32_t seed)
{
    const struct stream_unit unit = stream_receive(session, PATIENCE);
    ck_assert_int_eq(unit.result, 0);
    ck_assert_uint_eq(unit.packet.frame, frame);
    ck_assert_uint_eq(trial_parse(unit.data, unit.bytes).checksum, trial_checksum(WIDTH, HEIGHT, seed));
    return unit.packet;
}

/* ---- LATEST ----------------------------------------------------------------------------------------------------- */

/* How long submit takes. A thread that was put off the processor for others' sake is no slower for it: such a call
 * counts as nothing. One that waits leaves of its own accord, which is another counter. */
static int64_t timed_submit(culvert_session session, uint32_t number)
{
    struct rusage before, after;
    struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, (int64_t)number * INTERVAL);
    uint8_t *pixels = stream_pixels(WIDTH, HEIGHT, number);
    getrusage(RUSAGE_THREAD, &before);
    const int64_t start = clock_now();
    ck_assert_int_eq(culvert_submit(session, &frame, pixels, (size_t)4 * WIDTH * HEIGHT), 0);
    const int64_t took = clock_now() - start;
    getrusage(RUSAGE_THREAD, &after);
    free(pixels);
    return after.ru_nivcsw == before.ru_nivcsw ? took : 0;
}

/* Whoever waited for the encoder here would wait for ever, for this thread alone lets it go. The bound says more: that
 * nothing else is waited for. Converting 64x48 pixels takes microseconds, and a millisecond under Valgrind. */
START_TEST(a_second_without_the_encoder_costs_submit_nothing_and_ends_with_the_newest_frame)
{
    culvert_session session = open_trial(CULVERT_POLICY_LATEST, 0);
    submit_held(session, 1);
    uint32_t last = 1;
    const int64_t end = clock_now() + 1000000;
    while (clock_now() < end) {
        const int64_t took = timed_submit(session, ++last);
        ck_assert_msg(took < 20000, "frame %u: %lld us", last, (long long)took);
        sleep_ms(1);
    }
    ck_assert_uint_gt(last, 20);
    const struct culvert_stats held = stream_stats(session);
    ck_assert_uint_eq(held.submitted, last);
    ck_assert_uint_eq(held.skipped, last - 2);
    trial_let_go();
    expect(session, 1, 1);
    const struct culvert_packet newest = expect(session, last, last);
    ck_assert_int_eq(newest.pts, (int64_t)last * INTERVAL);
    ck_assert_int_eq(newest.duration, (int64_t)(last - 1) * INTERVAL);
    ck_assert_uint_eq(trial_count(TRIAL_ENCODE), 2);
    culvert_close(session);
}
END_TEST

static const struct {
    uint32_t asking; /* the frame among 2 to 5 that asks for a key frame; 0: a control call does */
    bool key;
} askers[] = {{2, true}, {3, true}, {5, true}, {0, true}, {6, false}};

START_TEST(the_newest_frame_answers_the_key_frame_requests_of_those_it_replaced)
{
    culvert_session session = open_trial(CULVERT_POLICY_LATEST, 0);
    submit_held(session, 1);
    for (uint32_t i = 2; i <= 5; i++)
        submit(session, i, i, i == askers[_i].asking ? CULVERT_FRAME_KEY : 0);
    if (askers[_i].asking == 0)
        ck_assert_int_eq(culvert_request_keyframe(session, NULL), 0);
    trial_let_go();
    expect(session, 1, 1);
    const struct culvert_packet newest = expect(session, 5, 5);
    ck_assert_int_eq((newest.flags & CULVERT_PACKET_KEY) != 0, askers[_i].key);
    ck_assert_int_eq(trial_recorded(TRIAL_ENCODE, 1).key, askers[_i].key);
    submit(session, 6, 6, 0);
    ck_assert_uint_eq(expect(session, 6, 6).flags & (CULVERT_PACKET_KEY | CULVERT_PACKET_EPOCH), 0);
    culvert_close(session);
}
END_TEST

/* Frames that come while the encoder is away, each a picture; '=' is CULVERT_FRAME_SAME. */
static const struct {
    const char *before, *away;
    uint32_t encoded; /* of all */
} journeys[] = {
    {"A", "BA", 2}, {"A", "B", 2},  {"A", "AB", 2}, {"A", "ABA", 2}, {"A", "A", 1},
    {"A", "=", 1},  {"A", "B=", 2}, {"AB", "A", 3}, {"AB", "BA", 3}, {"AB", "=", 2},
};

static void submit_picture(culvert_session session, uint32_t number, char picture)
{
    struct culvert_frame same = stream_frame(0, 0, (int64_t)number * INTERVAL);
    same.flags = CULVERT_FRAME_SAME;
    if (picture == '=')
        ck_assert_int_eq(culvert_submit(session, &same, NULL, 0), 0);
    else
        submit(session, number, (uint32_t)picture, 0);
}

static char submit_pictures(culvert_session session, uint32_t *number, const char *pictures, char last)
{
    for (; *pictures != '\0'; pictures++) {
        submit_picture(session, ++*number, *pictures);
        last = *pictures == '=' ? last : *pictures;
    }
    return last;
}

START_TEST(the_viewer_ends_on_the_picture_submitted_last)
{
    culvert_session session = open_trial(CULVERT_POLICY_LATEST, 0);
    uint32_t number = 0, checksum = 0;
    for (const char *picture = journeys[_i].before; *picture != '\0'; picture++) {
        if (picture[1] == '\0')
            trial_hold();
        submit_picture(session, ++number, *picture);
        if (picture[1] != '\0')
            expect(session, number, (uint32_t)*picture);
    }
    trial_await_held();
    const char last = submit_pictures(session, &number, journeys[_i].away, journeys[_i].before[number - 1]);
    trial_let_go();
    culvert_finish(session);
    for (;;) {
        const struct stream_unit unit = stream_receive(session, PATIENCE);
        if (unit.result == CULVERT_EOS)
            break;
        ck_assert_int_eq(unit.result, 0);
        checksum = trial_parse(unit.data, unit.bytes).checksum;
    }
    ck_assert_uint_eq(checksum, trial_checksum(WIDTH, HEIGHT, (uint32_t)last));
    ck_assert_uint_eq(trial_count(TRIAL_ENCODE), journeys[_i].encoded);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.submitted, number);
    ck_assert_uint_eq(stats.settled, number);
    culvert_close(session);
}
END_TEST

/* ---- One call for each frame ------------------------------------------------------------------------------------ */

static int encode(culvert_session session, uint32_t number, uint32_t timeout_ms, int64_t *took)
{
    static uint8_t buffer[4096];
    struct culvert_frame frame = stream_frame(WIDTH, HEIGHT, (int64_t)number * INTERVAL);
    struct culvert_packet packet = {.size = sizeof packet};
    size_t bytes;
    uint8_t *pixels = stream_pixels(WIDTH, HEIGHT, number);
    const int64_t start = clock_now();
    const int result = culvert_encode(session, &frame, pixels, (size_t)4 * WIDTH * HEIGHT, buffer, sizeof buffer,
                                      &bytes, &packet, timeout_ms);
    *took = clock_now() - start;
    free(pixels);
    return result;
}

START_TEST(encode_gives_up_at_its_deadline_and_its_packet_comes_later)
{
    culvert_session session = open_trial((uint32_t)_i, 0);
    int64_t took;
    trial_hold();
    ck_assert_int_eq(encode(session, 1, 150, &took), CULVERT_E_TIMEOUT);
    ck_assert_int_ge(took, 150000);
    ck_assert_int_lt(took, PATIENCE * 1000);
    ck_assert_uint_eq(stream_stats(session).submitted, 1);
    trial_let_go();
    expect(session, 1, 1);
    ck_assert_int_eq(encode(session, 2, PATIENCE, &took), 0);
    culvert_close(session);
}
END_TEST

START_TEST(encode_gives_up_at_its_deadline_when_the_queue_stays_full)
{
    culvert_session session = open_trial(CULVERT_POLICY_BLOCK, 2);
    int64_t took;
    submit_held(session, 1);
    submit(session, 2, 2, 0);
    ck_assert_int_eq(encode(session, 3, 150, &took), CULVERT_E_AGAIN);
    ck_assert_int_ge(took, 150000);
    ck_assert_uint_eq(stream_stats(session).submitted, 2);
    trial_let_go();
    expect(session, 1, 1);
    expect(session, 2, 2);
    ck_assert_int_eq(encode(session, 3, PATIENCE, &took), 0);
    culvert_close(session);
}
END_TEST

/* ---- BLOCK ------------------------------------------------------------------------------------------------------ */

struct blocked {
    culvert_session session;
    uint32_t number;
    _Atomic bool returned;
    int result;
};

static void *submit_blocked(void *argument)
{
    struct blocked *blocked = argument;
    blocked->result = stream_submit(blocked->session, WIDTH, HEIGHT, (int64_t)blocked->number * INTERVAL,
                                    blocked->number, 0);
    blocked->returned = true;
    return NULL;
}

static const uint32_t slots_of[] = {2, 4, 64};

START_TEST(block_waits_for_a_slot_and_goes_on)
{
    const uint32_t slots = slots_of[_i];
    culvert_session session = open_trial(CULVERT_POLICY_BLOCK, slots);
    submit_held(session, 1);
    for (uint32_t i = 2; i <= slots; i++)
        submit(session, i, i, 0);
    struct blocked blocked = {.session = session, .number = slots + 1};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, submit_blocked, &blocked), 0);
    sleep_ms(100);
    ck_assert(!blocked.returned);
    ck_assert_uint_eq(stream_stats(session).submitted, slots);
    trial_let_go();
    pthread_join(thread, NULL);
    ck_assert_int_eq(blocked.result, 0);
    for (uint32_t i = 1; i <= slots + 1; i++)
        expect(session, i, i);
    culvert_close(session);
}
END_TEST

START_TEST(a_host_of_one_thread_does_not_deadlock_with_block)
{
    culvert_session session = open_trial(CULVERT_POLICY_BLOCK, slots_of[_i]);
    const uint32_t frames = 1000;
    uint32_t received = 0, refused = 0;
    for (uint32_t i = 1; i <= frames;) {
        const int result = stream_submit(session, 16, 16, (int64_t)i * INTERVAL, i, 0);
        if (result == 0) {
            i++;
            continue;
        }
        ck_assert_int_eq(result, CULVERT_E_AGAIN);
        refused++;
        const struct stream_unit unit = stream_receive(session, PATIENCE);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_uint_eq(unit.packet.frame, ++received);
    }
    ck_assert_uint_gt(refused, 0);
    culvert_finish(session);
    while (received < frames)
        ck_assert_uint_eq(stream_receive(session, PATIENCE).packet.frame, ++received);
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, CULVERT_EOS);
    ck_assert_uint_eq(stream_stats(session).encoded, frames);
    culvert_close(session);
}
END_TEST

/* Submits until the outbox and the queue are full; the number of the last frame that was taken. */
static uint32_t fill(culvert_session session, uint32_t number)
{
    int result;
    while ((result = stream_submit(session, 16, 16, (int64_t)(number + 1) * INTERVAL, number + 1, 0)) == 0)
        number++;
    ck_assert_int_eq(result, CULVERT_E_AGAIN);
    return number;
}

/* Right after it: the encoder has not woken up yet. */
START_TEST(once_the_host_has_received_block_says_again_no_more)
{
    culvert_session session = open_trial(CULVERT_POLICY_BLOCK, 2);
    uint32_t last = 0;
    for (uint32_t round = 0; round < rounds(20); round++) {
        last = fill(session, last);
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(stream_receive(session, 0).result, 0);
        submit(session, last + 1, last + 1, 0);
        last++;
    }
    culvert_close(session);
}
END_TEST

START_TEST(with_latest_and_a_full_outbox_submit_goes_on_and_the_newest_wins)
{
    culvert_session session = open_trial(CULVERT_POLICY_LATEST, 0);
    uint32_t last = 0;
    uint64_t waiting;
    do {
        submit(session, last + 1, last + 1, 0);
        last++;
        sleep_ms(last % 16 == 0);
        waiting = stream_stats(session).skipped;
    } while (waiting < 50);
    uint64_t frame = 0;
    while (frame < last) {
        const struct stream_unit unit = stream_receive(session, PATIENCE);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_uint_gt(unit.packet.frame, frame);
        frame = unit.packet.frame;
    }
    ck_assert_int_eq(stream_receive(session, 20).result, CULVERT_E_AGAIN);
    culvert_close(session);
}
END_TEST

/* ---- REJECT ----------------------------------------------------------------------------------------------------- */

START_TEST(reject_never_waits_and_loses_nothing_that_it_took)
{
    const uint32_t slots = slots_of[_i];
    culvert_session session = open_trial(CULVERT_POLICY_REJECT, slots);
    submit_held(session, 1);
    for (uint32_t i = 2; i <= slots; i++)
        submit(session, i, i, 0);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_int_eq(stream_submit(session, WIDTH, HEIGHT, (int64_t)(slots + 1) * INTERVAL, slots + 1, 0),
                         CULVERT_E_AGAIN);
    ck_assert_uint_eq(stream_stats(session).submitted, slots);
    trial_let_go();
    for (uint32_t i = 1; i <= slots; i++)
        expect(session, i, i);
    submit(session, slots + 1, slots + 1, 0);
    expect(session, slots + 1, slots + 1);
    culvert_close(session);
}
END_TEST

#define LENGTH(table) (int)(sizeof(table) / sizeof(table)[0])

Suite *test_suite(void)
{
    Suite *suite = suite_create("newest");
    TCase *tcase = tcase_create("encoder away");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_second_without_the_encoder_costs_submit_nothing_and_ends_with_the_newest_frame);
    tcase_add_loop_test(tcase, the_newest_frame_answers_the_key_frame_requests_of_those_it_replaced, 0, LENGTH(askers));
    tcase_add_loop_test(tcase, the_viewer_ends_on_the_picture_submitted_last, 0, LENGTH(journeys));
    tcase_add_loop_test(tcase, encode_gives_up_at_its_deadline_and_its_packet_comes_later, CULVERT_POLICY_LATEST,
                        CULVERT_POLICY_REJECT + 1);
    tcase_add_test(tcase, encode_gives_up_at_its_deadline_when_the_queue_stays_full);
    tcase_add_loop_test(tcase, block_waits_for_a_slot_and_goes_on, 0, LENGTH(slots_of));
    tcase_add_loop_test(tcase, a_host_of_one_thread_does_not_deadlock_with_block, 0, LENGTH(slots_of));
    tcase_add_test(tcase, once_the_host_has_received_block_says_again_no_more);
    tcase_add_test(tcase, with_latest_and_a_full_outbox_submit_goes_on_and_the_newest_wins);
    tcase_add_loop_test(tcase, reject_never_waits_and_loses_nothing_that_it_took, 0, LENGTH(slots_of));
    suite_add_tcase(suite, tcase);
    return suite;
}
