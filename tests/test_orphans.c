/* Brokers that die or end: their processes, their sessions, and those that wait for the next one. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"
#include "instrument.h"
#include "own_daemon.h"
#include "remote/wire.h"
#include "run.h"
#include "stream.h"

#define SECOND_MS 1000

static const char *error_of(const struct guest *guest)
{
    static char text[256];
    ck_assert_int_eq(culvert_error_text(guest->session, text, sizeof text), 0);
    return text;
}

/* ---- Death ------------------------------------------------------------------------------------------------------- */

static bool has_buried_all(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
    return errno == ECHILD;
}

/* What it leaves behind becomes this process' children. */
START_TEST(a_broker_that_dies_takes_its_processes_along)
{
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    guest_start(NULL);
    struct guest guests[3];
    for (int i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof name, "g%d", i);
        guests[i] = guest_of(&its_daemon, name);
        guest_flow(&guests[i]);
    }
    ck_assert_int_eq(kill(own_daemon_worker(&its_daemon, "g2", 0), SIGSTOP), 0);
    own_daemon_end(&its_daemon, SIGKILL);
    ck_assert(COMES(has_buried_all(), SECOND_MS));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(culvert_close(guests[i].session), 0);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    guest_stop();
}
END_TEST

static void expect_gone(struct guest *guest)
{
    uint8_t unit[64];
    size_t bytes;
    struct culvert_packet packet = {.size = sizeof packet};
    const struct culvert_frame frame = stream_frame(GUEST_WIDTH, GUEST_HEIGHT, CULVERT_PTS_NOW);
    uint8_t *const pixels = stream_pixels(GUEST_WIDTH, GUEST_HEIGHT, 0);
    const size_t size = (size_t)4 * GUEST_WIDTH * GUEST_HEIGHT;
    ck_assert_int_eq(guest_receive(guest, GUEST_PATIENCE_MS), CULVERT_E_GONE);
    ck_assert_int_eq(guest_receive(guest, 0), CULVERT_E_GONE);
    ck_assert_int_eq(culvert_submit(guest->session, &frame, pixels, size), CULVERT_E_GONE);
    ck_assert_int_eq(
        culvert_encode(guest->session, &frame, pixels, size, unit, sizeof unit, &bytes, &packet, GUEST_PATIENCE_MS),
        CULVERT_E_GONE);
    free(pixels);
    ck_assert_int_eq(culvert_set_bitrate(guest->session, 1000, NULL), CULVERT_E_GONE);
    ck_assert_int_eq(culvert_request_keyframe(guest->session, NULL), CULVERT_E_GONE);
    ck_assert_int_eq(culvert_pause(guest->session, NULL), CULVERT_E_GONE);
    ck_assert_ptr_nonnull(strstr(error_of(guest), "culvertd has ended"));
    const struct culvert_stats stats = guest_stats(guest);
    ck_assert_uint_eq(stats.submitted, guest->submitted);
    ck_assert_uint_eq(stats.settled, stats.submitted);
    ck_assert_int_eq(culvert_close(guest->session), 0);
}

START_TEST(what_was_queued_is_received_before_the_broker_is_gone)
{
    guest_start(NULL);
    struct culvert_config config = guest_config(&its_daemon, "queued");
    config.policy = (uint32_t)_i;
    struct guest guest = guest_open(&config);
    for (uint32_t i = 1; i <= 5; i++) {
        ck_assert_int_eq(guest_submit(&guest), 0);
        ck_assert(COMES(guest_stats(&guest).queued_packets == i, GUEST_PATIENCE_MS));
    }
    own_daemon_end(&its_daemon, SIGKILL);
    for (uint32_t i = 1; i <= 5; i++) {
        ck_assert_int_eq(guest_receive(&guest, 0), 0);
        ck_assert_uint_eq(guest.packet.frame, i);
    }
    expect_gone(&guest);
    guest_stop();
}
END_TEST

static void *wait_for_packets(void *argument)
{
    static int result;
    struct guest *const guest = argument;
    while ((result = guest_receive(guest, CULVERT_WAIT_FOREVER)) == 0)
        continue;
    return &result;
}

static void *wait_for_room(void *argument)
{
    static int result;
    struct guest *const guest = argument;
    while ((result = guest_submit(guest)) == 0)
        continue;
    return &result;
}

