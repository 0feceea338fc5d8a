/* Clients that culvertd does not serve, and those that find none of their version. */
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "guest.h"
#include "own_daemon.h"
#include "remote/wire.h"
#include "run.h"
#include "stream.h"

#define NOBODY 65534

static void be_somebody_else(void)
{
    char why[256];
    culvert_session session = 0;
    const struct culvert_config config = guest_config(&its_daemon, "foreign");
    struct culvert_listing listing = {.size = sizeof listing};
    EXPECT(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
    EXPECT(culvert_open(&config, &session, why, sizeof why) == CULVERT_E_DENIED);
    EXPECT(strstr(why, "--allow-uid") != NULL && strchr(why, '\n') == NULL);
    /* Whoever is faster: it asks before it is turned away, or after that. */
    for (int i = 0; i < 100; i++)
        EXPECT(culvert_open(&config, &session, why, sizeof why) == CULVERT_E_DENIED);
    EXPECT(culvert_list(its_daemon.endpoint, 0, &listing, why, sizeof why) == CULVERT_E_DENIED);
    EXPECT(culvert_watch(its_daemon.endpoint, "any", &session, why, sizeof why) == CULVERT_E_DENIED);
}

START_TEST(a_user_who_is_not_served_is_denied_and_the_log_has_the_ids)
{
    if (geteuid() != 0) {
        printf(
            "# skipped: a_user_who_is_not_served_is_denied_and_the_log_has_the_ids: only root can be somebody else\n");
        return;
    }
    guest_start(NULL);
    child_run(be_somebody_else);
    ck_assert(own_daemon_said(&its_daemon, "of user 65534, group 65534: start culvertd with --allow-uid"));
    guest_stop();
}
END_TEST

START_TEST(what_names_no_daemon_no_session_and_no_place_for_one_is_refused)
{
    struct culvert_listing listing = {.size = sizeof listing};
    culvert_session session = 0;
    char why[256], endpoint[512], name[64];
    memset(endpoint, 'e', sizeof endpoint);
    memset(name, 'n', sizeof name);
    const char *const none[] = {NULL, endpoint, "", "tcp:1", "unix:"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        ck_assert_int_eq(culvert_list(none[i], 0, &listing, why, sizeof why), CULVERT_E_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(why, "endpoint"));
        ck_assert_int_eq(culvert_watch(none[i], "any", &session, why, sizeof why), CULVERT_E_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(why, "endpoint"));
    }
    ck_assert_int_eq(culvert_list("unix:/s", 0, NULL, why, sizeof why), CULVERT_E_ARGUMENT);
    listing.size = 1;
    ck_assert_int_eq(culvert_list("unix:/s", 0, &listing, why, sizeof why), CULVERT_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(why, "listing"));
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(culvert_watch("unix:/s", i == 0 ? NULL : name, &session, why, sizeof why), CULVERT_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(why, "name"));
    ck_assert_int_eq(culvert_watch("unix:/s", "any", NULL, why, sizeof why), CULVERT_E_ARGUMENT);
    ck_assert_uint_eq(session, 0);
}
END_TEST

START_TEST(where_nobody_listens_it_is_gone)
{
    own_daemon_create(&its_daemon);
    struct culvert_config config = guest_config(&its_daemon, "early");
    struct culvert_listing listing = {.size = sizeof listing};
    culvert_session session = 0;
    char why[256];
    ck_assert_int_eq(culvert_open(&config, &session, why, sizeof why), CULVERT_E_GONE);
    ck_assert_ptr_nonnull(strstr(why, its_daemon.socket));
    ck_assert_int_eq(culvert_list(its_daemon.endpoint, 0, &listing, why, sizeof why), CULVERT_E_GONE);
    ck_assert_int_eq(culvert_watch(its_daemon.endpoint, "any", &session, why, sizeof why), CULVERT_E_GONE);
    /* A socket that a dead one has left, which the next one takes over. */
    own_daemon_start(&its_daemon, NULL);
    own_daemon_end(&its_daemon, SIGKILL);
    ck_assert_int_eq(access(its_daemon.socket, F_OK), 0);
    ck_assert_int_eq(culvert_open(&config, &session, why, sizeof why), CULVERT_E_GONE);
    own_daemon_start(&its_daemon, NULL);
    struct guest guest = guest_open(&config);
    guest_flow(&guest);
    guest_end(&guest);
    guest_stop();
}
END_TEST

START_TEST(a_client_of_another_version_is_turned_away_by_name)
{
    guest_start(NULL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct wire_open request = {
        .header = {.magic = WIRE_MAGIC, .version = WIRE_VERSION + 1, .kind = WIRE_OPEN, .bytes = sizeof request}};
    struct wire_refused refused;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", its_daemon.socket);
    const int socket_ = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(socket_, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(send(socket_, &request, sizeof request, 0), sizeof request);
    ck_assert_int_eq(recv(socket_, &refused, sizeof refused, 0), sizeof refused);
    ck_assert_int_eq(refused.error, CULVERT_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(refused.text, "another version"));
    ck_assert_int_eq(recv(socket_, &refused, sizeof refused, 0), 0);
    close(socket_);
    guest_stop();
}
END_TEST

static void *answer_in_another_version(void *argument)
{
    const struct wire_refused answer = {
        .header = {.magic = WIRE_MAGIC, .version = WIRE_VERSION + 1, .kind = WIRE_REFUSED, .bytes = sizeof answer},
        .error = CULVERT_E_LIMIT};
    const int socket_ = accept(*(const int *)argument, NULL, NULL);
    send(socket_, &answer, sizeof answer, MSG_NOSIGNAL);
    close(socket_);
    return NULL;
}

START_TEST(a_broker_of_another_version_is_refused_by_name)
{
    own_daemon_create(&its_daemon);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", its_daemon.socket);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    const struct culvert_config config = guest_config(&its_daemon, "old");
    culvert_session session = 0;
    char why[256];
    pthread_t thread;
    pthread_create(&thread, NULL, answer_in_another_version, &listener);
    ck_assert_int_eq(culvert_open(&config, &session, why, sizeof why), CULVERT_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(why, "another version"));
    pthread_join(thread, NULL);
    close(listener);
    guest_stop();
}
END_TEST
Suite *test_suite(void)
{
    Suite *suite = suite_create("turned away");
    TCase *turned_away = add_case(suite, "turned away");
    tcase_add_test(turned_away, a_user_who_is_not_served_is_denied_and_the_log_has_the_ids);
    tcase_add_test(turned_away, what_names_no_daemon_no_session_and_no_place_for_one_is_refused);
    tcase_add_test(turned_away, where_nobody_listens_it_is_gone);
    tcase_add_test(turned_away, a_client_of_another_version_is_turned_away_by_name);
    tcase_add_test(turned_away, a_broker_of_another_version_is_refused_by_name);
    return suite;
}
