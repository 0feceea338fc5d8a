#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apart.h"
#include "calls.h"
#include "draw.h"
#include "instrument.h"
#include "run.h"
#include "stream.h"
#include "trial_codec.h"

#define SIDE 16
#define SESSIONS 4096 /* the most that there can be */
#define CLOSERS 8

static struct codec codec;

static struct culvert_config small_config(uint32_t id, uint32_t policy)
{
    struct culvert_config config = stream_config(id, policy);
    config.max_width = config.max_height = SIDE;
    return config;
}

static culvert_session open_null(uint32_t policy)
{
    const struct culvert_config config = small_config(CULVERT_CODEC_NULL, policy);
    return stream_open(&config);
}

/* A session whose encoder's thread stays in the codec with its first frame, until trial_let_go. */
static culvert_session open_held(uint32_t policy)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = small_config(codec.id, policy);
    config.slots = policy == CULVERT_POLICY_LATEST ? 0 : 2;
    culvert_session session = stream_open_with(&codec, &config);
    trial_hold();
    return session;
}

static const uint8_t black[4 * SIDE * SIDE];

/* Without flags, every frame but the first is a repeat. */
static int submit_black(culvert_session session, uint32_t flags)
{
    struct culvert_frame frame = stream_frame(SIDE, SIDE, CULVERT_PTS_NOW);
    frame.flags = flags;
    return culvert_submit(session, &frame, black, sizeof black);
}

static int submit_next(culvert_session session)
{
    return submit_black(session, 0);
}

static culvert_loan lease(culvert_session session)
{
    culvert_loan loan = 0;
    void *data;
    size_t size;
    ck_assert_int_eq(culvert_lease(session, CULVERT_FORMAT_BGRA, SIDE, SIDE, &loan, &data, &size), 0);
    memset(data, 0, size);
    return loan;
}

static culvert_loan peek(culvert_session session)
{
    culvert_loan loan = 0;
    const void *data;
    size_t bytes;
    ck_assert_int_eq(culvert_peek(session, &loan, &data, &bytes, NULL, 5000), 0);
    return loan;
}

