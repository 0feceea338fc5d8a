/* Clients that die or close: what culvertd gives back; and what it keeps of encoder processes that died. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"
#include "instrument.h"
#include "own_daemon.h"
#include "run.h"
#include "stream.h"

#define SPARES 2 /* culvertd's default */
#define SECOND_MS 1000

/* ---- Clients ----------------------------------------------------------------------------------------------------- */

#define CLIENT_SESSIONS 3

/* In a process of its own: sessions that stream, until it dies. */
static void be_client(int ready)
{
    struct guest guests[CLIENT_SESSIONS];
    for (int i = 0; i < CLIENT_SESSIONS; i++) {
        guests[i] = guest_of(&its_daemon, "doomed");
        guest_flow(&guests[i]);
    }
    for (bool told = false;; told = true) {
        for (int i = 0; i < CLIENT_SESSIONS; i++)
            guest_flow(&guests[i]);
        if (!told && write(ready, "", 1) != 1)
            _exit(1);
    }
}

static pid_t start_client(void)
{
    int ends[2];
    char byte;
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        allow_leaks();
        be_client(ends[1]);
    }
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return pid;
}

static bool is_as_before(uint32_t descriptors, uint32_t children)
{
    return process_descriptors(its_daemon.pid) == descriptors && guest_has_children(children);
}

START_TEST(a_client_that_dies_gives_everything_back_within_a_second)
{
    guest_start(NULL);
    struct guest beside = guest_of(&its_daemon, "beside");
    guest_flow(&beside);
    ck_assert(COMES(guest_has_children(SPARES + 1), GUEST_PATIENCE_MS));
    const uint32_t descriptors = process_descriptors_at_rest(its_daemon.pid);
    uint64_t memory = 0;
    for (int i = 0; i < 5; i++) {
        const pid_t pid = start_client();
        ck_assert(COMES(guest_has_children(SPARES + 1 + CLIENT_SESSIONS), GUEST_PATIENCE_MS));
        ck_assert_uint_gt(process_descriptors(its_daemon.pid), descriptors);
        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ck_assert(COMES(is_as_before(descriptors, SPARES + 1), under_valgrind() ? 10 * SECOND_MS : SECOND_MS));
        if (i == 0)
            memory = process_memory_kb(its_daemon.pid);
    }
    if (!WITH_ASAN && !WITH_TSAN)
        ck_assert_uint_le(process_memory_kb(its_daemon.pid), memory + 256);
    guest_flow(&beside);
    const struct culvert_stats stats = guest_end(&beside);
    ck_assert_uint_eq(stats.restarts + stats.lost, 0);
    guest_stop();
}
END_TEST

START_TEST(a_client_that_closes_gives_everything_back_within_a_second)
{
    guest_start(NULL);
    ck_assert(COMES(guest_has_children(SPARES), GUEST_PATIENCE_MS));
    const uint32_t descriptors = process_descriptors_at_rest(its_daemon.pid), own = process_descriptors(getpid());
    for (int i = 0; i < 10; i++) {
        struct guest guest = guest_of(&its_daemon, "closing");
        guest_flow(&guest);
        if (i % 2 == 0)
            guest_submit(&guest);
        ck_assert_int_eq(culvert_close(guest.session), 0);
        ck_assert(COMES(is_as_before(descriptors, SPARES), SECOND_MS));
        ck_assert_uint_eq(process_descriptors(getpid()), own);
    }
    guest_stop();
}
END_TEST

/* Its processes see its sockets end though they have work; a stopped one is killed. */
START_TEST(a_client_that_closes_while_its_process_hangs_gives_it_back_too)
{
    guest_start(NULL);
    ck_assert(COMES(guest_has_children(SPARES), GUEST_PATIENCE_MS));
    const uint32_t descriptors = process_descriptors_at_rest(its_daemon.pid);
    struct guest guest = guest_of(&its_daemon, "hanging");
    guest_flow(&guest);
    ck_assert_int_eq(kill(own_daemon_worker(&its_daemon, "hanging", 0), SIGSTOP), 0);
    ck_assert_int_eq(culvert_close(guest.session), 0);
    ck_assert(COMES(is_as_before(descriptors, SPARES), SECOND_MS));
    guest_stop();
}
END_TEST

/* ---- Crash reports ----------------------------------------------------------------------------------------------- */

#define REPORTS_KEPT 100

START_TEST(a_hundred_crash_reports_are_kept_and_the_oldest_go)
{
    guest_start(NULL);
    char path[160], newest[160], foreign[160];
    for (int i = 0; i < REPORTS_KEPT + 20; i++) {
        snprintf(path, sizeof path, "%s/10000000%02d-old-%d.crash", its_daemon.crashes, i % 50, i);
        fclose(fopen(path, "w"));
    }
    snprintf(foreign, sizeof foreign, "%s/notes.crash", its_daemon.crashes);
    fclose(fopen(foreign, "w"));
    snprintf(newest, sizeof newest, "%s/1000000099-old-1.crash", its_daemon.crashes);
    fclose(fopen(newest, "w"));
    struct guest guest = guest_of(&its_daemon, "dying");
    guest_reach(&guest, 1);
    kill(own_daemon_worker(&its_daemon, "dying", 0), SIGSEGV);
    guest_reach(&guest, 2);
    guest_end(&guest);
    ck_assert_uint_eq(own_daemon_reports(&its_daemon), REPORTS_KEPT + 1);
    ck_assert_int_eq(access(newest, F_OK), 0);
    ck_assert_int_eq(access(foreign, F_OK), 0);
    ck_assert(own_daemon_said(&its_daemon, ", report in "));
    guest_stop();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("reclaim");
    TCase *clients = add_case(suite, "clients");
    tcase_add_test(clients, a_client_that_dies_gives_everything_back_within_a_second);
    tcase_add_test(clients, a_client_that_closes_gives_everything_back_within_a_second);
    tcase_add_test(clients, a_client_that_closes_while_its_process_hangs_gives_it_back_too);
    TCase *reports = add_case(suite, "crash reports");
    tcase_add_test(reports, a_hundred_crash_reports_are_kept_and_the_oldest_go);
    return suite;
}
