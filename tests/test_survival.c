/* Encoder processes that die: what is lost, what goes on, and what comes after them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "daemon/worker_heap.h"
#include "guest.h"
#include "instrument.h"
#include "own_daemon.h"
#include "run.h"
#include "stream.h"

#define SPARES 2 /* culvertd's default */
#define SECOND_MS 1000

/* ---- Encoder processes ------------------------------------------------------------------------------------------- */

static const struct {
    int signal;
    uint32_t codec, policy;
} deaths[] = {
    {SIGKILL, CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST}, {SIGSEGV, CULVERT_CODEC_NULL, CULVERT_POLICY_BLOCK},
    {SIGABRT, CULVERT_CODEC_NULL, CULVERT_POLICY_REJECT}, {SIGTERM, CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST},
    {SIGBUS, CULVERT_CODEC_H264, CULVERT_POLICY_LATEST},  {SIGKILL, CULVERT_CODEC_VP8, CULVERT_POLICY_BLOCK},
    {SIGSEGV, CULVERT_CODEC_VP9, CULVERT_POLICY_REJECT},
};

START_TEST(a_dead_process_is_replaced_and_the_host_sees_an_epoch_and_a_count)
{
    if (!culvert_has_codec(deaths[_i].codec))
        return;
    guest_start(NULL);
    struct culvert_config config = guest_config(&its_daemon, "dying");
    config.codec = deaths[_i].codec;
    config.policy = deaths[_i].policy;
    struct guest guest = guest_open(&config);
    pid_t pid = 0;
    for (uint32_t epoch = 1; epoch <= 4; epoch++) {
        guest_reach(&guest, epoch);
        pid = own_daemon_worker(&its_daemon, "dying", pid);
        ck_assert_uint_eq(guest_stats(&guest).restarts, epoch - 1);
        if (epoch < 4)
            kill(pid, deaths[_i].signal);
    }
    const struct culvert_stats stats = guest_end(&guest);
    ck_assert_uint_eq(stats.epochs, 4);
    ck_assert_uint_le(stats.lost, stats.restarts);
    guest_stop();
}
END_TEST

START_TEST(the_key_frame_after_a_death_waits_for_no_frame)
{
    guest_start(NULL);
    struct culvert_config config = guest_config(&its_daemon, "slow");
    config.fps_num = 1, config.fps_den = 1;
    struct guest guest = guest_open(&config);
    ck_assert_int_eq(guest_submit(&guest), 0);
    ck_assert_int_eq(guest_receive(&guest, GUEST_PATIENCE_MS), 0);
    const int64_t submitted_at = guest.packet.pts / 1000;
    kill(own_daemon_worker(&its_daemon, "slow", 0), SIGKILL);
    ck_assert_int_eq(guest_receive(&guest, GUEST_PATIENCE_MS), 0);
    ck_assert_uint_eq(guest.packet.epoch, 2);
    ck_assert(guest.packet.flags & CULVERT_PACKET_INSERTED);
    /* A frame interval is a second. */
    if (!under_valgrind() && !WITH_ASAN)
        ck_assert_int_lt(milliseconds() - submitted_at, 900);
    ck_assert_uint_eq(guest_end(&guest).inserted, 1);
    guest_stop();
}
END_TEST

static uint64_t packets_told(const char *name)
{
    struct culvert_listing listing = {.size = sizeof listing};
    char why[256];
    while (culvert_list(its_daemon.endpoint, listing.id, &listing, why, sizeof why) == 0)
        if (strcmp(listing.name, name) == 0)
            return listing.stats.packets;
    return 0;
}

