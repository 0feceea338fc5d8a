#include "daemon/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "run.h"

/* ---- A systemd that listens -------------------------------------------------------------------------------------- */

static char directory[] = "/tmp/culvert-notify-XXXXXX";
static char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
static int listener;

static void bind_to(const struct sockaddr_un *address, socklen_t size)
{
    listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(bind(listener, (const struct sockaddr *)address, size), 0);
}

static void listen_at_path(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(directory + strlen(directory) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/socket", directory);
    memcpy(address.sun_path, path, sizeof path);
    bind_to(&address, sizeof address);
    setenv("NOTIFY_SOCKET", path, 1);
}

/* The name of an abstract socket ends where its address does: a byte more is another one. */
static void listen_at_name(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(path, sizeof path, "@culvert-notify-%ld", (long)getpid());
    memcpy(address.sun_path + 1, path + 1, strlen(path) - 1);
    bind_to(&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
    setenv("NOTIFY_SOCKET", path, 1);
}

static void stop_listening(void)
{
    close(listener);
    if (path[0] == '/') {
        unlink(path);
        rmdir(directory);
    }
    unsetenv("NOTIFY_SOCKET");
}

static void expect_message(const char *wanted)
{
    char text[256] = "";
    const ssize_t bytes = recv(listener, text, sizeof text - 1, 0);
    ck_assert_int_eq(bytes, (ssize_t)strlen(wanted));
    ck_assert_str_eq(text, wanted);
}

static struct notify opened(void)
{
    struct notify notify;
    char why[256] = "";
    ck_assert_int_eq(notify_open(&notify, why, sizeof why), 0);
    ck_assert_str_eq(why, "");
    return notify;
}

static void (*const listens[])(void) = {listen_at_path, listen_at_name};

/* ---- What a service says ----------------------------------------------------------------------------------------- */

START_TEST(each_state_is_a_message_of_its_own)
{
    listens[_i]();
    struct notify notify = opened();
    ck_assert_int_eq(notify_ready(&notify), 0);
    ck_assert_int_eq(notify_send(&notify, "STATUS=3 sessions\n"), 0);
    ck_assert_int_eq(notify_alive(&notify), 0);
    ck_assert_int_eq(notify_stopping(&notify), 0);
    expect_message("READY=1\n");
    expect_message("STATUS=3 sessions\n");
    expect_message("WATCHDOG=1\n");
    expect_message("STOPPING=1\n");
    notify_close(&notify);
    stop_listening();
}
END_TEST

START_TEST(a_listener_that_starts_anew_is_told_too)
{
    listen_at_path();
    struct notify notify = opened();
    ck_assert_int_eq(notify_ready(&notify), 0);
    close(listener);
    unlink(path);
    ck_assert_int_lt(notify_alive(&notify), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, sizeof path);
    bind_to(&address, sizeof address);
    ck_assert_int_eq(notify_alive(&notify), 0);
    expect_message("WATCHDOG=1\n");
    notify_close(&notify);
    stop_listening();
}
END_TEST

START_TEST(a_listener_that_reads_nothing_does_not_block_it)
{
    listens[_i]();
    struct notify notify = opened();
    int result = 0, sent = 0;
    while (sent < 1000000 && (result = notify_alive(&notify)) == 0)
        sent++;
    ck_assert_int_eq(result, -EAGAIN);
    ck_assert_int_gt(sent, 0);
    expect_message("WATCHDOG=1\n");
    ck_assert_int_eq(notify_ready(&notify), 0);
    notify_close(&notify);
    stop_listening();
}
END_TEST

START_TEST(without_a_listener_nothing_is_said_and_nothing_fails)
{
    unsetenv("NOTIFY_SOCKET");
    struct notify notify = opened();
    ck_assert_int_eq(notify.socket, -1);
    ck_assert_int_eq(notify_ready(&notify), 0);
    ck_assert_int_eq(notify_stopping(&notify), 0);
    notify_close(&notify);
}
END_TEST

START_TEST(its_socket_is_closed_on_exec_and_by_close)
{
    listen_at_path();
    struct notify notify = opened();
    const int fd = notify.socket;
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    notify_close(&notify);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    ck_assert_int_eq(notify.socket, -1);
    stop_listening();
}
END_TEST

#define LONG_PATH \
    "/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345"

static const struct {
    const char *path;
    int error;
} bad_paths[] = {
    {"relative", -EAFNOSUPPORT}, {"vsock:2:1234", -EAFNOSUPPORT}, {"/", -EAFNOSUPPORT},
    {"@", -EAFNOSUPPORT},        {LONG_PATH "6", -ENAMETOOLONG},  {LONG_PATH LONG_PATH, -ENAMETOOLONG},
};

START_TEST(an_address_that_cannot_be_is_an_error_of_one_line)
{
    struct notify notify;
    char why[256] = "";
    setenv("NOTIFY_SOCKET", bad_paths[_i].path, 1);
    ck_assert_int_eq(notify_open(&notify, why, sizeof why), bad_paths[_i].error);
    ck_assert_ptr_nonnull(strstr(why, "NOTIFY_SOCKET"));
    ck_assert_ptr_null(strchr(why, '\n'));
    ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
    ck_assert_int_eq(notify_ready(&notify), 0);
}
END_TEST

START_TEST(the_longest_path_that_fits_is_taken)
{
    ck_assert_uint_eq(strlen(LONG_PATH), sizeof path - 1);
    setenv("NOTIFY_SOCKET", LONG_PATH, 1);
    struct notify notify = opened();
    ck_assert_int_eq(notify_ready(&notify), -ENOENT);
    notify_close(&notify);
}
END_TEST

/* ---- The watchdog ------------------------------------------------------------------------------------------------ */

#define OWN "own" /* the process's id */

static const struct {
    const char *us, *pid;
    int64_t interval;
} watchdogs[] = {
    {"30000000", OWN, 15000000},
    {"30000000", NULL, 15000000},
    {"2", OWN, 1},
    {"1", OWN, 1},
    {"9223372036854775807", OWN, INT64_MAX / 2},
    {"0", OWN, 0},
    {NULL, OWN, 0},
    {NULL, NULL, 0},
    {"30000000", "1", 0},
    {"30000000", "", 0},
    {"", OWN, 0},
    {"-1", OWN, 0},
    {" 5", OWN, 0},
    {"30s", OWN, 0},
    {"9223372036854775808", OWN, 0},
    {"99999999999999999999", OWN, 0},
};

static void set_variable(const char *name, const char *value)
{
    char own[24];
    snprintf(own, sizeof own, "%ld", (long)getpid());
    if (value == NULL)
        unsetenv(name);
    else
        setenv(name, strcmp(value, OWN) == 0 ? own : value, 1);
}

START_TEST(the_watchdog_is_fed_twice_as_often_as_it_asks)
{
    set_variable("WATCHDOG_USEC", watchdogs[_i].us);
    set_variable("WATCHDOG_PID", watchdogs[_i].pid);
    unsetenv("NOTIFY_SOCKET");
    struct notify notify = opened();
    ck_assert_int_eq(notify_watchdog_interval_us(&notify), watchdogs[_i].interval);
    notify_close(&notify);
}
END_TEST

START_TEST(children_see_none_of_its_variables)
{
    listen_at_path();
    set_variable("WATCHDOG_USEC", "30000000");
    set_variable("WATCHDOG_PID", OWN);
    struct notify notify = opened();
    ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
    ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
    ck_assert_ptr_null(getenv("WATCHDOG_PID"));
    ck_assert_int_eq(notify_ready(&notify), 0);
    expect_message("READY=1\n");
    notify_close(&notify);
    stop_listening();
}
END_TEST

/* ---- The socket that is passed ----------------------------------------------------------------------------------- */

enum passed { LISTENING, NOT_LISTENING, STREAM, INTERNET, A_PIPE, NOTHING };

static const struct {
    const char *pid, *count;
    enum passed passed;
    int result;
    const char *says;
} passes[] = {
    {OWN, "1", LISTENING, 3, ""},
    {NULL, NULL, LISTENING, NOTIFY_NO_LISTENER, ""},
    {"1", "1", LISTENING, NOTIFY_NO_LISTENER, ""},
    {NULL, "1", LISTENING, NOTIFY_NO_LISTENER, ""},
    {OWN, NULL, LISTENING, NOTIFY_NO_LISTENER, ""},
    {OWN, "0", LISTENING, NOTIFY_NO_LISTENER, ""},
    {OWN, "2", LISTENING, NOTIFY_BAD_LISTENER, "passes 2 sockets"},
    {OWN, "one", LISTENING, NOTIFY_BAD_LISTENER, "not a number"},
    {OWN, "-1", LISTENING, NOTIFY_BAD_LISTENER, "not a number"},
    {OWN, "1", NOT_LISTENING, NOTIFY_BAD_LISTENER, "not a listening UNIX socket"},
    {OWN, "1", STREAM, NOTIFY_BAD_LISTENER, "not a listening UNIX socket"},
    {OWN, "1", INTERNET, NOTIFY_BAD_LISTENER, "not a listening UNIX socket"},
    {OWN, "1", A_PIPE, NOTIFY_BAD_LISTENER, "not a listening UNIX socket"},
    {OWN, "1", NOTHING, NOTIFY_BAD_LISTENER, "not a listening UNIX socket"},
};
static int row;

/* A UNIX socket that is not bound gets an abstract name of its own. */
static int make(enum passed passed)
{
    const struct sockaddr_un unnamed = {.sun_family = AF_UNIX};
    int fds[2] = {-1, -1};
    if (passed == NOTHING)
        return -1;
    if (passed == A_PIPE)
        return pipe(fds) == 0 ? fds[0] : -1;
    const int fd = socket(passed == INTERNET ? AF_INET : AF_UNIX,
                          passed == LISTENING || passed == NOT_LISTENING ? SOCK_SEQPACKET : SOCK_STREAM, 0);
    const bool bound = passed == INTERNET ||
                       bind(fd, (const struct sockaddr *)&unnamed, sizeof unnamed.sun_family) == 0;
    if (bound && (passed == NOT_LISTENING || listen(fd, 1) == 0))
        return fd;
    close(fd);
    return -1;
}

static void take_what_is_passed(void)
{
    char why[256] = "";
    const int fd = make(passes[row].passed);
    EXPECT(passes[row].passed == NOTHING || fd >= 0);
    if (fd < 0)
        close(3);
    else if (fd != 3)
        EXPECT(dup2(fd, 3) == 3);
    set_variable("LISTEN_PID", passes[row].pid);
    set_variable("LISTEN_FDS", passes[row].count);
    set_variable("LISTEN_FDNAMES", "culvertd.socket");
    EXPECT(notify_listen_fd(why, sizeof why) == passes[row].result);
    EXPECT((passes[row].says[0] == '\0') == (why[0] == '\0') && strstr(why, passes[row].says) != NULL);
    EXPECT(strchr(why, '\n') == NULL && strlen(why) < sizeof why - 1);
    EXPECT(getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDS") == NULL && getenv("LISTEN_FDNAMES") == NULL);
    EXPECT(passes[row].result != 3 || fcntl(3, F_GETFD) == FD_CLOEXEC);
    EXPECT(passes[row].result != 3 || (fcntl(3, F_GETFL) & O_NONBLOCK) != 0);
    EXPECT(notify_listen_fd(why, sizeof why) == NOTIFY_NO_LISTENER);
}

START_TEST(one_listening_seqpacket_socket_is_taken_and_nothing_else)
{
    row = _i;
    child_run(take_what_is_passed);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("notify");
    TCase *says = add_case(suite, "says");
    add_rows(says, each_state_is_a_message_of_its_own, listens);
    tcase_add_test(says, a_listener_that_starts_anew_is_told_too);
    add_rows(says, a_listener_that_reads_nothing_does_not_block_it, listens);
    tcase_add_test(says, without_a_listener_nothing_is_said_and_nothing_fails);
    tcase_add_test(says, its_socket_is_closed_on_exec_and_by_close);
    add_rows(says, an_address_that_cannot_be_is_an_error_of_one_line, bad_paths);
    tcase_add_test(says, the_longest_path_that_fits_is_taken);

    TCase *given = add_case(suite, "given");
    add_rows(given, the_watchdog_is_fed_twice_as_often_as_it_asks, watchdogs);
    tcase_add_test(given, children_see_none_of_its_variables);
    add_rows(given, one_listening_seqpacket_socket_is_taken_and_nothing_else, passes);
    return suite;
}