/* The process stands still, so that the queue of frames is full and no packet comes. */
START_TEST(calls_that_wait_are_told_that_the_broker_is_gone)
{
    guest_start(NULL);
    struct culvert_config config = guest_config(&its_daemon, "waiting");
    config.policy = CULVERT_POLICY_BLOCK;
    struct guest receiver = guest_open(&config), submitter = receiver;
    pthread_t threads[2];
    int *results[2];
    guest_flow(&receiver);
    ck_assert_int_eq(kill(own_daemon_worker(&its_daemon, "waiting", 0), SIGSTOP), 0);
    submitter = receiver;
    pthread_create(&threads[0], NULL, wait_for_packets, &receiver);
    pthread_create(&threads[1], NULL, wait_for_room, &submitter);
    /* Of four slots, a process that stands between two frames keeps the one that it has settled. */
    ck_assert(COMES(guest_stats(&receiver).submitted - guest_stats(&receiver).settled >= 3, GUEST_PATIENCE_MS));
    own_daemon_end(&its_daemon, SIGKILL);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], (void **)&results[i]);
        ck_assert_int_eq(*results[i], CULVERT_E_GONE);
    }
    const struct culvert_stats stats = guest_stats(&submitter);
    ck_assert_uint_eq(stats.submitted, stats.settled);
    ck_assert_uint_ge(stats.lost, 3);
    ck_assert_uint_eq(stats.skipped, 0);
    ck_assert_int_eq(culvert_close(receiver.session), 0);
    guest_stop();
}
END_TEST

/* ---- The next one ------------------------------------------------------------------------------------------------ */

static struct guest open_faithful(uint32_t policy)
{
    struct culvert_config config = guest_config(&its_daemon, "faithful");
    config.policy = policy;
    config.flags |= CULVERT_CONFIG_RECONNECT;
    struct guest guest = guest_open(&config);
    guest_reach(&guest, 1);
    guest_flow(&guest);
    return guest;
}

START_TEST(a_session_that_asked_for_it_goes_on_with_the_next_broker)
{
    guest_start(NULL);
    struct guest guest = open_faithful((uint32_t)_i);
    for (uint32_t epoch = 2; epoch <= 4; epoch++) {
        own_daemon_end(&its_daemon, SIGKILL);
        /* Once its last process is dead too, nobody is there: frames are taken all the same. */
        for (int i = 0; i < 20; i++)
            ck_assert(COMES((guest_receive(&guest, 1), guest_submit(&guest) == 0), GUEST_PATIENCE_MS));
        own_daemon_start(&its_daemon, NULL);
        guest_reach(&guest, epoch);
        guest_flow(&guest);
    }
    const struct culvert_stats stats = guest_end(&guest);
    ck_assert_uint_eq(stats.restarts, 3);
    ck_assert_uint_eq(stats.epochs, 4);
    ck_assert_uint_ge(stats.lost, 3);
    ck_assert_uint_ge(stats.lost + stats.skipped, 30);
    guest_stop();
}
END_TEST

START_TEST(a_session_that_nobody_submits_to_waits_for_the_next_broker_too)
{
    guest_start(NULL);
    struct guest guest = open_faithful(CULVERT_POLICY_LATEST);
    own_daemon_end(&its_daemon, SIGKILL);
    own_daemon_start(&its_daemon, NULL);
    int result;
    while ((result = guest_receive(&guest, 300)) == 0) /* of frames from before, on a slow machine */
        continue;
    ck_assert_int_eq(result, CULVERT_E_AGAIN);
    guest_reach(&guest, 2);
    ck_assert_uint_eq(guest_end(&guest).restarts, 1);
    guest_stop();
}
END_TEST

static int encode(struct guest *guest)
{
    uint8_t unit[4096];
    size_t bytes;
    const struct culvert_frame frame = stream_frame(GUEST_WIDTH, GUEST_HEIGHT, CULVERT_PTS_NOW);
    uint8_t *const pixels = stream_pixels(GUEST_WIDTH, GUEST_HEIGHT, guest->submitted);
    const int result = culvert_encode(guest->session, &frame, pixels, (size_t)4 * GUEST_WIDTH * GUEST_HEIGHT, unit,
                                      sizeof unit, &bytes, &guest->packet, 100);
    free(pixels);
    guest->submitted += result != CULVERT_E_AGAIN;
    return result;
}

/* No other result than these, with nobody there: nothing was refused. */
static bool is_honest(int result)
{
    return result == 0 || result == CULVERT_EARLIER || result == CULVERT_E_TIMEOUT || result == CULVERT_E_CODEC ||
           result == CULVERT_E_AGAIN;
}

START_TEST(a_host_of_one_call_a_frame_goes_on_with_the_next_broker)
{
    guest_start(NULL);
    struct guest guest = open_faithful((uint32_t)_i);
    own_daemon_end(&its_daemon, SIGKILL);
    int result = 0;
    for (int i = 0; i < 5; i++)
        ck_assert_msg(is_honest(result = encode(&guest)), "encode: %s", culvert_error_name(result));
    own_daemon_start(&its_daemon, NULL);
    ck_assert(COMES((ck_assert_msg(is_honest(result = encode(&guest)), "encode: %s", culvert_error_name(result)),
                     guest.packet.epoch == 2),
                    GUEST_PATIENCE_MS));
    while (guest_receive(&guest, 50) == 0)
        continue;
    ck_assert_int_eq(encode(&guest), 0);
    ck_assert_uint_eq(guest.packet.frame, guest.submitted);
    ck_assert_uint_eq(guest_end(&guest).restarts, 1);
    guest_stop();
}
END_TEST