/* It dies with a message unread, which resets its connection. */
START_TEST(what_a_process_had_said_before_it_died_is_received)
{
    guest_start(NULL);
    struct culvert_config config = guest_config(&its_daemon, "dying");
    config.policy = CULVERT_POLICY_BLOCK;
    struct guest guest = guest_open(&config);
    const pid_t pid = own_daemon_worker(&its_daemon, "dying", 0);
    ck_assert_int_eq(guest_submit(&guest), 0);
    ck_assert(COMES(packets_told("dying") == 1, GUEST_PATIENCE_MS));
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    ck_assert_int_eq(guest_submit(&guest), 0);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    own_daemon_worker(&its_daemon, "dying", pid);
    ck_assert_int_eq(guest_receive(&guest, GUEST_PATIENCE_MS), 0);
    ck_assert_uint_eq(guest.packet.frame, 1);
    ck_assert_int_eq(guest_receive(&guest, GUEST_PATIENCE_MS), 0);
    ck_assert_uint_eq(guest.packet.frame, 2);
    ck_assert_uint_eq(guest.packet.epoch, 2);
    ck_assert_uint_eq(guest_end(&guest).encoded, 2);
    guest_stop();
}
END_TEST

/* Its host is told that there is no room, and calls nothing else. */
START_TEST(a_full_queue_makes_room_when_its_process_is_replaced)
{
    guest_start(NULL);
    struct culvert_config config = guest_config(&its_daemon, "full");
    config.policy = CULVERT_POLICY_REJECT;
    struct guest guest = guest_open(&config);
    const pid_t pid = own_daemon_worker(&its_daemon, "full", 0);
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    int result;
    while ((result = guest_submit(&guest)) == 0)
        ck_assert_uint_lt(guest.submitted, 1000);
    ck_assert_int_eq(result, CULVERT_E_AGAIN);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert(COMES(guest_submit(&guest) == 0, GUEST_PATIENCE_MS));
    ck_assert_uint_eq(guest_end(&guest).restarts, 1);
    guest_stop();
}
END_TEST

START_TEST(spares_that_die_are_replaced_and_nobody_notices)
{
    guest_start(NULL);
    struct guest guest = guest_of(&its_daemon, "beside");
    guest_flow(&guest);
    const pid_t own = own_daemon_worker(&its_daemon, "beside", 0);
    /* One of the last round may have ended by itself meanwhile. */
    char command[128];
    snprintf(command, sizeof command, "for p in $(pgrep -P %ld); do [ $p = %ld ] || kill -9 $p; done; true",
             (long)its_daemon.pid, (long)own);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(system(command), 0);
        struct guest other = guest_of(&its_daemon, "other");
        guest_flow(&other);
        ck_assert_uint_eq(guest_end(&other).lost, 0);
    }
    guest_flow(&guest);
    ck_assert_uint_eq(guest_end(&guest).restarts, 0);
    ck_assert(COMES(guest_has_children(SPARES), GUEST_PATIENCE_MS));
    guest_stop();
}
END_TEST

/* An upgrade, while it runs: another version would not understand it. */
START_TEST(a_culvertd_whose_file_was_replaced_goes_on_with_processes_of_its_own_kind)
{
    char copy[] = "/tmp/culvert-test-program-XXXXXX", command[256];
    const char *const original = getenv("CULVERTD");
    ck_assert_ptr_nonnull(original);
    close(mkstemp(copy));
    snprintf(command, sizeof command, "install -m 755 %s %s", original, copy);
    ck_assert_int_eq(system(command), 0);
    setenv("CULVERTD", copy, 1);
    guest_start((const char *const[]){"--deaths", "100/1", NULL});
    setenv("CULVERTD", original, 1);
    struct guest guest = guest_of(&its_daemon, "upgraded");
    guest_flow(&guest);
    snprintf(command, sizeof command, "cp /bin/false %s.new && mv %s.new %s", copy, copy, copy);
    ck_assert_int_eq(system(command), 0);
    pid_t pid = 0;
    for (uint32_t epoch = 2; epoch <= SPARES + 3; epoch++) {
        pid = own_daemon_worker(&its_daemon, "upgraded", pid);
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        guest_reach(&guest, epoch);
    }
    ck_assert(COMES(guest_has_children(SPARES + 1), GUEST_PATIENCE_MS));
    guest_end(&guest);
    guest_stop();
    unlink(copy);
}
END_TEST

