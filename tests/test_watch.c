/* Watching, over a culvertd that plays the worker itself: what comes of the pieces that it sends. */
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "liar.h"
#include "raw_client.h"
#include "run.h"
#include "stream.h"

#define PACKETS 256 /* that can be lent or wait at a time (culvert_peek) */

static struct liar liar;

static void begin(void)
{
    liar_begin(&liar);
}

static void end(void)
{
    liar_end(&liar);
}

static void *answer_watch(void *unused)
{
    struct wire_parcel parcel;
    struct wire_watched watched = {.config = raw_config(CULVERT_POLICY_LATEST)};
    int ends[2];
    liar_accept(&liar, WIRE_WATCH, &parcel);
    watched.config.max_width = watched.config.max_height = 256;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    liar.data = ends[1];
    wire_send(liar.control, WIRE_WATCHED, &watched, sizeof watched, &ends[0], 1);
    close(ends[0]);
    return unused;
}

static culvert_session watch(void)
{
    culvert_session session = 0;
    char why[256] = "";
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, answer_watch, NULL), 0);
    const int result = culvert_watch(liar.endpoint, "any", &session, why, sizeof why);
    pthread_join(thread, NULL);
    ck_assert_msg(result == 0, "%s", why);
    return session;
}

static void send_copy(uint64_t frame, uint64_t bytes, uint64_t offset, uint8_t fill)
{
    static struct wire_copy copy;
    copy.packet = liar_packet(&liar, frame).packet;
    copy.bytes = bytes;
    copy.offset = offset;
    memset(copy.chunk, fill, sizeof copy.chunk);
    ck_assert_int_eq(wire_send(liar.data, WIRE_COPY, &copy, sizeof copy, NULL, 0), 0);
}

START_TEST(a_packet_whose_pieces_come_apart_is_whole)
{
    const culvert_session session = watch();
    send_copy(1, 100, 0, 'a');
    send_copy(2, WIRE_CHUNK + 100, 0, 'b');
    ck_assert_int_eq(stream_receive(session, 2000).result, 0);
    ck_assert_int_eq(stream_receive(session, 0).result, CULVERT_E_AGAIN);
    send_copy(2, WIRE_CHUNK + 100, WIRE_CHUNK, 'c');
    const struct stream_unit unit = stream_receive(session, 2000);
    ck_assert_int_eq(unit.result, 0);
    ck_assert_uint_eq(unit.bytes, WIRE_CHUNK + 100);
    for (size_t i = 0; i < unit.bytes; i++)
        ck_assert_uint_eq(unit.data[i], i < WIRE_CHUNK ? 'b' : 'c');
    ck_assert_uint_eq(stream_stats(session).packets, 2);
    ck_assert_uint_eq(stream_stats(session).bytes, WIRE_CHUNK + 200);
    ck_assert_int_eq(culvert_finish(session), CULVERT_E_UNSUPPORTED);
    culvert_close(session);
}
END_TEST

static const struct {
    uint64_t bytes, offset;
} pieces[] = {
    {UINT64_MAX, 0}, {UINT64_MAX, UINT64_MAX}, {100, 101}, {1 << 20, 0}, {1 << 20, 1 << 19}, {0, 1},
};

START_TEST(a_piece_that_cannot_be_ends_the_watching)
{
    const culvert_session session = watch();
    send_copy(1, WIRE_CHUNK + 100, 0, 'a');
    send_copy(1, pieces[_i].bytes, pieces[_i].offset, 'b');
    ck_assert_int_eq(stream_receive(session, 2000).result, CULVERT_E_CRASHED);
    culvert_close(session);
}
END_TEST

START_TEST(a_packet_that_changes_its_size_between_pieces_is_left_out)
{
    const culvert_session session = watch();
    send_copy(1, WIRE_CHUNK + 100, 0, 'a');
    send_copy(1, WIRE_CHUNK + 5000, WIRE_CHUNK, 'b');
    send_copy(2, 100, 0, 'c');
    const struct stream_unit unit = stream_receive(session, 2000);
    ck_assert_int_eq(unit.result, 0);
    ck_assert_uint_eq(unit.bytes, 100);
    culvert_close(session);
}
END_TEST