static void sleep_us(long us)
{
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

/* ---- Numbers that are none --------------------------------------------------------------------------------------- */

static void check_refused(const struct call *call, uint32_t number, const char *what)
{
    const int result = call->make(number);
    ck_assert_msg(result == CULVERT_E_HANDLE, "%s with %s (0x%08x) returns %d", call->name, what, number, result);
}

START_TEST(every_call_refuses_what_was_closed_given_back_or_never_was)
{
    const struct call *call = &calls[_i];
    const culvert_session open = open_null(CULVERT_POLICY_BLOCK), closed = open_null(CULVERT_POLICY_BLOCK);
    ck_assert_int_eq(submit_next(open), 0);
    const culvert_loan committed = lease(open), abandoned = lease(open), released = peek(open);
    const struct culvert_frame frame = stream_frame(SIDE, SIDE, CULVERT_PTS_NOW);
    ck_assert_int_eq(culvert_commit(committed, &frame), 0);
    ck_assert_int_eq(culvert_abandon(abandoned), 0);
    ck_assert_int_eq(culvert_release(released), 0);
    ck_assert_int_eq(culvert_close(closed), 0);

    check_refused(call, 0, "zero");
    check_refused(call, UINT32_MAX, "all bits");
    check_refused(call, closed, "a closed session");
    check_refused(call, closed + 4096, "the session that will have its place next");
    check_refused(call, open - 4096, "a session before the first");
    check_refused(call, open + 4096, "a session to come");
    check_refused(call, committed, "a committed lease");
    check_refused(call, abandoned, "an abandoned lease");
    check_refused(call, released, "a released packet");
    check_refused(call, committed ^ 4095, "an index never used");
    ck_assert_int_eq(culvert_close(open), 0);
    check_refused(call, open, "the session closed last");
}
END_TEST

START_TEST(no_session_is_a_loan_and_no_loan_a_session_or_of_another_kind)
{
    enum { COUNT = 12 };
    const struct call *call = &calls[_i];
    culvert_session sessions[COUNT];
    culvert_loan leases[COUNT], peeks[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        sessions[i] = open_null(CULVERT_POLICY_BLOCK);
        ck_assert_int_eq(submit_next(sessions[i]), 0);
        peeks[i] = peek(sessions[i]);
        leases[i] = lease(sessions[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        if (call->loan) {
            check_refused(call, sessions[i], "a session");
            check_refused(call, call->make == culvert_release ? leases[i] : peeks[i], "a loan of the other kind");
        } else {
            check_refused(call, leases[i], "a lease");
            check_refused(call, peeks[i], "a peeked packet");
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_uint_eq(stream_stats(sessions[i]).submitted, 1);
        ck_assert_int_eq(culvert_abandon(leases[i]), 0);
        ck_assert_int_eq(culvert_release(peeks[i]), 0);
        ck_assert_int_eq(submit_next(sessions[i]), 0);
        ck_assert_int_eq(culvert_close(sessions[i]), 0);
    }
}
END_TEST

START_TEST(no_random_number_is_a_session_or_a_loan)
{
    const culvert_session session = open_null(CULVERT_POLICY_BLOCK);
    const culvert_loan loan = lease(session);
    uint32_t state = 2463534242;
    for (uint32_t i = rounds(20000); i > 0; i--) {
        const uint32_t random = draw_any(&state);
        if (random != session && random != loan)
            check_refused(&calls[_i], random, "a random number");
    }
    ck_assert_int_eq(culvert_abandon(loan), 0);
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

/* ---- Calls that block when the session is closed ----------------------------------------------------------------- */

struct caller {
    culvert_session session;
    int result;
};

static void *receive_forever(void *argument)
{
    struct caller *caller = argument;
    uint8_t buffer[4096];
    size_t bytes;
    do {
        caller->result = culvert_receive(caller->session, buffer, sizeof buffer, &bytes, NULL, CULVERT_WAIT_FOREVER);
    } while (caller->result == 0 || caller->result == CULVERT_E_BUSY);
    return NULL;
}

static void *peek_forever(void *argument)
{
    struct caller *caller = argument;
    culvert_loan loan;
    const void *data;
    size_t bytes;
    do {
        caller->result = culvert_peek(caller->session, &loan, &data, &bytes, NULL, CULVERT_WAIT_FOREVER);
        if (caller->result == 0)
            culvert_release(loan);
    } while (caller->result == 0 || caller->result == CULVERT_E_BUSY);
    return NULL;
}

static void *encode_for_a_minute(void *argument)
{
    struct caller *caller = argument;
    const struct culvert_frame frame = stream_frame(SIDE, SIDE, CULVERT_PTS_NOW);
    uint8_t buffer[4096];
    size_t bytes;
    do {
        caller->result = culvert_encode(caller->session, &frame, black, sizeof black, buffer, sizeof buffer, &bytes,
                                        NULL, 60000);
    } while (caller->result >= 0 || caller->result == CULVERT_E_BUSY);
    return NULL;
}

static void *submit_until_closed(struct caller *caller, uint32_t flags)
{
    do {
        caller->result = submit_black(caller->session, flags);
    } while (caller->result == 0 || caller->result == CULVERT_E_BUSY || caller->result == CULVERT_E_AGAIN);
    return NULL;
}

static void *submit_without_pause(void *argument)
{
    return submit_until_closed(argument, 0);
}

static void *submit_keys_without_pause(void *argument)
{
    return submit_until_closed(argument, CULVERT_FRAME_KEY);
}

static int commit_next(culvert_session session)
{
    const struct culvert_frame frame = stream_frame(SIDE, SIDE, CULVERT_PTS_NOW);
    culvert_loan loan;
    void *data;
    size_t size;
    int result = culvert_lease(session, CULVERT_FORMAT_BGRA, SIDE, SIDE, &loan, &data, &size);
    if (result < 0)
        return result;
    memset(data, 0, size);
    result = culvert_commit(loan, &frame);
    if (result < 0)
        culvert_abandon(loan);
    return result;
}

static void *commit_without_pause(void *argument)
{
    struct caller *caller = argument;
    do {
        caller->result = commit_next(caller->session);
    } while (caller->result == 0 || caller->result == CULVERT_E_BUSY || caller->result == CULVERT_E_AGAIN);
    return NULL;
}

static void *close_once(void *argument)
{
    struct caller *caller = argument;
    caller->result = culvert_close(caller->session);
    return NULL;
}

static pthread_t start(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, body, argument), 0);
    return thread;
}

/* Receives nothing and submits nothing, and so may be asked at any time whether another thread is inside. */
static int try_submit(culvert_session session)
{
    const struct culvert_frame frame = stream_frame(SIDE, SIDE, -1);
    return culvert_submit(session, &frame, black, sizeof black);
}

static int try_receive(culvert_session session)
{
    size_t bytes;
    return culvert_receive(session, NULL, 0, &bytes, NULL, 0);
}

static void await_busy(int (*try)(culvert_session), culvert_session session)
{
    while (try(session) != CULVERT_E_BUSY)
        sleep_us(100);
}

static const struct {
    const char *name;
    uint32_t policy;
    void *(*body)(void *);
    int (*try)(culvert_session); /* says CULVERT_E_BUSY while the body is inside */
} blocking[] = {
    {"receive", CULVERT_POLICY_LATEST, receive_forever, try_receive},
    {"peek", CULVERT_POLICY_LATEST, peek_forever, try_receive},
    {"encode", CULVERT_POLICY_LATEST, encode_for_a_minute, try_receive},
    {"encode, for a slot", CULVERT_POLICY_BLOCK, encode_for_a_minute, try_submit},
    {"submit", CULVERT_POLICY_BLOCK, submit_without_pause, try_submit},
    {"commit", CULVERT_POLICY_BLOCK, commit_without_pause, try_submit},
};
#define BLOCKING ((int)(sizeof blocking / sizeof blocking[0]))

START_TEST(a_close_sends_a_blocked_call_home_before_the_codec_is_done)
{
    struct caller caller = {.session = open_held(blocking[_i].policy)}, closer = caller;
    ck_assert_int_eq(submit_next(caller.session), 0);
    trial_await_held();
    if (blocking[_i].policy == CULVERT_POLICY_BLOCK)
        ck_assert_int_eq(submit_next(caller.session), 0);
    const pthread_t blocked = start(blocking[_i].body, &caller);
    await_busy(blocking[_i].try, caller.session);
    sleep_us(2000);
    struct pollfd wait = {.events = POLLIN};
    ck_assert_int_eq(culvert_fd(caller.session, &wait.fd), 0);
    ck_assert_int_eq(poll(&wait, 1, 0), 0);

    const pthread_t closing = start(close_once, &closer);
    pthread_join(blocked, NULL);
    ck_assert_int_eq(poll(&wait, 1, 0), 1);
    ck_assert_int_eq(close(wait.fd), 0);
    ck_assert_msg(caller.result == CULVERT_E_HANDLE, "%s returns %d", blocking[_i].name, caller.result);
    trial_let_go();
    pthread_join(closing, NULL);
    ck_assert_int_eq(closer.result, 0);
}
END_TEST

/* ---- Calls that race with a close -------------------------------------------------------------------------------- */

#define BODIES 3

static const struct race {
    uint32_t policy;
    bool held; /* the codec, so that submit blocks */
    void *(*bodies[BODIES])(void *);
} races[] = {
    {CULVERT_POLICY_LATEST, false, {submit_without_pause, receive_forever, commit_without_pause}},
    {CULVERT_POLICY_BLOCK, true, {submit_without_pause, receive_forever, commit_without_pause}},
    {CULVERT_POLICY_BLOCK, false, {submit_keys_without_pause, peek_forever, submit_without_pause}},
    {CULVERT_POLICY_LATEST, true, {submit_keys_without_pause, peek_forever, encode_for_a_minute}},
};
#define RACES ((int)(sizeof races / sizeof races[0]))

static pthread_barrier_t barrier;

static void *close_together(void *argument)
{
    pthread_barrier_wait(&barrier);
    return close_once(argument);
}

static void run_race(const struct race *race, long pause_us)
{
    struct caller callers[BODIES + CLOSERS];
    pthread_t threads[BODIES + CLOSERS];
    const culvert_session session = race->held ? open_held(race->policy) : open_null(race->policy);
    pthread_barrier_init(&barrier, NULL, CLOSERS + 1);
    for (size_t i = 0; i < BODIES + CLOSERS; i++) {
        callers[i] = (struct caller){.session = session};
        threads[i] = start(i < BODIES ? race->bodies[i] : close_together, &callers[i]);
    }
    sleep_us(pause_us);
    pthread_barrier_wait(&barrier);
    sleep_us(pause_us / 4);
    trial_let_go();

    uint32_t winners = 0;
    for (size_t i = 0; i < BODIES + CLOSERS; i++) {
        pthread_join(threads[i], NULL);
        winners += callers[i].result == 0;
        ck_assert_msg(callers[i].result == 0 ? i >= BODIES : callers[i].result == CULVERT_E_HANDLE,
                      "thread %zu returns %d", i, callers[i].result);
    }
    ck_assert_uint_eq(winners, 1);
    pthread_barrier_destroy(&barrier);
}

START_TEST(of_8_closers_one_wins_and_nobody_hangs)
{
    for (uint32_t round = rounds(200) / RACES + 1; round > 0; round--)
        run_race(&races[_i], round % 16 * 40);
}
END_TEST

/* ---- Two at once ------------------------------------------------------------------------------------------------- */

START_TEST(who_submits_while_another_does_is_told_so)
{
    struct caller caller = {.session = open_held(CULVERT_POLICY_BLOCK)};
    const culvert_session session = caller.session;
    const culvert_loan loan = lease(session);
    ck_assert_int_eq(submit_next(session), 0);
    trial_await_held();
    ck_assert_int_eq(submit_next(session), 0);
    const pthread_t first = start(submit_without_pause, &caller);
    await_busy(try_submit, session);

    const struct culvert_frame frame = stream_frame(SIDE, SIDE, CULVERT_PTS_NOW);
    ck_assert_int_eq(submit_next(session), CULVERT_E_BUSY);
    ck_assert_int_eq(culvert_commit(loan, &frame), CULVERT_E_BUSY);
    ck_assert_int_eq(try_receive(session), CULVERT_E_AGAIN);
    ck_assert_int_eq(culvert_abandon(loan), 0);
    ck_assert_uint_eq(stream_stats(session).submitted, 2);

    trial_let_go();
    ck_assert_int_eq(culvert_close(session), 0);
    pthread_join(first, NULL);
}
END_TEST

START_TEST(who_receives_while_another_does_is_told_so)
{
    struct caller caller = {.session = open_held(CULVERT_POLICY_LATEST)};
    const culvert_session session = caller.session;
    const pthread_t first = start(receive_forever, &caller);
    await_busy(try_receive, session);

    culvert_loan loan;
    const void *data;
    size_t bytes;
    ck_assert_int_eq(culvert_peek(session, &loan, &data, &bytes, NULL, 0), CULVERT_E_BUSY);
    ck_assert_int_eq(culvert_receive(session, NULL, 0, &bytes, NULL, CULVERT_WAIT_FOREVER), CULVERT_E_BUSY);
    ck_assert_int_eq(submit_next(session), 0);
    trial_let_go();
    ck_assert_int_eq(culvert_close(session), 0);
    pthread_join(first, NULL);
}
END_TEST

static void *encode_once(void *argument)
{
    struct caller *caller = argument;
    const struct culvert_frame frame = stream_frame(SIDE, SIDE, CULVERT_PTS_NOW);
    uint8_t buffer[4096];
    size_t bytes;
    caller->result = culvert_encode(caller->session, &frame, black, sizeof black, buffer, sizeof buffer, &bytes, NULL,
                                    60000);
    return NULL;
}

START_TEST(nobody_submits_while_another_thread_waits_in_encode)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    trial_drop(0, 1);
    trial_hold();
    const struct culvert_config config = small_config(codec.id, CULVERT_POLICY_LATEST);
    struct caller caller = {.session = stream_open_with(&codec, &config)};
    ck_assert_int_eq(submit_next(caller.session), 0);
    trial_await_held();
    const pthread_t thread = start(encode_once, &caller);
    while (stream_stats(caller.session).submitted < 2)
        sleep_us(100);
    ck_assert_int_eq(submit_next(caller.session), CULVERT_E_BUSY);
    trial_let_go();
    pthread_join(thread, NULL);
    ck_assert_int_eq(caller.result, 0);
    ck_assert_int_eq(submit_next(caller.session), 0);
    ck_assert_int_eq(culvert_close(caller.session), 0);
}
END_TEST

/* ---- All of them ------------------------------------------------------------------------------------------------- */

static culvert_session sessions[SESSIONS];

static void open_many(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        sessions[i] = open_null(CULVERT_POLICY_LATEST);
        ck_assert_int_eq(submit_next(sessions[i]), 0);
    }
}

static void close_many(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_int_eq(stream_receive(sessions[i], 5000).result, 0);
        ck_assert_int_eq(culvert_close(sessions[i]), 0);
    }
}