#if !WITH_ASAN && !WITH_TSAN
START_TEST(a_spare_has_memory_ready_and_its_session_keeps_what_it_needs)
{
    guest_start(NULL);
    ck_assert(COMES(process_children(its_daemon.pid).kb >= SPARES * HEAP_READY_BYTES / 1024, GUEST_PATIENCE_MS));
    struct guest guest = guest_of(&its_daemon, "small");
    guest_flow(&guest);
    const pid_t pid = own_daemon_worker(&its_daemon, "small", 0);
    ck_assert(COMES(process_memory_kb(pid) < HEAP_READY_BYTES / 1024 / 2, GUEST_PATIENCE_MS));
    guest_end(&guest);
    guest_stop();
}
END_TEST
#endif

#if HAVE_VPX
#define SLOW_WIDTH 3840
#define SLOW_HEIGHT 2160

/* Half a second and more for a key frame: its process is inside the codec when it has used some of that. */
static struct guest open_slow(const char *name)
{
    struct culvert_config config = guest_config(&its_daemon, name);
    config.codec = CULVERT_CODEC_VP9;
    config.speed = CULVERT_SPEED_SLOWEST;
    config.threads = 1;
    config.resize = CULVERT_RESIZE_AT_ONCE;
    config.max_width = SLOW_WIDTH;
    config.max_height = SLOW_HEIGHT;
    struct guest guest = guest_open(&config);
    guest.width = SLOW_WIDTH;
    guest.height = SLOW_HEIGHT;
    return guest;
}

static pid_t stop_inside_the_codec(const struct guest *guest, const char *name)
{
    const pid_t pid = own_daemon_worker(&its_daemon, name, 0);
    ck_assert(COMES(process_cpu_ms(pid) >= 100, GUEST_PATIENCE_MS));
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    ck_assert_uint_eq(guest_stats(guest).settled, 0);
    return pid;
}

START_TEST(a_frame_that_kills_its_process_is_lost_and_not_sent_again)
{
    guest_start(NULL);
    struct guest guest = open_slow("poisoned"), beside = guest_of(&its_daemon, "beside");
    ck_assert_int_eq(guest_submit(&guest), 0);
    ck_assert_int_eq(kill(stop_inside_the_codec(&guest, "poisoned"), SIGKILL), 0);
    ck_assert(COMES(guest_stats(&guest).restarts == 1, GUEST_PATIENCE_MS));
    ck_assert_uint_eq(guest_stats(&guest).lost, 1);
    /* The next process has nothing to do: an encode would have begun, and taken less. */
    const pid_t next = own_daemon_worker(&its_daemon, "poisoned", 0);
    ck_assert_int_eq(guest_receive(&guest, 1500), CULVERT_E_AGAIN);
    ck_assert_uint_lt(process_cpu_ms(next), 100);
    guest.width = GUEST_WIDTH;
    guest.height = GUEST_HEIGHT;
    ck_assert_int_eq(guest_submit(&guest), 0);
    ck_assert_int_eq(guest_receive(&guest, GUEST_PATIENCE_MS), 0);
    ck_assert_uint_eq(guest.packet.frame, 2);
    char text[256];
    ck_assert_int_eq(culvert_error_text(guest.session, text, sizeof text), 0);
    ck_assert_ptr_nonnull(strstr(text, "died"));
    const struct culvert_stats stats = guest_end(&guest);
    ck_assert_uint_eq(stats.lost, 1);
    ck_assert_uint_eq(stats.encoded, 1);
    guest_flow(&beside);
    ck_assert_uint_eq(guest_end(&beside).lost, 0);
    guest_stop();
}
END_TEST

