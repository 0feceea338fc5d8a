/* Messages between processes: what comes in, what is turned away, and that no descriptor stays behind. */
#include "remote/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "instrument.h"
#include "own_daemon.h"
#include "raw_client.h"
#include "run.h"

static int ends[2];

static void connect_both(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

static void close_both(void)
{
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

START_TEST(a_message_comes_with_as_many_descriptors_as_its_kind_has_or_not_at_all)
{
    const int fds[] = {0, 1, 2, 0, 1, 2, 0, 1};
    const uint32_t kinds = WIRE_MASK(WIRE_OPENED) | WIRE_MASK(WIRE_WORKER) | WIRE_MASK(WIRE_REFUSED);
    for (uint32_t count = 0; count <= 8; count++) {
        struct wire_worker worker = {.header = raw_header(WIRE_WORKER, sizeof worker)};
        struct wire_parcel parcel;
        const uint32_t before = process_descriptors(getpid());
        ck_assert(raw_send(ends[0], &worker, sizeof worker, fds, count));
        ck_assert_int_eq(wire_receive(ends[1], kinds, &parcel), count == 2 ? 1 : -EPROTO);
        ck_assert_uint_eq(parcel.count, count == 2 ? 2 : 0);
        wire_discard(&parcel);
        ck_assert_uint_eq(process_descriptors(getpid()), before);
    }
}
END_TEST

/* Those that come are not the peer's fault then. */
START_TEST(where_no_descriptor_is_left_that_is_what_is_said)
{
    struct wire_worker worker = {.header = raw_header(WIRE_WORKER, sizeof worker)};
    struct wire_parcel parcel;
    struct rlimit before, few;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert(raw_send(ends[0], &worker, sizeof worker, (int[]){0, 1}, 2));
    const int lowest_free = dup(0);
    const uint32_t left = process_descriptors(getpid());
    close(lowest_free);
    /* One is left. */
    few = (struct rlimit){.rlim_cur = (rlim_t)lowest_free + 1, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    ck_assert_int_eq(wire_receive(ends[1], WIRE_MASK(WIRE_WORKER), &parcel), -EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_uint_eq(parcel.count, 0);
    ck_assert_uint_eq(process_descriptors(getpid()), left - 1);
}
END_TEST

START_TEST(descriptors_that_nobody_asked_for_are_not_received)
{
    const int fds[] = {0, 1, 2};
    struct wire_header bell = raw_header(WIRE_BELL, sizeof bell);
    struct wire_parcel parcel;
    const uint32_t before = process_descriptors(getpid());
    ck_assert(raw_send(ends[0], &bell, sizeof bell, fds, 3));
    ck_assert_int_eq(wire_receive(ends[1], WIRE_MASK(WIRE_BELL), &parcel), -EPROTO);
    ck_assert_uint_eq(process_descriptors(getpid()), before);
}
END_TEST

START_TEST(what_was_said_before_a_reset_is_still_heard)
{
    struct wire_refused refused = {.error = CULVERT_E_LIMIT};
    struct wire_header bell = raw_header(WIRE_BELL, sizeof bell);
    struct wire_parcel parcel;
    ck_assert(raw_send(ends[1], &bell, sizeof bell, NULL, 0));
    ck_assert_int_eq(wire_send(ends[0], WIRE_REFUSED, &refused, sizeof refused, NULL, 0), 0);
    /* With the bell unread. */
    close(ends[0]);
    ends[0] = -1;
    ck_assert_int_eq(wire_receive(ends[1], WIRE_MASK(WIRE_REFUSED), &parcel), 1);
    ck_assert_int_eq(parcel.message.refused.error, CULVERT_E_LIMIT);
    ck_assert_int_eq(wire_receive(ends[1], WIRE_MASK(WIRE_REFUSED), &parcel), 0);
}
END_TEST

START_TEST(a_message_that_nobody_asked_for_is_none_though_it_is_whole)
{
    struct wire_header bell = raw_header(WIRE_BELL, sizeof bell);
    struct wire_parcel parcel;
    ck_assert(raw_send(ends[0], &bell, sizeof bell, NULL, 0));
    ck_assert_int_eq(wire_receive(ends[1], WIRE_MASK(WIRE_STATE) | WIRE_MASK(WIRE_REPORT), &parcel), -EPROTO);
}
END_TEST

/* WIRE_ASSIGN has as many as there is room for: a fourth is cut off, and what came of them is no message's. */
START_TEST(descriptors_of_a_message_that_was_cut_are_closed)
{
    static struct wire_assign assign;
    const int fds[] = {0, 1, 2, 0};
    struct wire_parcel parcel;
    const uint32_t before = process_descriptors(getpid());
    assign.header = raw_header(WIRE_ASSIGN, sizeof assign);
    ck_assert(raw_send(ends[0], &assign, sizeof assign, fds, 4));
    ck_assert_int_eq(wire_receive(ends[1], WIRE_MASK(WIRE_ASSIGN), &parcel), -EPROTO);
    ck_assert_uint_eq(parcel.count, 0);
    ck_assert_uint_eq(process_descriptors(getpid()), before);
}
END_TEST

START_TEST(descriptors_that_come_are_closed_when_another_program_is_executed)
{
    struct wire_worker worker = {0};
    const int fds[] = {0, 1};
    struct wire_parcel parcel;
    ck_assert_int_eq(wire_send(ends[0], WIRE_WORKER, &worker, sizeof worker, fds, 2), 0);
    ck_assert_int_eq(wire_receive(ends[1], WIRE_MASK(WIRE_WORKER), &parcel), 1);
    for (uint32_t i = 0; i < 2; i++)
        ck_assert_int_eq(fcntl(parcel.fds[i], F_GETFD), FD_CLOEXEC);
    wire_discard(&parcel);
}
END_TEST

/* What the header says, and what comes; zeroes stand for what is right. */
static const struct {
    uint32_t magic, version, kind, said, bytes;
    int result;
} shapes[] = {
    {0, 0, 0, 0, 0, 1},
    {1, 0, 0, 0, 0, -EPROTO},
    {0, 2, 0, 0, 0, -EPROTONOSUPPORT},
    {0, 2, 0, 0, 8000, -EPROTONOSUPPORT},
    {0, 0, WIRE_OPEN, 0, 0, -EPROTO},
    {0, 0, 31, 0, 0, -EPROTO},
    {0, 0, 32, 0, 0, -EPROTO},
    {0, 0, 0xffffffff, 0, 0, -EPROTO},
    {0, 0, 0, 15, 0, -EPROTO},
    {0, 0, 0, 17, 17, -EPROTO},
    {0, 0, 0, 0, 15, -EPROTO},
    {0, 0, 0, 0, 1, -EPROTO},
};

START_TEST(a_header_is_right_or_its_message_is_none)
{
    static union wire_message message;
    struct wire_parcel parcel;
    const size_t bytes = shapes[_i].bytes != 0 ? shapes[_i].bytes : sizeof message.header;
    message.header = (struct wire_header){shapes[_i].magic != 0 ? shapes[_i].magic : WIRE_MAGIC,
                                          shapes[_i].version != 0 ? shapes[_i].version : WIRE_VERSION,
                                          shapes[_i].kind != 0 ? shapes[_i].kind : WIRE_BELL,
                                          shapes[_i].said != 0 ? shapes[_i].said : 16};
    ck_assert(raw_send(ends[0], &message, bytes, NULL, 0));
    ck_assert_int_eq(wire_receive(ends[1], WIRE_MASK(WIRE_BELL) | WIRE_MASK(WIRE_STATE), &parcel), shapes[_i].result);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("wire");
    TCase *tcase = add_case(suite, "receive");
    tcase_add_checked_fixture(tcase, connect_both, close_both);
    /* memcheck keeps the highest descriptors for itself, and the limit with them. */
    if (!under_valgrind())
        tcase_add_test(tcase, where_no_descriptor_is_left_that_is_what_is_said);
    tcase_add_test(tcase, descriptors_that_nobody_asked_for_are_not_received);
    tcase_add_test(tcase, what_was_said_before_a_reset_is_still_heard);
    tcase_add_test(tcase, a_message_that_nobody_asked_for_is_none_though_it_is_whole);
    tcase_add_test(tcase, descriptors_that_come_are_closed_when_another_program_is_executed);
    add_rows(tcase, a_header_is_right_or_its_message_is_none, shapes);
    tcase = add_case(suite, "receive with descriptors");
    tcase_set_tags(tcase, "excess_descriptors");
    tcase_add_checked_fixture(tcase, connect_both, close_both);
    tcase_add_test(tcase, a_message_comes_with_as_many_descriptors_as_its_kind_has_or_not_at_all);
    tcase_add_test(tcase, descriptors_of_a_message_that_was_cut_are_closed);
    return suite;
}
