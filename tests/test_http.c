#include "daemon/http.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "instrument.h"
#include "run.h"

#define GET "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define LONGEST (HTTP_TEXT_MOST - 1)

/* One thread is the daemon's loop and all its clients: what waits for the other would wait for ever. */
static struct http *http;
static char directory[32], where[64], why[LISTEN_WHY], received[4 * HTTP_TEXT_MOST];
static size_t text_length;
static uint32_t rendered, turns;
static uint32_t descriptors; /* before the start */

static size_t render(void *context, char *text, size_t size)
{
    ck_assert_ptr_eq(context, &text_length);
    ck_assert_uint_ge(size, LONGEST);
    rendered++;
    for (size_t i = 0; i < text_length; i++)
        text[i] = (char)('a' + i % 26);
    return text_length;
}

static uint32_t count_descriptors(void)
{
    uint32_t count = 0;
    DIR *listing = opendir("/proc/self/fd");
    while (readdir(listing) != NULL)
        count++;
    closedir(listing);
    return count;
}

static void start(const char *place)
{
    http = http_start(place, render, &text_length, why, sizeof why);
    ck_assert_msg(http != NULL, "%s", why);
}

static void enter(void)
{
    strcpy(directory, "/tmp/culvert-http-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(where, sizeof where, "unix:%s/metrics", directory);
    descriptors = count_descriptors();
    text_length = 1000;
    rendered = turns = 0;
    http = NULL;
}

/* Whatever the clients did, all is given back. */
static void leave(void)
{
    http_stop(http);
    ck_assert_uint_eq(count_descriptors(), descriptors);
    ck_assert_int_eq(rmdir(directory), 0);
}

/* ---- The loop, and clients */

/* One turn of the daemon's loop, which also ends when the client can go on. */
static void turn(int client, short wanted)
{
    struct pollfd polled[] = {{http_poll_fd(http), POLLIN, 0}, {client, wanted, 0}};
    ck_assert_int_ge(poll(polled, client >= 0 ? 2 : 1, http_timeout_ms(http)), 0);
    http_run(http);
    turns++;
}

/* Turns until nothing is left to be done at once. */
static void settle(void)
{
    struct pollfd polled = {http_poll_fd(http), POLLIN, 0};
    for (uint32_t i = 0; poll(&polled, 1, 0) > 0 || http_timeout_ms(http) == 0; i++) {
        ck_assert_msg(i < 10000, "the loop would spin");
        http_run(http);
    }
}

static socklen_t address_of(const char *place, struct sockaddr_storage *address)
{
    struct sockaddr_un *local = (void *)address;
    struct sockaddr_in *v4 = (void *)address;
    struct sockaddr_in6 *v6 = (void *)address;
    memset(address, 0, sizeof *address);
    if (strncmp(place, "unix:", 5) == 0) {
        local->sun_family = AF_UNIX;
        strcpy(local->sun_path, place + 5);
        return sizeof *local;
    }
    const uint16_t port = htons((uint16_t)atoi(strrchr(place, ':') + 1));
    if (place[0] != '[') {
        *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        return sizeof *v4;
    }
    *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    return sizeof *v6;
}

/* -1: the daemon's backlog is full. */
static int dial(void)
{
    struct sockaddr_storage address;
    const socklen_t length = address_of(http_where(http), &address);
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ck_assert_int_ge(fd, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){1}, sizeof(int));
    if (connect(fd, (struct sockaddr *)&address, length) == 0 || errno == EINPROGRESS)
        return fd;
    ck_assert_int_eq(errno, EAGAIN);
    close(fd);
    return -1;
}

/* False: the daemon has closed the connection. */
static bool give(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return false;
        bytes += sent > 0 ? sent : 0;
        length -= sent > 0 ? (size_t)sent : 0;
        if (sent < 0)
            turn(fd, POLLOUT);
    }
    return true;
}

