#include "daemon/peers.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "run.h"

#define STRANGER 54321 /* the user and group of nobody here */
#define OTHER 54322

/* Whether the rules admit this very process, over a socket of its own. */
static bool admits(const struct peers *peers, struct peer *who)
{
    int ends[2];
    *who = (struct peer){0};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    const bool admitted = peers_admit(peers, ends[0], who);
    close(ends[0]);
    close(ends[1]);
    return admitted;
}

/* ---- As oneself -------------------------------------------------------------------------------------------------- */

START_TEST(nobody_is_admitted_until_someone_is_allowed)
{
    struct peers peers = {0};
    struct peer who;
    ck_assert(!admits(&peers, &who));
    ck_assert_int_eq(who.pid, getpid());
    ck_assert_uint_eq(who.uid, geteuid());
    ck_assert_uint_eq(who.gid, getegid());
}
END_TEST

START_TEST(an_allowed_user_is_admitted)
{
    struct peers peers = {0};
    struct peer who;
    ck_assert(peers_allow_uid(&peers, STRANGER));
    ck_assert(!admits(&peers, &who));
    ck_assert(peers_allow_uid(&peers, geteuid()));
    ck_assert(admits(&peers, &who));
}
END_TEST

START_TEST(an_allowed_group_is_admitted)
{
    struct peers peers = {0};
    struct peer who;
    ck_assert(peers_allow_gid(&peers, STRANGER));
    ck_assert(!admits(&peers, &who));
    ck_assert(peers_allow_gid(&peers, getegid()));
    ck_assert(admits(&peers, &who));
}
END_TEST

START_TEST(by_default_ones_own_user_is_admitted_and_the_group_culvert)
{
    struct peers peers = {0};
    struct peer who;
    ck_assert(peers_default(&peers));
    ck_assert_uint_eq(peers.uid_count, 1);
    ck_assert(admits(&peers, &who));
    const struct group *group = getgrnam("culvert");
    ck_assert_uint_eq(peers.gid_count, group != NULL);
    ck_assert(group == NULL || peers.gids[0] == group->gr_gid);
}
END_TEST

START_TEST(at_most_64_users_and_64_groups_are_allowed)
{
    struct peers peers = {0};
    struct peer who;
    for (uint32_t i = 0; i + 1 < PEERS_MAX; i++)
        ck_assert(peers_allow_uid(&peers, STRANGER + i) && peers_allow_gid(&peers, STRANGER + i));
    ck_assert(!admits(&peers, &who));
    ck_assert(peers_allow_uid(&peers, geteuid()) && peers_allow_gid(&peers, getegid()));
    ck_assert(admits(&peers, &who));
    ck_assert(!peers_allow_uid(&peers, OTHER) && !peers_allow_gid(&peers, OTHER));
    ck_assert(!peers_default(&peers));
}
END_TEST

/* What is no socket of a process: a socket without another end, a pipe, nothing. */
START_TEST(what_has_no_process_at_its_other_end_is_refused)
{
    struct peers peers = {.uids = {(uid_t)-1, geteuid()}, .uid_count = 2, .gids = {(gid_t)-1}, .gid_count = 1};
    struct peer who = {0};
    int pipes[2];
    const int lonely = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(pipe(pipes), 0);
    const int fds[] = {lonely, pipes[0], -1};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        ck_assert(!peers_admit(&peers, fds[i], &who));
        ck_assert_uint_eq(who.uid, (uid_t)-1);
        ck_assert_uint_eq(who.gid, (gid_t)-1);
    }
    close(lonely);
    close(pipes[0]);
    close(pipes[1]);
}
END_TEST

/* ---- As others, which takes root --------------------------------------------------------------------------------- */

static bool become(uid_t uid, gid_t gid, const gid_t *groups, size_t count)
{
    return setgroups(count, groups) == 0 && setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0;
}

static void be_a_stranger(void)
{
    struct peers peers = {0};
    struct peer who;
    EXPECT(peers_default(&peers) && become(STRANGER, OTHER, NULL, 0));
    EXPECT(!admits(&peers, &who) && who.pid == getpid() && who.uid == STRANGER && who.gid == OTHER);
    EXPECT(peers_allow_gid(&peers, OTHER) && admits(&peers, &who));
}

/* A number that is allowed to users is nothing to groups. */
static void be_the_number_of_an_allowed_user(void)
{
    struct peers peers = {0};
    struct peer who;
    EXPECT(peers_allow_uid(&peers, OTHER) && peers_allow_gid(&peers, STRANGER));
    EXPECT(become(STRANGER, OTHER, (const gid_t[]){OTHER}, 1) && !admits(&peers, &who));
}

#define MOST NGROUPS_MAX

