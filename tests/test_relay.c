/* What the host's side tells each worker in turn, and when it wakes whom: over a culvertd that plays worker itself. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "liar.h"
#include "own_daemon.h"
#include "raw_client.h"
#include "run.h"
#include "session/packets.h"
#include "stream.h"

#define PATIENCE_MS 20000

static struct liar liar;

static void begin(void)
{
    liar_begin(&liar);
}

static void end(void)
{
    liar_end(&liar);
}

static void report(const struct wire_report *report)
{
    struct wire_report message = *report;
    ck_assert_int_eq(wire_send(liar.data, WIRE_REPORT, &message, sizeof message, NULL, 0), 0);
}

/* The worker ends, and another one comes: what it is told. */
static struct wire_start next_worker(culvert_session session)
{
    struct wire_parcel parcel;
    liar_worker(&liar);
    stream_stats(session);
    ck_assert_int_eq(raw_await(liar.data, WIRE_MASK(WIRE_START), &parcel, PATIENCE_MS), 1);
    return parcel.message.start;
}

static struct wire_state next_state(void)
{
    struct wire_parcel parcel;
    do
        ck_assert_int_eq(raw_await(liar.data, WIRE_MASK(WIRE_STATE) | WIRE_MASK(WIRE_BELL), &parcel, PATIENCE_MS), 1);
    while (parcel.message.header.kind != WIRE_STATE);
    return parcel.message.state;
}

START_TEST(a_worker_is_told_what_geometry_the_last_packet_had_unless_its_predecessor_made_none)
{
    const culvert_session session = liar_open(&liar, CULVERT_POLICY_BLOCK);
    ck_assert_uint_eq(liar.start.proven.width, 0);
    ck_assert_int_eq(stream_submit(session, 64, 64, 1000, 1, 0), 0);
    struct wire_report packet = liar_packet(&liar, 1);
    packet.geometry.width = packet.geometry.height = 64;
    report(&packet);
    ck_assert_int_eq(stream_receive(session, PATIENCE_MS).result, 0);
    ck_assert_uint_eq(next_worker(session).proven.width, 64);
    /* That one dies without a packet, perhaps of opening an encoder of just this geometry. */
    ck_assert_uint_eq(next_worker(session).proven.width, 0);
    culvert_close(session);
}
END_TEST

/* The host keeps the memory of so many dead workers, and no more, for packets that are lent. */
START_TEST(a_worker_waits_while_packets_of_nine_dead_ones_are_lent)
{
    enum { KEPT = PAST_MOST + 1 };
    const uint32_t descriptors = process_descriptors(getpid());
    culvert_session session = liar_open(&liar, CULVERT_POLICY_LATEST);
    culvert_loan loans[KEPT];
    struct wire_parcel parcel;
    const void *data;
    size_t bytes;
    for (uint32_t i = 0; i < KEPT; i++) {
        if (i > 0)
            liar.start = next_worker(session);
        ck_assert_int_eq(stream_submit(session, 64, 64, (i + 1) * 1000, i, 0), 0);
        const struct wire_report packet = liar_packet(&liar, i + 1);
        report(&packet);
        ck_assert_int_eq(culvert_peek(session, &loans[i], &data, &bytes, NULL, PATIENCE_MS), 0);
    }
    liar_worker(&liar);
    stream_stats(session);
    const uint32_t waiting = process_descriptors(getpid());
    liar_worker(&liar); /* it died meanwhile, and another waits */
    stream_stats(session);
    ck_assert_uint_eq(process_descriptors(getpid()), waiting);
    ck_assert_int_eq(raw_await(liar.data, WIRE_MASK(WIRE_START), &parcel, 20), -EAGAIN);
    ck_assert_int_eq(culvert_release(loans[3]), 0);
    stream_stats(session);
    ck_assert_int_eq(raw_await(liar.data, WIRE_MASK(WIRE_START), &parcel, PATIENCE_MS), 1);
    ck_assert_uint_eq(parcel.message.start.counts.restarts, KEPT);
    liar_worker(&liar);
    stream_stats(session);
    culvert_close(session);
    const uint32_t own = 4; /* the liar's: control, data and two memories */
    ck_assert_uint_eq(process_descriptors(getpid()), descriptors + own);
    for (uint32_t i = 0; i < KEPT; i++)
        if (i != 3)
            ck_assert_int_eq(culvert_release(loans[i]), CULVERT_E_HANDLE);
}
END_TEST

START_TEST(a_loss_that_a_worker_was_started_with_is_not_told_again)
{
    const culvert_session session = liar_open(&liar, CULVERT_POLICY_BLOCK);
    ck_assert_int_eq(stream_submit(session, 64, 64, 1000, 1, 0), 0);
    const struct wire_report packet = liar_packet(&liar, 1);
    report(&packet);
    ck_assert_int_eq(stream_receive(session, PATIENCE_MS).result, 0);
    shutdown(liar.data, SHUT_RDWR);
    stream_stats(session);
    ck_assert_int_ge(culvert_report_loss(session, 1000, NULL), 0);
    ck_assert_int_eq(next_worker(session).state.wanted.lost, 1000);
    ck_assert_int_ge(culvert_set_bitrate(session, 1234, NULL), 0);
    const struct wire_state state = next_state();
    ck_assert_uint_eq(state.wanted.rate.bitrate_kbps, 1234);
    ck_assert_int_eq(state.wanted.lost, INT64_MAX);
    culvert_close(session);
}
END_TEST

