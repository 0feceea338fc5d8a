#include "daemon/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "run.h"

static char directory[32], path[64], why[LISTEN_WHY];
static struct listen_path made;

static void enter(void)
{
    strcpy(directory, "/tmp/culvert-listen-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/socket", directory);
    why[0] = '\0';
}

static void leave(void)
{
    unlink(path);
    rmdir(directory);
}

static int listen_here(int type)
{
    return listen_unix(path, type, 0660, 4, &made, why, sizeof why);
}

static int dial(int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    const int fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool exists(void)
{
    struct stat found;
    return lstat(path, &found) == 0;
}

/* ---- Paths */

static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};

START_TEST(it_listens_at_the_path_with_the_mode_and_the_file_goes_with_it)
{
    struct stat found;
    const int listener = listen_here(types[_i]);
    ck_assert_msg(listener >= 0, "%s", why);
    ck_assert_int_eq(stat(path, &found), 0);
    ck_assert_uint_eq(found.st_mode & 0777, 0660);
    const int client = dial(types[_i]);
    ck_assert_int_ge(client, 0);
    const int accepted = accept(listener, NULL, NULL);
    ck_assert_int_ge(accepted, 0);
    ck_assert_int_lt(accept(listener, NULL, NULL), 0); /* at once */
    close(accepted);
    close(client);
    close(listener);
    listen_unlink(&made);
    ck_assert(!exists());
}
END_TEST

START_TEST(a_socket_at_which_nobody_listens_is_replaced)
{
    close(listen_here(SOCK_STREAM));
    ck_assert(exists());
    const int listener = listen_here(SOCK_STREAM);
    ck_assert_msg(listener >= 0, "%s", why);
    const int client = dial(SOCK_STREAM);
    ck_assert_int_ge(client, 0);
    close(client);
    close(listener);
}
END_TEST

static void check_kept(int listener)
{
    ck_assert_int_lt(listen_here(SOCK_STREAM), 0);
    ck_assert_msg(strstr(why, path) != NULL && strstr(why, "another process") != NULL, "%s", why);
    ck_assert(exists());
    close(listener);
}

START_TEST(a_socket_at_which_somebody_listens_is_kept_whatever_its_type)
{
    const int listener = listen_here(types[_i]);
    check_kept(listener);
}
END_TEST

START_TEST(a_listener_that_does_not_keep_up_is_one_all_the_same)
{
    int clients[16], count = 0;
    const int listener = listen_here(SOCK_STREAM);
    while (count < 16 && (clients[count] = dial(SOCK_STREAM)) >= 0)
        count++;
    ck_assert_int_lt(count, 16);
    check_kept(listener);
    while (count > 0)
        close(clients[--count]);
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_left_alone)
{
    FILE *file = fopen(path, "w");
    fputs("mine", file);
    fclose(file);
    ck_assert_int_lt(listen_here(SOCK_STREAM), 0);
    ck_assert_ptr_nonnull(strstr(why, "no socket"));
    struct stat found;
    ck_assert(stat(path, &found) == 0 && S_ISREG(found.st_mode) && found.st_size == 4);
}
END_TEST

START_TEST(a_socket_that_took_the_files_place_is_not_removed)
{
    struct listen_path first;
    const int older = listen_here(SOCK_STREAM);
    first = made;
    unlink(path);
    const int newer = listen_here(SOCK_STREAM);
    ck_assert_int_ge(newer, 0);
    listen_unlink(&first);
    ck_assert(exists());
    listen_unlink(&made);
    ck_assert(!exists());
    close(older);
    close(newer);
}
END_TEST

START_TEST(paths_that_no_socket_can_have_are_refused)
{
    char long_path[200] = {0};
    memset(long_path, 'a', 108);
    const char *const impossible[] = {"", long_path, "/nonexistent/directory/socket"};
    for (uint32_t i = 0; i < 3; i++) {
        why[0] = '\0';
        ck_assert_int_lt(listen_unix(impossible[i], SOCK_STREAM, 0660, 4, &made, why, sizeof why), 0);
        ck_assert_uint_gt(strlen(why), 10);
        ck_assert_ptr_null(strchr(why, '\n'));
    }
}
END_TEST

/* ---- Loopback */

static bool has_ipv6(void)
{
    const struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const int fd = socket(AF_INET6, SOCK_STREAM, 0);
    const bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

static bool is_loopback(int fd)
{
    struct sockaddr_in6 address = {0};
    socklen_t length = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &length);
    if (address.sin6_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&address.sin6_addr);
    return ((const struct sockaddr_in *)(const void *)&address)->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
}

static const struct {
    const char *where, *start;
} places[] = {{"0", "127.0.0.1:"}, {"127.0.0.1:0", "127.0.0.1:"}, {"[::1]:0", "[::1]:"}};

START_TEST(a_port_is_on_loopback_and_the_address_says_which_it_is)
{
    char address[LISTEN_WHERE], again[LISTEN_WHERE];
    if (places[_i].where[0] == '[' && !has_ipv6())
        return;
    const int listener = listen_loopback(places[_i].where, 4, address, why, sizeof why);
    ck_assert_msg(listener >= 0, "%s", why);
    ck_assert(is_loopback(listener));
    const size_t length = strlen(places[_i].start);
    ck_assert_mem_eq(address, places[_i].start, length);
    ck_assert_int_gt(atoi(address + length), 0);
    ck_assert_int_lt(listen_loopback(address, 4, again, why, sizeof why), 0);
    ck_assert_msg(strstr(why, address) != NULL, "%s", why);
    close(listener);
}
END_TEST

static const char *const elsewhere[] = {
    "",
    "0.0.0.0:9100",
    "10.0.0.1:9100",
    "localhost:9100",
    "[::]:9100",
    "::1:9100",
    "[::1]",
    "[::1]:",
    "[::1]:x",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:-1",
    "127.0.0.1:65536",
    "127.0.0.2:1",
    "65536",
    "-1",
    "+1",
    " 1",
    "1 ",
    "1x",
    "99999999999999999999",
    "unix:/tmp/x",
    "*:1",
};

START_TEST(whatever_is_not_a_port_on_loopback_is_refused_in_one_line)
{
    char address[LISTEN_WHERE];
    ck_assert_int_lt(listen_loopback(elsewhere[_i], 4, address, why, sizeof why), 0);
    ck_assert_ptr_nonnull(strstr(why, "127.0.0.1:PORT"));
    ck_assert_ptr_null(strchr(why, '\n'));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("listen");
    TCase *paths = add_case(suite, "path"), *ports = add_case(suite, "loopback");
    tcase_add_checked_fixture(paths, enter, leave);
    add_rows(paths, it_listens_at_the_path_with_the_mode_and_the_file_goes_with_it, types);
    tcase_add_test(paths, a_socket_at_which_nobody_listens_is_replaced);
    add_rows(paths, a_socket_at_which_somebody_listens_is_kept_whatever_its_type, types);
    tcase_add_test(paths, a_listener_that_does_not_keep_up_is_one_all_the_same);
    tcase_add_test(paths, a_file_that_is_no_socket_is_left_alone);
    tcase_add_test(paths, a_socket_that_took_the_files_place_is_not_removed);
    tcase_add_test(paths, paths_that_no_socket_can_have_are_refused);
    add_rows(ports, a_port_is_on_loopback_and_the_address_says_which_it_is, places);
    add_rows(ports, whatever_is_not_a_port_on_loopback_is_refused_in_one_line, elsewhere);
    return suite;
}
