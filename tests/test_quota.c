/* What sessions may take of a machine: of all of them together, and of one user's. */
#include <string.h>

#include "daemon/broker.h"
#include "run.h"
#include "session/session.h"

#define ALICE 1000
#define BOB 1001

/* Two of Alice's, one of Bob's, and a connection of Alice's that has no session. */
static struct seat seats[] = {
    {.id = 1, .peer.uid = ALICE, .charge = {1, 100, 10}},
    {.id = 2, .peer.uid = ALICE, .charge = {1, 200, 20}},
    {.id = 3, .peer.uid = BOB, .charge = {1, 400, 40}},
    {.id = 0, .peer.uid = ALICE, .charge = {1, 800, 80}},
};

static const struct {
    struct quota all, user;
    uid_t who;
    struct quota charge;
    const char *excess; /* NULL: none */
} requests[] = {
    {{0, 0, 0}, {0, 0, 0}, ALICE, {1, UINT32_MAX, UINT32_MAX}, NULL},
    {{4, 0, 0}, {0, 0, 0}, ALICE, {1, 1, 1}, NULL},
    {{3, 0, 0}, {0, 0, 0}, ALICE, {1, 1, 1}, "sessions left for another"},
    {{0, 701, 0}, {0, 0, 0}, BOB, {1, 1, 1}, NULL},
    {{0, 701, 0}, {0, 0, 0}, BOB, {1, 2, 1}, "pixels a second left for another"},
    {{0, 0, 71}, {0, 0, 0}, BOB, {1, 1, 1}, NULL},
    {{0, 0, 71}, {0, 0, 0}, BOB, {1, 1, 2}, "memory left for another"},
    {{0, 0, 0}, {3, 0, 0}, ALICE, {1, 1, 1}, NULL},
    {{0, 0, 0}, {2, 0, 0}, ALICE, {1, 1, 1}, "sessions left for this user"},
    {{0, 0, 0}, {2, 0, 0}, BOB, {1, 1, 1}, NULL},
    {{0, 0, 0}, {1, 0, 0}, BOB, {1, 1, 1}, "sessions left for this user"},
    {{0, 0, 0}, {0, 301, 0}, ALICE, {1, 1, 1}, NULL},
    {{0, 0, 0}, {0, 301, 0}, ALICE, {1, 2, 1}, "pixels a second left for this user"},
    {{0, 0, 0}, {0, 0, 41}, BOB, {1, 1, 1}, NULL},
    {{0, 0, 0}, {0, 0, 41}, BOB, {1, 1, 2}, "memory left for this user"},
};

START_TEST(a_session_is_refused_where_it_would_be_the_first_beyond_a_limit)
{
    struct seat *all[] = {&seats[0], &seats[1], &seats[2], &seats[3]};
    struct broker broker = {.seats = all, .count = 4};
    char why[BROKER_WHY] = "";
    broker.options.all = requests[_i].all;
    broker.options.user = requests[_i].user;
    const int result = quota_check(&broker, requests[_i].who, &requests[_i].charge, why);
    ck_assert_int_eq(result, requests[_i].excess != NULL ? CULVERT_E_LIMIT : 0);
    if (requests[_i].excess != NULL)
        ck_assert_msg(strstr(why, requests[_i].excess) != NULL, "%s", why);
}
END_TEST

START_TEST(a_session_counts_for_its_largest_size_its_slots_and_its_encoders)
{
    const struct culvert_config config = {.max_width = 1000, .max_height = 500, .fps_num = 60, .fps_den = 2, .warm = 3};
    const struct session_layout layout = {.slots = 4, .slot_bytes = 1000000};
    const struct quota quota = quota_of(&config, &layout), none = quota_of(&config, &(struct session_layout){0});
    ck_assert_uint_eq(quota.sessions, 1);
    ck_assert_uint_eq(quota.pixel_rate, 15000000);
    ck_assert_uint_eq(quota.memory - none.memory, 5000000); /* and the picture that is scaled to */
    const struct culvert_config warmer = {.max_width = 1000, .max_height = 500, .fps_num = 1, .fps_den = 1, .warm = 5};
    ck_assert_uint_eq(quota_of(&warmer, &layout).memory - quota.memory, 2 * UINT64_C(500000) * 24);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("quota");
    TCase *tcase = add_case(suite, "quota");
    tcase_add_loop_test(tcase, a_session_is_refused_where_it_would_be_the_first_beyond_a_limit, 0,
                        (int)(sizeof requests / sizeof requests[0]));
    tcase_add_test(tcase, a_session_counts_for_its_largest_size_its_slots_and_its_encoders);
    return suite;
}