START_TEST(a_paused_session_stays_paused_with_the_next_broker)
{
    guest_start(NULL);
    struct guest guest = open_faithful(CULVERT_POLICY_LATEST);
    ck_assert_int_eq(culvert_pause(guest.session, NULL), 0);
    own_daemon_end(&its_daemon, SIGKILL);
    while (guest_receive(&guest, 0) == 0)
        continue;
    own_daemon_start(&its_daemon, NULL);
    ck_assert(COMES((guest_submit(&guest), guest_stats(&guest).restarts == 1), GUEST_PATIENCE_MS));
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(guest_submit(&guest), 0);
        ck_assert_int_eq(guest_receive(&guest, 2), CULVERT_E_AGAIN);
    }
    uint32_t control;
    ck_assert_int_ge(culvert_resume(guest.session, &control), 0);
    ck_assert_int_eq(guest_receive(&guest, GUEST_PATIENCE_MS), 0);
    ck_assert_uint_eq(guest.packet.control, control);
    ck_assert_uint_eq(guest.packet.epoch, 2);
    guest_end(&guest);
    guest_stop();
}
END_TEST

START_TEST(a_thread_that_waits_for_packets_gets_those_of_the_next_broker)
{
    guest_start(NULL);
    struct guest receiver = open_faithful(CULVERT_POLICY_LATEST), submitter = receiver;
    pthread_t thread;
    int *result;
    pthread_create(&thread, NULL, wait_for_packets, &receiver);
    own_daemon_end(&its_daemon, SIGKILL);
    ck_assert_int_eq(guest_submit(&submitter), 0);
    own_daemon_start(&its_daemon, NULL);
    ck_assert(COMES((guest_submit(&submitter), guest_stats(&submitter).epochs == 2), GUEST_PATIENCE_MS));
    ck_assert_int_eq(culvert_finish(submitter.session), 0);
    pthread_join(thread, (void **)&result);
    ck_assert_int_eq(*result, CULVERT_EOS);
    ck_assert_uint_eq(receiver.packet.epoch, 2);
    const struct culvert_stats stats = guest_stats(&submitter);
    ck_assert_uint_eq(stats.submitted, submitter.submitted);
    ck_assert_uint_eq(stats.settled, stats.submitted);
    ck_assert_int_eq(culvert_close(submitter.session), 0);
    guest_stop();
}
END_TEST

/* ---- The end of a broker ----------------------------------------------------------------------------------------- */

static const int ends[] = {SIGTERM, SIGINT};

static void expect_well_ended(int status)
{
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
    ck_assert(access(its_daemon.socket, F_OK) < 0 && errno == ENOENT);
}

static void send_end(int signal)
{
    ck_assert_int_eq(kill(its_daemon.pid, signal), 0);
    ck_assert(COMES(own_daemon_said(&its_daemon, "ending: "), GUEST_PATIENCE_MS));
}

START_TEST(a_signal_lets_sessions_end_well_and_takes_no_more)
{
    guest_start((const char *const[]){"--drain", "60000", NULL});
    struct guest guest = guest_of(&its_daemon, "ending");
    guest_flow(&guest);
    const pid_t pid = own_daemon_worker(&its_daemon, "ending", 0);
    send_end(ends[_i]);
    char why[256];
    culvert_session none = 0;
    const struct culvert_config config = guest_config(&its_daemon, "late");
    ck_assert_int_eq(culvert_open(&config, &none, why, sizeof why), CULVERT_E_GONE);
    ck_assert_ptr_nonnull(strstr(why, "no culvertd at"));
    /* An encoder process that dies meanwhile is replaced still. */
    kill(pid, SIGKILL);
    guest_reach(&guest, 2);
    guest_end(&guest);
    expect_well_ended(own_daemon_end(&its_daemon, 0));
    guest_stop();
}
END_TEST

/* A connection that has asked what sessions there are. */
static int ask(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", its_daemon.socket);
    const int asker = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(asker, (struct sockaddr *)&address, sizeof address), 0);
    struct wire_list list = {
        .header = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .kind = WIRE_LIST, .bytes = sizeof list}};
    ck_assert_int_eq(send(asker, &list, sizeof list, 0), sizeof list);
    return asker;
}

/* Perhaps it was answered before the broker saw the signal; what it asked and the broker did not read is an error
 * first.
 */