/* ---- After culvert_finish ---------------------------------------------------------------------------------------- */

static void *receive(void *session)
{
    return (void *)(intptr_t)stream_receive(*(const culvert_session *)session, CULVERT_WAIT_FOREVER).result;
}

/* Sessions that would wait for the next culvertd. */
static culvert_session open_faithful(void)
{
    liar.flags = CULVERT_CONFIG_RECONNECT;
    const culvert_session session = liar_open(&liar, CULVERT_POLICY_LATEST);
    ck_assert_int_eq(stream_submit(session, 64, 64, 1000, 1, 0), 0);
    return session;
}

static void expect_gone(culvert_session session)
{
    ck_assert_int_eq(stream_receive(session, PATIENCE_MS).result, CULVERT_E_GONE);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.settled, stats.submitted);
    culvert_close(session);
}

START_TEST(a_thread_that_waits_for_packets_of_a_finished_session_hears_that_no_culvertd_comes)
{
    culvert_session session = open_faithful();
    pthread_t thread;
    void *result;
    liar_hang_up(&liar);
    ck_assert_int_eq(stream_receive(session, 50).result, CULVERT_E_AGAIN);
    ck_assert_int_eq(pthread_create(&thread, NULL, receive, &session), 0);
    /* It sleeps by now; if it does not yet, this proves less, and nothing wrong. */
    usleep(100000);
    ck_assert_int_eq(culvert_finish(session), 0);
    pthread_join(thread, &result);
    ck_assert_int_eq((int)(intptr_t)result, CULVERT_E_GONE);
    expect_gone(session);
}
END_TEST

START_TEST(a_finished_session_does_not_wait_for_a_culvertd_that_does_not_answer)
{
    const culvert_session session = open_faithful();
    liar_hang_up(&liar);
    ck_assert_int_eq(stream_receive(session, 50).result, CULVERT_E_AGAIN);
    /* It connects, and asks; nobody accepts. */
    ck_assert_int_eq(stream_submit(session, 64, 64, 2000, 2, 0), 0);
    ck_assert_int_eq(culvert_finish(session), 0);
    expect_gone(session);
}
END_TEST

START_TEST(a_finished_session_does_not_move_to_a_culvertd_that_has_answered)
{
    const culvert_session session = open_faithful();
    struct wire_parcel parcel;
    struct wire_opened opened;
    liar_hang_up(&liar);
    ck_assert_int_eq(stream_receive(session, 50).result, CULVERT_E_AGAIN);
    ck_assert_int_eq(stream_submit(session, 64, 64, 2000, 2, 0), 0);
    liar_accept(&liar, WIRE_OPEN, &parcel);
    liar_opened(&liar, &parcel.message.open, &opened);
    ck_assert_int_eq(wire_send(liar.control, WIRE_OPENED, &opened, sizeof opened, &liar.frames, 1), 0);
    ck_assert_int_eq(stream_receive(session, 50).result, CULVERT_E_AGAIN);
    ck_assert_int_eq(culvert_finish(session), 0);
    expect_gone(session);
}
END_TEST

/* ---- Descriptors ------------------------------------------------------------------------------------------------- */

static bool is_readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, 0) == 1;
}

/* The first that is closed has no descriptor left for that. */
START_TEST(a_descriptor_is_readable_after_the_close_though_one_before_it_could_not_be_made_so)
{
    struct rlimit before;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    for (int i = 0; i < 2; i++) {
        int fd;
        const culvert_session session = liar_open(&liar, CULVERT_POLICY_LATEST);
        ck_assert_int_eq(culvert_fd(session, &fd), 0);
        if (i == 0)
            ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
        ck_assert_int_eq(culvert_close(session), 0);
        setrlimit(RLIMIT_NOFILE, &before);
        ck_assert(i == 0 || is_readable(fd));
        close(fd);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("relay");
    TCase *workers = add_case(suite, "workers");
    tcase_add_checked_fixture(workers, begin, end);
    tcase_add_test(workers, a_worker_is_told_what_geometry_the_last_packet_had_unless_its_predecessor_made_none);
    tcase_add_test(workers, a_worker_waits_while_packets_of_nine_dead_ones_are_lent);
    tcase_add_test(workers, a_loss_that_a_worker_was_started_with_is_not_told_again);
    TCase *finished = add_case(suite, "finished");
    tcase_add_checked_fixture(finished, begin, end);
    tcase_add_test(finished, a_thread_that_waits_for_packets_of_a_finished_session_hears_that_no_culvertd_comes);
    tcase_add_test(finished, a_finished_session_does_not_wait_for_a_culvertd_that_does_not_answer);
    tcase_add_test(finished, a_finished_session_does_not_move_to_a_culvertd_that_has_answered);
    TCase *descriptors = add_case(suite, "descriptors");
    tcase_add_checked_fixture(descriptors, begin, end);
    tcase_add_test(descriptors, a_descriptor_is_readable_after_the_close_though_one_before_it_could_not_be_made_so);
    return suite;
}