START_TEST(the_4097th_session_is_refused_until_one_is_closed)
{
    const struct culvert_config config = small_config(CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST);
    culvert_session session = 77;
    char why[256];
    open_many(SESSIONS);
    ck_assert_int_eq(culvert_open(&config, &session, why, sizeof why), CULVERT_E_LIMIT);
    ck_assert_uint_eq(session, 77);
    ck_assert(why[0] != '\0');
    ck_assert_int_eq(culvert_close(sessions[1000]), 0);
    sessions[1000] = open_null(CULVERT_POLICY_LATEST);
    ck_assert_int_eq(submit_next(sessions[1000]), 0);
    ck_assert_int_eq(culvert_open(&config, &session, why, sizeof why), CULVERT_E_LIMIT);
    close_many(SESSIONS);
    ck_assert_int_eq(culvert_close(open_null(CULVERT_POLICY_LATEST)), 0);
}
END_TEST

/* Valgrind runs 500 threads at most, and ThreadSanitizer takes a minute for thousands; the table of handles that is
 * full is the host's, wherever encoders run. */
START_TEST(two_hundred_sessions_run_at_once)
{
    open_many(200);
    close_many(200);
}
END_TEST

START_TEST(a_descriptor_is_readable_for_good_once_its_session_is_closed)
{
    const culvert_session session = open_null(CULVERT_POLICY_LATEST);
    int fds[2];
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(culvert_fd(session, &fds[i]), 0);
    struct pollfd wait[2] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};
    ck_assert(stream_is_quiet(session, fds[0]) && stream_is_quiet(session, fds[1]));
    ck_assert_int_eq(culvert_close(session), 0);
    for (uint32_t round = 0; round < 3; round++) {
        ck_assert_int_eq(poll(wait, 2, 0), 2);
        ck_assert_int_eq(culvert_close(open_null(CULVERT_POLICY_LATEST)), 0);
    }
    ck_assert_int_eq(close(fds[0]), 0);
    ck_assert_int_eq(poll(&wait[1], 1, 0), 1);
    ck_assert_int_eq(close(fds[1]), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stale");
    TCase *numbers = add_case(suite, "numbers");
    tcase_add_loop_test(numbers, every_call_refuses_what_was_closed_given_back_or_never_was, 0, (int)calls_count);
    tcase_add_loop_test(numbers, no_session_is_a_loan_and_no_loan_a_session_or_of_another_kind, 0, (int)calls_count);
    tcase_add_loop_test(numbers, no_random_number_is_a_session_or_a_loan, 0, (int)calls_count);

    TCase *closing = add_case(suite, "closing");
    tcase_add_loop_test(closing, a_close_sends_a_blocked_call_home_before_the_codec_is_done, 0, BLOCKING);
    tcase_add_loop_test(closing, of_8_closers_one_wins_and_nobody_hangs, 0, RACES);
    tcase_add_test(closing, a_descriptor_is_readable_for_good_once_its_session_is_closed);

    TCase *crowds = add_case(suite, "crowds");
    tcase_add_test(crowds, who_submits_while_another_does_is_told_so);
    tcase_add_test(crowds, who_receives_while_another_does_is_told_so);
    tcase_add_test(crowds, nobody_submits_while_another_thread_waits_in_encode);
    /* In 32 bits there is no room for the stacks of 4096 threads. */
    if (under_valgrind() || WITH_TSAN || apart() || SIZE_MAX == UINT32_MAX)
        tcase_add_test(crowds, two_hundred_sessions_run_at_once);
    else
        tcase_add_test(crowds, the_4097th_session_is_refused_until_one_is_closed);
    return suite;
}