/* A frame interval may pass before the next one, and opening takes longer than that. */
START_TEST(the_next_process_opens_its_encoder_while_no_frame_has_come)
{
    guest_start(NULL);
    struct guest guest = open_slow("poisoned");
    guest.width = GUEST_WIDTH;
    guest.height = GUEST_HEIGHT;
    guest_flow(&guest);
    ck_assert(COMES(guest_stats(&guest).settled == guest.submitted, GUEST_PATIENCE_MS));
    guest.width = SLOW_WIDTH;
    guest.height = SLOW_HEIGHT;
    ck_assert_int_eq(guest_submit(&guest), 0);
    const pid_t pid = own_daemon_worker(&its_daemon, "poisoned", 0);
    const uint64_t used_ms = process_cpu_ms(pid);
    ck_assert(COMES(process_cpu_ms(pid) >= used_ms + 100, GUEST_PATIENCE_MS));
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert(COMES(guest_stats(&guest).restarts == 1, GUEST_PATIENCE_MS));
    ck_assert_uint_eq(guest_stats(&guest).lost, 1);
    ck_assert(COMES(guest_stats(&guest).open_encoders == 1, GUEST_PATIENCE_MS));
    while (guest_receive(&guest, 0) == 0)
        ck_assert_uint_eq(guest.packet.epoch, 1);
    guest.width = GUEST_WIDTH;
    guest.height = GUEST_HEIGHT;
    ck_assert_int_eq(guest_submit(&guest), 0);
    ck_assert_int_eq(guest_receive(&guest, GUEST_PATIENCE_MS), 0);
    ck_assert_uint_eq(guest_stats(&guest).open_encoders, 1);
    guest_end(&guest);
    guest_stop();
}
END_TEST

/* Its queue is never empty, so it never sleeps. */
START_TEST(a_process_that_is_never_idle_is_not_taken_for_one_that_hangs)
{
    guest_start((const char *const[]){"--hang", "2000", NULL});
    struct culvert_config config = guest_config(&its_daemon, "busy");
    config.codec = CULVERT_CODEC_VP9;
    config.speed = CULVERT_SPEED_SLOWEST;
    config.policy = CULVERT_POLICY_BLOCK;
    struct guest guest = guest_open(&config);
    guest.width = 640;
    guest.height = 480;
    for (const int64_t until = milliseconds() + 5000; milliseconds() < until;) {
        ck_assert_int_ge(guest_submit(&guest), 0);
        while (guest_receive(&guest, 0) == 0)
            continue;
    }
    ck_assert_uint_eq(guest_end(&guest).restarts, 0);
    guest_stop();
}
END_TEST

START_TEST(a_frame_behind_the_one_that_kills_is_encoded)
{
    guest_start(NULL);
    struct guest guest = open_slow("poisoned");
    ck_assert_int_eq(guest_submit(&guest), 0);
    const pid_t pid = stop_inside_the_codec(&guest, "poisoned");
    guest.width = GUEST_WIDTH;
    guest.height = GUEST_HEIGHT;
    ck_assert_int_eq(guest_submit(&guest), 0);
    ck_assert_int_eq(guest_submit(&guest), 0);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(guest_receive(&guest, GUEST_PATIENCE_MS), 0);
    ck_assert_uint_eq(guest.packet.frame, 3);
    const struct culvert_stats stats = guest_end(&guest);
    ck_assert_uint_eq(stats.lost, 1);
    ck_assert_uint_eq(stats.skipped, 1);
    ck_assert_uint_eq(stats.encoded, 1);
    guest_stop();
}
END_TEST
#endif