static void expect_told(int asker)
{
    union wire_message message;
    ssize_t bytes;
    do
        bytes = recv(asker, &message, sizeof message, 0);
    while (bytes < 0 ? errno == ECONNRESET : bytes > 0 && message.header.kind == WIRE_LISTED);
    ck_assert_int_eq(bytes, sizeof message.refused);
    ck_assert_uint_eq(message.header.kind, WIRE_REFUSED);
    ck_assert_int_eq(message.refused.error, CULVERT_E_GONE);
    ck_assert_ptr_nonnull(strstr(message.refused.text, "culvertd is ending"));
    close(asker);
}

START_TEST(a_connection_that_asks_while_the_broker_ends_is_told_so)
{
    guest_start((const char *const[]){"--drain", "60000", NULL});
    struct guest guest = guest_of(&its_daemon, "ending");
    guest_flow(&guest);
    const int late = ask();
    struct wire_listed listed;
    ck_assert_int_eq(recv(late, &listed, sizeof listed, 0), sizeof listed);
    send_end(ends[_i]);
    expect_told(late);
    guest_end(&guest);
    expect_well_ended(own_daemon_end(&its_daemon, 0));
    guest_stop();
}
END_TEST

START_TEST(connections_that_wait_to_be_accepted_when_the_broker_ends_are_told_so)
{
    guest_start((const char *const[]){"--drain", "60000", NULL});
    struct guest guest = guest_of(&its_daemon, "ending");
    guest_flow(&guest);
    ck_assert_int_eq(kill(its_daemon.pid, SIGSTOP), 0);
    int late[40];
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++)
        late[i] = ask();
    ck_assert_int_eq(kill(its_daemon.pid, ends[_i]), 0);
    ck_assert_int_eq(kill(its_daemon.pid, SIGCONT), 0);
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++)
        expect_told(late[i]);
    guest_end(&guest);
    expect_well_ended(own_daemon_end(&its_daemon, 0));
    guest_stop();
}
END_TEST

START_TEST(sessions_that_do_not_end_in_time_are_told_that_it_is_gone)
{
    guest_start((const char *const[]){"--drain", "500", NULL});
    struct guest guest = guest_of(&its_daemon, "staying");
    guest_flow(&guest);
    const int64_t began = milliseconds();
    send_end(ends[_i]);
    guest_flow(&guest);
    expect_well_ended(own_daemon_end(&its_daemon, 0));
    ck_assert_int_ge(milliseconds() - began, 490);
    while (guest_receive(&guest, GUEST_PATIENCE_MS) == 0)
        continue;
    expect_gone(&guest);
    guest_stop();
}
END_TEST

START_TEST(a_second_signal_ends_it_at_once)
{
    guest_start((const char *const[]){"--drain", "3600000", NULL});
    struct guest guest = guest_of(&its_daemon, "staying");
    guest_flow(&guest);
    send_end(ends[_i]);
    expect_well_ended(own_daemon_end(&its_daemon, ends[1 - _i]));
    while (guest_receive(&guest, GUEST_PATIENCE_MS) == 0)
        continue;
    expect_gone(&guest);
    guest_stop();
}
END_TEST
Suite *test_suite(void)
{
    Suite *suite = suite_create("orphans");
    TCase *reaped = add_case(suite, "children's death");
    tcase_set_tags(reaped, "subreaper");
    tcase_add_test(reaped, a_broker_that_dies_takes_its_processes_along);
    TCase *deaths = add_case(suite, "death");
    tcase_add_loop_test(deaths, what_was_queued_is_received_before_the_broker_is_gone, 0, 3);
    tcase_add_test(deaths, calls_that_wait_are_told_that_the_broker_is_gone);
    TCase *next = add_case(suite, "the next one");
    tcase_add_loop_test(next, a_session_that_asked_for_it_goes_on_with_the_next_broker, 0, 3);
    tcase_add_test(next, a_session_that_nobody_submits_to_waits_for_the_next_broker_too);
    tcase_add_loop_test(next, a_host_of_one_call_a_frame_goes_on_with_the_next_broker, 0, 3);
    tcase_add_test(next, a_paused_session_stays_paused_with_the_next_broker);
    tcase_add_test(next, a_thread_that_waits_for_packets_gets_those_of_the_next_broker);
    TCase *end = add_case(suite, "the end");
    add_rows(end, a_signal_lets_sessions_end_well_and_takes_no_more, ends);
    add_rows(end, a_connection_that_asks_while_the_broker_ends_is_told_so, ends);
    add_rows(end, connections_that_wait_to_be_accepted_when_the_broker_ends_are_told_so, ends);
    add_rows(end, sessions_that_do_not_end_in_time_are_told_that_it_is_gone, ends);
    add_rows(end, a_second_signal_ends_it_at_once, ends);
    return suite;
}
