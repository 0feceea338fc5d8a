/* culvertd's command line: what it comes to, and what is refused, before anything is opened. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "culvert/culvert.h"
#include "daemon/options.h"
#include "run.h"

#define WORDS_MOST 4

static struct options options;
static bool done;

/* What it comes to: the exit status. What it says is thrown away, unless it is asked for. */
static int parse(const char *const *words, FILE *said)
{
    static char first[] = "culvertd";
    char *arguments[WORDS_MOST + 2] = {first};
    int count = 1;
    for (; count <= WORDS_MOST && words[count - 1] != NULL; count++)
        arguments[count] = (char *)(uintptr_t)words[count - 1];
    fflush(stdout);
    fflush(stderr);
    const int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    dup2(fileno(said), STDOUT_FILENO);
    dup2(fileno(said), STDERR_FILENO);
    optind = 1;
    const int status = options_parse(&options, count, arguments, &done);
    fflush(stdout);
    fflush(stderr);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    return status;
}

static int parse_and_read(const char *const *words, char *text, size_t size)
{
    FILE *const said = tmpfile();
    ck_assert_ptr_nonnull(said);
    const int status = parse(words, said);
    rewind(said);
    text[fread(text, 1, size - 1, said)] = '\0';
    fclose(said);
    return status;
}

START_TEST(what_is_said_is_taken_in_the_unit_that_is_said)
{
    static const struct {
        const char *words[3];
        uint64_t *place, value;
    } numbers[] = {
        {{"--sessions", "7"}, &options.all.sessions, 7},
        {{"--user-sessions", "4096"}, &options.user.sessions, 4096},
        {{"--pixel-rate", "9223372036854775807"}, &options.all.pixel_rate, UINT64_C(9223372036854775807)},
        {{"--user-pixel-rate", "1"}, &options.user.pixel_rate, 1},
        {{"--memory", "3"}, &options.all.memory, 3 << 20},
        {{"--user-memory", "1099511627776"}, &options.user.memory, UINT64_C(1) << 60},
        {{"--worker-memory", "100"}, &options.worker_memory, 100 << 20},
    };
    char text[1024];
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        ck_assert_int_eq(parse_and_read(numbers[i].words, text, sizeof text), 0);
        ck_assert_msg(*numbers[i].place == numbers[i].value && text[0] == '\0', "%s: %s", numbers[i].words[0], text);
        ck_assert(!done);
    }
    ck_assert_int_eq(parse_and_read((const char *[]){"--deaths", "3/60", NULL}, text, sizeof text), 0);
    ck_assert(options.deaths == 3 && options.deaths_s == 60);
    ck_assert_int_eq(parse_and_read((const char *[]){"--hang", "1", "--drain", "3600000", NULL}, text, sizeof text), 0);
    ck_assert(options.hang_ms == 1 && options.drain_ms == 3600000);
    ck_assert_int_eq(parse_and_read((const char *[]){"--spares", "64", "--check", NULL}, text, sizeof text), 0);
    ck_assert(options.spares == OPTIONS_SPARES_MOST && options.check && !options.worker);
}
END_TEST