/* Lets the session's processes die until it ends; every packet that was queued can still be received. */
START_TEST(several_deaths_in_a_short_time_end_the_session_with_crashed_and_only_that)
{
    guest_start((const char *const[]){"--deaths", "3/60", NULL});
    struct guest beside = guest_of(&its_daemon, "beside"), guest = guest_of(&its_daemon, "dying");
    pid_t pid = 0;
    for (uint32_t i = 0; i < 3; i++) {
        guest_reach(&guest, i + 1);
        guest_flow(&beside);
        const uint64_t packets = guest_stats(&guest).packets;
        ck_assert_int_eq(guest_submit(&guest), 0);
        ck_assert(COMES(guest_stats(&guest).packets > packets, GUEST_PATIENCE_MS));
        pid = own_daemon_worker(&its_daemon, "dying", pid);
        kill(pid, SIGSEGV);
    }
    const uint32_t last = guest.submitted;
    int result;
    while ((result = guest_receive(&guest, GUEST_PATIENCE_MS)) == 0)
        continue;
    ck_assert_int_eq(result, CULVERT_E_CRASHED);
    ck_assert_uint_eq(guest.packet.frame, last);
    ck_assert_int_eq(guest_receive(&guest, 0), CULVERT_E_CRASHED);
    ck_assert_int_eq(guest_submit(&guest), CULVERT_E_CRASHED);
    ck_assert_int_eq(culvert_request_keyframe(guest.session, NULL), CULVERT_E_CRASHED);
    char text[256];
    ck_assert_int_eq(culvert_error_text(guest.session, text, sizeof text), 0);
    ck_assert_ptr_nonnull(strstr(text, "crash reports"));
    const struct culvert_stats stats = guest_stats(&guest);
    ck_assert_uint_eq(stats.restarts, 2);
    ck_assert_uint_eq(stats.submitted, stats.settled);
    ck_assert_int_eq(culvert_close(guest.session), 0);
    guest_flow(&beside);
    const struct culvert_stats well = guest_end(&beside);
    ck_assert_uint_eq(well.restarts + well.lost, 0);
    ck_assert_uint_eq(own_daemon_reports(&its_daemon), 3);
    guest_stop();
}
END_TEST

START_TEST(deaths_that_are_far_apart_end_nothing)
{
    guest_start((const char *const[]){"--deaths", "2/1", NULL});
    struct guest guest = guest_of(&its_daemon, "dying");
    pid_t pid = 0;
    for (uint32_t epoch = 1; epoch <= 3; epoch++) {
        guest_reach(&guest, epoch);
        if (epoch == 3)
            break;
        pid = own_daemon_worker(&its_daemon, "dying", pid);
        kill(pid, SIGKILL);
        guest_reach(&guest, epoch + 1);
        sleep_ms(1100);
    }
    ck_assert_uint_eq(guest_end(&guest).restarts, 2);
    guest_stop();
}
END_TEST

START_TEST(a_process_that_hangs_is_killed_and_replaced)
{
    guest_start((const char *const[]){"--hang", "1500", NULL});
    struct guest guest = guest_of(&its_daemon, "hanging"), beside = guest_of(&its_daemon, "beside");
    guest_flow(&guest);
    guest_flow(&beside);
    const pid_t pid = own_daemon_worker(&its_daemon, "hanging", 0);
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    guest_reach(&guest, 2);
    ck_assert(own_daemon_said(&its_daemon, "showed no life and was killed"));
    ck_assert_uint_eq(guest_end(&guest).restarts, 1);
    guest_flow(&beside);
    const struct culvert_stats stats = guest_end(&beside);
    ck_assert_uint_eq(stats.restarts + stats.lost, 0);
    ck_assert(COMES(guest_has_children(SPARES), GUEST_PATIENCE_MS));
    guest_stop();
}
END_TEST

#if HAVE_X264
/* Too little for a large picture's encoder, enough for a small one's. */
/* The session is open: its encoder finds no memory. */
static void fail_to_encode(struct guest *large)
{
    char text[256];
    int result = 0;
    ck_assert(
        COMES(((void)guest_submit(large), result = guest_receive(large, 20)) != CULVERT_E_AGAIN, GUEST_PATIENCE_MS));
    ck_assert_msg(result == CULVERT_E_CODEC || result == CULVERT_E_CRASHED, "%s", culvert_error_name(result));
    ck_assert_int_eq(culvert_error_text(large->session, text, sizeof text), 0);
    printf("# %s: %s\n", culvert_error_name(result), text);
    ck_assert_str_ne(text, "");
    const struct culvert_stats stats = guest_stats(large);
    ck_assert_uint_gt(stats.failed + stats.lost, 0);
    ck_assert_int_eq(culvert_close(large->session), 0);
}