/* The last of so many supplementary groups is allowed; the kernel sorts them. */
static void be_in_many_groups(size_t count)
{
    struct peers peers = {0};
    struct peer who;
    static gid_t groups[MOST];
    for (size_t i = 0; i < count; i++)
        groups[i] = (gid_t)(100000 + i);
    EXPECT(become(STRANGER, OTHER, groups, count));
    EXPECT(peers_allow_gid(&peers, (gid_t)(100000 + count)) && !admits(&peers, &who));
    EXPECT(peers_allow_gid(&peers, (gid_t)(100000 + count - 1)) && admits(&peers, &who) && who.gid == OTHER);
}

static const size_t group_counts[] = {1, 2, 255, 256, 257, 1000, MOST};
static int row;

static void be_in_a_rows_groups(void)
{
    be_in_many_groups(group_counts[row]);
}

static void leave_after_connecting(void)
{
    struct peers peers = {.uids = {STRANGER}, .uid_count = 1};
    struct peer who;
    int ends[2];
    EXPECT(setresuid((uid_t)-1, STRANGER, 0) == 0);
    EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0 && setresuid((uid_t)-1, 0, 0) == 0);
    EXPECT(peers_admit(&peers, ends[0], &who) && who.uid == STRANGER);
}

START_TEST(a_stranger_is_refused_and_its_ids_are_told)
{
    child_run(be_a_stranger);
}
END_TEST

START_TEST(a_users_number_admits_no_group_and_a_groups_no_user)
{
    child_run(be_the_number_of_an_allowed_user);
}
END_TEST

START_TEST(every_supplementary_group_counts_however_many_there_are)
{
    row = _i;
    child_run(be_in_a_rows_groups);
}
END_TEST

START_TEST(what_the_process_was_when_it_connected_counts)
{
    child_run(leave_after_connecting);
}
END_TEST

/* ---- Names and numbers ------------------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    bool known;
    uint32_t id;
} texts[] = {
    {"root", true, 0},
    {"0", true, 0},
    {"54321", true, 54321},
    {"4294967294", true, UINT32_MAX - 1},
    {"4294967295", false, 0},
    {"4294967296", false, 0},
    {"99999999999999999999", false, 0},
    {"-1", false, 0},
    {"+1", false, 0},
    {" 1", false, 0},
    {"1 ", false, 0},
    {"0x10", false, 0},
    {"1000,1001", false, 0},
    {"no-such-name-here", false, 0},
    {"", false, 0},
};

static void expect_reason(bool known, const char *text, const char *why, const char *kind)
{
    ck_assert_int_eq(known, why[0] == '\0');
    ck_assert_ptr_null(strchr(why, '\n'));
    ck_assert(known || (strstr(why, text) != NULL && strstr(why, kind) != NULL));
}

START_TEST(a_user_and_a_group_is_a_name_or_a_number)
{
    const uint32_t before = 7;
    uint32_t uid = before, gid = before;
    char no_user[128] = "", no_group[128] = "";
    ck_assert_int_eq(peers_parse_uid(texts[_i].text, &uid, no_user, sizeof no_user), texts[_i].known);
    ck_assert_int_eq(peers_parse_gid(texts[_i].text, &gid, no_group, sizeof no_group), texts[_i].known);
    ck_assert_uint_eq(uid, texts[_i].known ? texts[_i].id : before);
    ck_assert_uint_eq(gid, texts[_i].known ? texts[_i].id : before);
    expect_reason(texts[_i].known, texts[_i].text, no_user, "user");
    expect_reason(texts[_i].known, texts[_i].text, no_group, "group");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("peers");
    TCase *own = add_case(suite, "as oneself");
    tcase_add_test(own, nobody_is_admitted_until_someone_is_allowed);
    tcase_add_test(own, an_allowed_user_is_admitted);
    tcase_add_test(own, an_allowed_group_is_admitted);
    tcase_add_test(own, by_default_ones_own_user_is_admitted_and_the_group_culvert);
    tcase_add_test(own, at_most_64_users_and_64_groups_are_allowed);
    tcase_add_test(own, what_has_no_process_at_its_other_end_is_refused);

    const bool root = geteuid() == 0;
    TCase *texts_case = add_case(suite, root ? "names" : "names; not root, so nothing as other users");
    add_rows(texts_case, a_user_and_a_group_is_a_name_or_a_number, texts);
    if (root) {
        TCase *others = add_case(suite, "as others");
        tcase_add_test(others, a_stranger_is_refused_and_its_ids_are_told);
        tcase_add_test(others, a_users_number_admits_no_group_and_a_groups_no_user);
        tcase_add_test(others, what_the_process_was_when_it_connected_counts);
        TCase *members = add_case(suite, "as members");
        tcase_set_tags(members, "peer_groups");
        add_rows(members, every_supplementary_group_counts_however_many_there_are, group_counts);
    }
    return suite;
}