/* What it is about is named, and with what it could be. */
static const struct {
    const char *words[WORDS_MOST + 1];
    const char *named, *advice;
} refused[] = {
    {{"--sessions", "0"}, "--sessions 0", "from 1 to 4096"},
    {{"--sessions", "4097"}, "--sessions 4097", "from 1 to 4096"},
    {{"--sessions", "-1"}, "--sessions -1", "from 1 to 4096"},
    {{"--sessions", "+1"}, "--sessions +1", "from 1 to 4096"},
    {{"--sessions", " 1"}, "--sessions  1", "from 1 to 4096"},
    {{"--sessions", ""}, "--sessions ", "from 1 to 4096"},
    {{"--user-sessions", "1x"}, "--user-sessions 1x", "from 1 to 4096"},
    {{"--pixel-rate", "9223372036854775808"}, "--pixel-rate", "from 1 to 9223372036854775807"},
    {{"--user-pixel-rate", "99999999999999999999999"}, "--user-pixel-rate", "from 1 to"},
    {{"--memory", "1099511627777"}, "--memory", "from 1 to 1099511627776"},
    {{"--user-memory", "many"}, "--user-memory many", "from 1 to"},
    {{"--worker-memory", "0"}, "--worker-memory 0", "from 1 to"},
    {{"--spares", "65"}, "--spares 65", "from 1 to 64"},
    {{"--hang", "3600001"}, "--hang 3600001", "from 1 to 3600000"},
    {{"--drain", "1.5"}, "--drain 1.5", "from 1 to 3600000"},
    {{"--deaths", "5"}, "--deaths 5", "N/SECONDS"},
    {{"--deaths", "/1"}, "--deaths /1", "N/SECONDS"},
    {{"--deaths", "5/"}, "--deaths 5/", "N/SECONDS"},
    {{"--deaths", "0/1"}, "--deaths 0/1", "N/SECONDS"},
    {{"--deaths", "101/1"}, "--deaths 101/1", "100/86400"},
    {{"--deaths", "1/86401"}, "--deaths 1/86401", "100/86400"},
    {{"--deaths", "00000000000000001/1"}, "--deaths", "N/SECONDS"},
    {{"--allow-uid", "nobody-of-that-name"}, "--allow-uid", "no user"},
    {{"--allow-gid", "4294967295"}, "--allow-gid", "no group"},
    {{"--no-such-option"}, "--no-such-option", "--help"},
    {{"--socket"}, "--socket", "missing"},
    {{"--check=yes"}, "--check=yes", "--help"},
    {{"socket"}, "socket", "options only"},
};

START_TEST(what_cannot_be_is_refused_by_name_with_what_could_be)
{
    char text[1024];
    ck_assert_int_eq(parse_and_read(refused[_i].words, text, sizeof text), 2);
    ck_assert_msg(strstr(text, refused[_i].named) != NULL && strstr(text, refused[_i].advice) != NULL, "%s", text);
    ck_assert_msg(strncmp(text, "culvertd: ", 10) == 0 && strchr(text, '\n') == text + strlen(text) - 1, "%s", text);
}
END_TEST

START_TEST(nobody_is_served_beyond_those_who_are_named)
{
    char text[1024];
    struct options many;
    ck_assert_int_eq(parse_and_read((const char *[]){NULL}, text, sizeof text), 0);
    ck_assert(options.peers.uid_count == 1 && options.peers.uids[0] == geteuid());
    ck_assert_int_eq(parse_and_read((const char *[]){"--allow-gid", "12345", NULL}, text, sizeof text), 0);
    ck_assert(options.peers.uid_count == 0 && options.peers.gid_count == 1 && options.peers.gids[0] == 12345);
    ck_assert_int_eq(parse_and_read((const char *[]){"--allow-uid", "root", NULL}, text, sizeof text), 0);
    ck_assert(options.peers.uid_count == 1 && options.peers.uids[0] == 0 && options.peers.gid_count == 0);
    memset(&many, 0, sizeof many);
    for (size_t i = 0; i < PEERS_MAX; i++)
        ck_assert(peers_allow_uid(&many.peers, (uid_t)i) && peers_allow_gid(&many.peers, (gid_t)i));
    ck_assert(!peers_allow_uid(&many.peers, 0) && !peers_allow_gid(&many.peers, 0));
}
END_TEST

START_TEST(whoever_asks_for_help_or_the_version_gets_it_and_nothing_is_started)
{
    char text[8192], version[64];
    ck_assert_int_eq(parse_and_read((const char *[]){"--help", "--sessions", "0", NULL}, text, sizeof text), 0);
    ck_assert(done && strstr(text, "--metrics WHERE") != NULL && strstr(text, "--worker ") == NULL);
    ck_assert_int_eq(parse_and_read((const char *[]){"--version", NULL}, text, sizeof text), 0);
    snprintf(version, sizeof version, "culvertd %d.%d.%d\n", CULVERT_VERSION_MAJOR, CULVERT_VERSION_MINOR,
             CULVERT_VERSION_PATCH);
    ck_assert(done && strcmp(text, version) == 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("daemon_options");
    TCase *tcase = add_case(suite, "options");
    tcase_add_test(tcase, what_is_said_is_taken_in_the_unit_that_is_said);
    add_rows(tcase, what_cannot_be_is_refused_by_name_with_what_could_be, refused);
    tcase_add_test(tcase, nobody_is_served_beyond_those_who_are_named);
    tcase_add_test(tcase, whoever_asks_for_help_or_the_version_gets_it_and_nothing_is_started);
    return suite;
}