static culvert_loan lend(culvert_session session)
{
    culvert_loan loan = 0;
    const void *data;
    size_t bytes;
    struct culvert_packet packet = {.size = sizeof packet};
    ck_assert_int_eq(culvert_peek(session, &loan, &data, &bytes, &packet, 2000), 0);
    return loan;
}

/* As many packets as there is room for, all lent; and behind them one more, which is not even read. */
static void fill_up(culvert_session session, culvert_loan loans[PACKETS])
{
    for (uint32_t i = 0; i < PACKETS; i++) {
        send_copy(i + 1, 100, 0, 'a');
        loans[i] = lend(session);
    }
    send_copy(PACKETS + 1, 200, 0, 'b');
}

static void *receive(void *argument)
{
    static struct stream_unit unit;
    unit = stream_receive(*(culvert_session *)argument, CULVERT_WAIT_FOREVER);
    return &unit;
}

START_TEST(a_thread_that_waits_without_room_goes_on_when_a_packet_is_given_back)
{
    culvert_session session = watch();
    static culvert_loan loans[PACKETS];
    pthread_t thread;
    void *received;
    fill_up(session, loans);
    ck_assert_int_eq(stream_receive(session, 50).result, CULVERT_E_AGAIN);
    ck_assert_int_eq(pthread_create(&thread, NULL, receive, &session), 0);
    /* Long enough that it sleeps; were it not there yet, it would find the room by itself. */
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    ck_assert_int_eq(culvert_release(loans[0]), 0);
    ck_assert_int_eq(pthread_join(thread, &received), 0);
    const struct stream_unit *const unit = received;
    ck_assert_int_eq(unit->result, 0);
    ck_assert_uint_eq(unit->packet.frame, PACKETS + 1);
    ck_assert_uint_eq(unit->bytes, 200);
    for (uint32_t i = 1; i < PACKETS; i++)
        ck_assert_int_eq(culvert_release(loans[i]), 0);
    culvert_close(session);
}
END_TEST

START_TEST(what_is_lent_is_not_written_over_by_what_comes)
{
    const culvert_session session = watch();
    const uint8_t *data = NULL;
    culvert_loan loan;
    size_t bytes;
    send_copy(1, WIRE_CHUNK, 0, 'a');
    ck_assert_int_eq(culvert_peek(session, &loan, (const void **)&data, &bytes, NULL, 2000), 0);
    for (uint32_t i = 2; i < 3 * PACKETS; i++) {
        send_copy(i, 100, 0, 'b');
        const int result = stream_receive(session, i < PACKETS ? 2000 : 0).result;
        /* Room is freed in order, and the first one is not free. */
        ck_assert_int_eq(result, i <= PACKETS ? 0 : CULVERT_E_AGAIN);
        if (result != 0)
            break;
    }
    ck_assert_uint_eq(bytes, WIRE_CHUNK);
    for (size_t i = 0; i < bytes; i++)
        ck_assert_uint_eq(data[i], 'a');
    ck_assert_int_eq(culvert_release(loan), 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_watcher_hears_the_end_of_what_it_watches_after_its_last_packet)
{
    const culvert_session session = watch();
    send_copy(1, 100, 0, 'a');
    close(liar.data);
    liar.data = -1;
    ck_assert_int_eq(stream_receive(session, 2000).result, 0);
    ck_assert_int_eq(stream_receive(session, 2000).result, CULVERT_EOS);
    ck_assert_int_eq(stream_receive(session, 0).result, CULVERT_EOS);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("watch");
    TCase *tcase = add_case(suite, "watcher");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, a_packet_whose_pieces_come_apart_is_whole);
    tcase_add_test(tcase, a_packet_that_changes_its_size_between_pieces_is_left_out);
    add_rows(tcase, a_piece_that_cannot_be_ends_the_watching, pieces);
    tcase_add_test(tcase, a_thread_that_waits_without_room_goes_on_when_a_packet_is_given_back);
    tcase_add_test(tcase, what_is_lent_is_not_written_over_by_what_comes);
    tcase_add_test(tcase, a_watcher_hears_the_end_of_what_it_watches_after_its_last_packet);
    return suite;
}