/* All until the daemon closes, as text in `received`. */
static size_t take(int fd)
{
    size_t length = 0;
    for (;;) {
        const ssize_t got = recv(fd, received + length, sizeof received - 1 - length, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            break;
        if (got < 0)
            turn(fd, POLLIN);
        else
            length += (size_t)got;
    }
    received[length] = '\0';
    return length;
}

/* The status of the answer; 0: it is none. */
static int status(void)
{
    return strncmp(received, "HTTP/1.", 7) == 0 ? atoi(received + 9) : 0;
}

static int ask(const char *request, size_t length)
{
    const int fd = dial();
    ck_assert_int_ge(fd, 0);
    give(fd, request, length);
    take(fd);
    close(fd);
    return status();
}

static const char *body(void)
{
    const char *end = strstr(received, "\r\n\r\n");
    return end != NULL ? end + 4 : "";
}

static void check_served(void)
{
    char expected[HTTP_TEXT_MOST];
    ck_assert_int_eq(ask(GET, strlen(GET)), 200);
    expected[render(&text_length, expected, sizeof expected)] = '\0';
    ck_assert_str_eq(body(), expected);
}

/* ---- What it answers */

static const char *const places[] = {"unix", "0", "127.0.0.1:0", "[::1]:0"};

START_TEST(the_text_comes_whole_with_its_type_wherever_it_listens)
{
    const bool is_unix = strcmp(places[_i], "unix") == 0;
    http = http_start(is_unix ? where : places[_i], render, &text_length, why, sizeof why);
    if (http == NULL && places[_i][0] == '[' && strstr(why, "127.0.0.1:PORT") == NULL)
        return; /* a system without IPv6 */
    ck_assert_msg(http != NULL, "%s", why);
    for (text_length = 1; text_length <= LONGEST; text_length = 4 * text_length + 3) {
        check_served();
        ck_assert_ptr_nonnull(strstr(received, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    }
    text_length = LONGEST;
    check_served();
}
END_TEST

static char endless[100000];

static const struct {
    const char *request;
    int status;
    bool renders;
} requests[] = {
    {GET, 200, true},
    {"GET /metrics HTTP/1.0\r\n\r\n", 200, true},
    {"GET /metrics?name=x HTTP/1.1\r\nHost: a\r\n\r\n", 200, true},
    {"HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 200, true},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 200, true},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n", 200, true},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n", 200, true},
    {GET GET GET, 200, true},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 404, false},
    {"GET /metrics/ HTTP/1.1\r\nHost: a\r\n\r\n", 404, false},
    {"GET /metric HTTP/1.1\r\nHost: a\r\n\r\n", 404, false},
    {"GET /METRICS HTTP/1.1\r\nHost: a\r\n\r\n", 404, false},
    {"GET //metrics HTTP/1.1\r\nHost: a\r\n\r\n", 404, false},
    {"GET /../metrics HTTP/1.1\r\nHost: a\r\n\r\n", 404, false},
    {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 405, false},
    {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n", 405, false},
    {"PUT /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405, false},
    {"DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405, false},
    {"OPTIONS /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405, false},
    {"get /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405, false},
};

START_TEST(get_and_head_of_metrics_are_answered_and_nothing_else_is)
{
    start(where);
    ck_assert_int_eq(ask(requests[_i].request, strlen(requests[_i].request)), requests[_i].status);
    ck_assert_uint_eq(rendered, requests[_i].renders);
    ck_assert_int_eq(strstr(received, "\r\nAllow: GET, HEAD\r\n") != NULL, requests[_i].status == 405);
    ck_assert_ptr_nonnull(strstr(received, "\r\nConnection: close\r\n"));
    if (requests[_i].request[0] == 'H')
        ck_assert_str_eq(body(), "");
    /* Of several requests one is served. */
    ck_assert_ptr_null(strstr(received + 1, "HTTP/1."));
    check_served();
}
END_TEST

START_TEST(a_text_that_does_not_fit_is_an_error_of_the_servers)
{
    start(where);
    text_length = 0;
    ck_assert_int_eq(ask(GET, strlen(GET)), 500);
}
END_TEST

/* ---- Clients that are not as they should be */

static const struct {
    const char *start;
    char fill;
} floods[] = {
    {"GET /metrics HTTP/1.1\r\nHost: ", 'a'},
    {"GET /", 'a'},
    {"", 'a'},
    {"", '\0'},
    {"", '\n'},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", 'a'},
    {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", 'a'},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\nA: ", '\n'},
};

/* 100 kB without an end. The answer may be lost, as the daemon closes with bytes of the client's unread. */
START_TEST(a_request_without_an_end_ends_with_an_answer_or_a_close)
{
    start(where);
    const int fd = dial();
    memset(endless, floods[_i].fill, sizeof endless);
    give(fd, floods[_i].start, strlen(floods[_i].start));
    give(fd, endless, sizeof endless);
    shutdown(fd, SHUT_WR);
    take(fd);
    close(fd);
    ck_assert_msg(status() == 0 || status() == 200 || status() >= 400, "%.20s", received);
    check_served();
}
END_TEST

START_TEST(random_bytes_are_answered_or_closed_upon)
{
    start(where);
    for (uint32_t i = 0; i < rounds(300); i++) {
        char noise[300] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
        const uint32_t from = random_next() % 40, to = from + random_next() % (300 - from);
        for (uint32_t at = from; at < to; at++)
            noise[at] = (char)random_next();
        const int fd = dial();
        give(fd, noise, to);
        settle(); /* libmicrohttpd overlooks an end that comes together with a part of a request, until the deadline */
        shutdown(fd, SHUT_WR);
        take(fd);
        close(fd);
    }
    check_served();
}
END_TEST

START_TEST(a_client_that_sends_byte_by_byte_is_served_and_others_meanwhile)
{
    start(where);
    const int slow = dial();
    for (uint32_t i = 0; i < strlen(GET); i++) {
        ck_assert(give(slow, &GET[i], 1));
        settle();
        if (i % 8 == 0)
            check_served();
    }
    take(slow);
    close(slow);
    ck_assert_int_eq(status(), 200);
}
END_TEST

static const struct {
    const char *request, *place; /* NULL: the path */
} stalling[] = {{"", NULL}, {"GET /metrics HTTP/1.1\r\nHost:", NULL}, {GET, NULL}, {GET, "0"}};

/* Each has its connection, a request that is not whole or an answer that is not read. */
static void stall(int *clients, uint32_t count, const char *request)
{
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_int_ge(clients[i] = dial(), 0);
        ck_assert(give(clients[i], request, strlen(request)));
        settle();
    }
}

START_TEST(clients_that_stall_are_cut_off_at_the_deadline_and_cost_no_turns_until_then)
{
    int clients[HTTP_CONNECTIONS];
    const int64_t began = clock_now();
    start(stalling[_i].place != NULL ? stalling[_i].place : where);
    text_length = LONGEST;
    stall(clients, HTTP_CONNECTIONS - 1, stalling[_i].request);
    const uint32_t held = count_descriptors();
    check_served();
    turns = 0;
    while (count_descriptors() > held - (HTTP_CONNECTIONS - 1))
        turn(-1, 0);
    ck_assert_int_ge(clock_now() - began, (int64_t)HTTP_DEADLINE_MS * 1000);
    ck_assert_uint_le(turns, 8 * HTTP_CONNECTIONS);
    for (uint32_t i = 0; i < HTTP_CONNECTIONS - 1; i++)
        close(clients[i]);
    check_served();
}
END_TEST

/* 300 ms of a client's trickle do not put the deadline off. */
START_TEST(a_client_that_trickles_is_cut_off_at_the_deadline)
{
    start(where);
    const int64_t began = clock_now();
    const int fd = dial();
    ck_assert(give(fd, GET, strlen(GET) - 2));
    while (send(fd, "A: b\r\n", 6, MSG_NOSIGNAL) > 0) {
        struct pollfd polled = {http_poll_fd(http), POLLIN, 0};
        poll(&polled, 1, 100);
        http_run(http);
        poll(NULL, 0, 50);
        ck_assert_int_lt(clock_now() - began, (int64_t)HTTP_DEADLINE_MS * 4000);
    }
    ck_assert_int_ge(clock_now() - began, (int64_t)HTTP_DEADLINE_MS * 1000);
    close(fd);
}
END_TEST

START_TEST(of_100_connections_at_once_it_holds_as_many_as_the_header_names)
{
    int clients[100];
    uint32_t connected = 0;
    start(where);
    const uint32_t idle = count_descriptors();
    for (uint32_t i = 0; i < 100; i++) {
        clients[i] = dial();
        connected += clients[i] >= 0;
        settle();
        ck_assert_uint_le(count_descriptors(), idle + connected + HTTP_CONNECTIONS);
    }
    ck_assert_uint_gt(connected, HTTP_CONNECTIONS);
    for (uint32_t i = 0; i < 100; i++)
        if (clients[i] >= 0)
            close(clients[i]);
    settle();
    check_served();
}
END_TEST

START_TEST(clients_that_vanish_at_any_step_leave_nothing_behind_the_deadline)
{
    static const char *const steps[] = {"", "G", "GET /metrics HTTP/1.1\r\n", GET};
    start(_i == 0 ? where : "0");
    text_length = LONGEST;
    const uint32_t idle = count_descriptors();
    for (uint32_t i = 0; i < rounds(400); i++) {
        const int fd = dial();
        if (i % 3 == 0)
            settle();
        send(fd, steps[i % 4], strlen(steps[i % 4]), MSG_NOSIGNAL);
        if (i % 5 == 0)
            settle();
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = i % 2}, sizeof(struct linger));
        close(fd);
        settle();
    }
    check_served();
    while (count_descriptors() > idle)
        turn(-1, 0);
}
END_TEST

static void limit_descriptors(rlim_t count)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = count;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(without_descriptors_it_neither_spins_nor_forgets_who_waits)
{
    struct rlimit limit;
    start(where);
    getrlimit(RLIMIT_NOFILE, &limit);
    const int fd = dial(), next = dup(0);
    close(next);
    give(fd, GET, strlen(GET));
    limit_descriptors((rlim_t)next);
    for (int64_t until = clock_deadline(1500); clock_now() < until;)
        turn(-1, 0);
    ck_assert_uint_le(turns, 10);
    ck_assert_uint_eq(rendered, 0);
    limit_descriptors(limit.rlim_cur);
    take(fd);
    close(fd);
    ck_assert_int_eq(status(), 200);
}
END_TEST

/* ---- Life */

START_TEST(a_place_that_is_taken_or_not_on_loopback_is_refused_in_one_line)
{
    static const char *const refused[] = {"0.0.0.0:9100", "example.org:80", "unix:", "unix:/nonexistent/socket", ""};
    start(where);
    ck_assert_ptr_null(http_start(where, render, &text_length, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, where + 5));
    for (uint32_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        ck_assert_ptr_null(http_start(refused[i], render, &text_length, why, sizeof why));
        ck_assert(strlen(why) > 10 && strchr(why, '\n') == NULL);
    }
    check_served();
}
END_TEST

START_TEST(the_socket_is_for_owner_and_group_and_goes_at_stop)
{
    struct stat found;
    start(where);
    ck_assert_str_eq(http_where(http), where);
    ck_assert_int_eq(stat(where + 5, &found), 0);
    ck_assert_uint_eq(found.st_mode & 0777, 0660);
    http_stop(http);
    ck_assert_int_lt(stat(where + 5, &found), 0);
    start(where);
    check_served();
}
END_TEST

START_TEST(a_stop_while_clients_are_in_the_middle_gives_everything_back)
{
    int clients[HTTP_CONNECTIONS];
    start(where);
    text_length = LONGEST;
    stall(clients, HTTP_CONNECTIONS, stalling[_i].request);
    http_stop(http);
    http = NULL;
    for (uint32_t i = 0; i < HTTP_CONNECTIONS; i++)
        close(clients[i]);
    ck_assert_uint_eq(count_descriptors(), descriptors);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("http");
    TCase *answers = add_case(suite, "answers"), *bad = add_case(suite, "bad clients"), *life = add_case(suite, "life");
    add_rows(answers, the_text_comes_whole_with_its_type_wherever_it_listens, places);
    add_rows(answers, get_and_head_of_metrics_are_answered_and_nothing_else_is, requests);
    tcase_add_test(answers, a_text_that_does_not_fit_is_an_error_of_the_servers);
    add_rows(bad, a_request_without_an_end_ends_with_an_answer_or_a_close, floods);
    tcase_add_test(bad, random_bytes_are_answered_or_closed_upon);
    tcase_add_test(bad, a_client_that_sends_byte_by_byte_is_served_and_others_meanwhile);
    add_rows(bad, clients_that_stall_are_cut_off_at_the_deadline_and_cost_no_turns_until_then, stalling);
    tcase_add_test(bad, a_client_that_trickles_is_cut_off_at_the_deadline);
    tcase_add_test(bad, of_100_connections_at_once_it_holds_as_many_as_the_header_names);
    tcase_add_loop_test(bad, clients_that_vanish_at_any_step_leave_nothing_behind_the_deadline, 0, 2);
    if (!under_valgrind()) /* which has limits of its own */
        tcase_add_test(bad, without_descriptors_it_neither_spins_nor_forgets_who_waits);
    tcase_add_test(life, a_place_that_is_taken_or_not_on_loopback_is_refused_in_one_line);
    tcase_add_test(life, the_socket_is_for_owner_and_group_and_goes_at_stop);
    add_rows(life, a_stop_while_clients_are_in_the_middle_gives_everything_back, stalling);
    tcase_add_checked_fixture(answers, enter, leave);
    tcase_add_checked_fixture(bad, enter, leave);
    tcase_add_checked_fixture(life, enter, leave);
    return suite;
}