START_TEST(a_process_without_memory_fails_clearly_and_only_its_session)
{
    if (WITH_ASAN || WITH_TSAN)
        return; /* their shadows are memory as well */
    /* MB: some more than a session of 2048x2048 needs to open, and less than x264 needs with it. */
    guest_start((const char *const[]){"--worker-memory", "132", NULL});
    struct culvert_config config = guest_config(&its_daemon, "large");
    config.codec = CULVERT_CODEC_H264;
    struct guest beside = guest_of(&its_daemon, "beside");
    guest_flow(&beside);

    char text[256];
    culvert_session none = 0;
    config.max_width = config.max_height = 8192;
    ck_assert_int_eq(culvert_open(&config, &none, text, sizeof text), CULVERT_E_MEMORY);
    ck_assert_ptr_nonnull(strstr(text, "no memory for frames of up to 8192x8192"));

    config.max_width = config.max_height = 2048;
    struct guest large = {.width = 2048, .height = 2048};
    const int opened = culvert_open(&config, &large.session, text, sizeof text);
    if (opened == 0)
        fail_to_encode(&large);
    /* What a spare has in its heap counts too: then this is too much already. */
    else
        ck_assert_msg(opened == CULVERT_E_MEMORY && strstr(text, "no memory for frames of up to 2048x2048") != NULL,
                      "%s", text);
    guest_flow(&beside);
    const struct culvert_stats well = guest_end(&beside);
    ck_assert_uint_eq(well.restarts + well.lost + well.failed, 0);
    guest_stop();
}
END_TEST
#endif
Suite *test_suite(void)
{
    Suite *suite = suite_create("survival");
    TCase *processes = add_case(suite, "encoder processes");
    add_rows(processes, a_dead_process_is_replaced_and_the_host_sees_an_epoch_and_a_count, deaths);
    tcase_add_test(processes, the_key_frame_after_a_death_waits_for_no_frame);
    tcase_add_test(processes, what_a_process_had_said_before_it_died_is_received);
    tcase_add_test(processes, a_full_queue_makes_room_when_its_process_is_replaced);
    tcase_add_test(processes, spares_that_die_are_replaced_and_nobody_notices);
    TCase *own = add_case(suite, "processes and their files");
    tcase_set_tags(own, "own_processes");
    tcase_add_test(own, a_culvertd_whose_file_was_replaced_goes_on_with_processes_of_its_own_kind);
    TCase *footprint = add_case(suite, "memory of processes");
    tcase_set_tags(footprint, "footprint");
#if !WITH_ASAN && !WITH_TSAN
    tcase_add_test(footprint, a_spare_has_memory_ready_and_its_session_keeps_what_it_needs);
#endif
#if HAVE_VPX
    tcase_add_test(own, a_frame_that_kills_its_process_is_lost_and_not_sent_again);
    tcase_add_test(processes, the_next_process_opens_its_encoder_while_no_frame_has_come);
    tcase_add_test(processes, a_process_that_is_never_idle_is_not_taken_for_one_that_hangs);
    tcase_add_test(processes, a_frame_behind_the_one_that_kills_is_encoded);
#endif
    tcase_add_test(processes, several_deaths_in_a_short_time_end_the_session_with_crashed_and_only_that);
    tcase_add_test(processes, deaths_that_are_far_apart_end_nothing);
    tcase_add_test(processes, a_process_that_hangs_is_killed_and_replaced);
#if HAVE_X264
    tcase_add_test(footprint, a_process_without_memory_fails_clearly_and_only_its_session);
#endif
    return suite;
}
