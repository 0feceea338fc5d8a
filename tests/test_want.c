/* Want of memory and of the system's help, at each allocation and system call of culvert's own in turn, once and from
 * there on: always an error, never a crash, nothing that stays behind, and frames that are accounted for. */
#include <stdio.h>
#include <unistd.h>

#include "apart.h"
#include "culvert/culvert.h"
#include "own_daemon.h"
#include "run.h"
#include "want.h"
#include "want_life.h"

#define PLACES_MOST 20000
#define APART_MS \
    100 /* who can hear nothing from its encoder process waits for room, with BLOCK, as long as that lasts */

/* What is there when it is over. */
struct rest {
    struct want_held held;
    uint32_t descriptors;
};

static struct rest live(struct life *life, const struct culvert_config *config, uint32_t at, bool for_good,
                        bool *reached)
{
    *life = (struct life){.mute = apart() && for_good};
    const struct want_held before = want_held();
    want_begin(at, for_good, apart() ? APART_MS : 0);
    life_begin(life, config);
    if (life->opened == 0) {
        life_encode(life);
        life_lend(life);
        life_control(life);
        life_end(life);
    }
    *reached = want_end();
    const struct want_held after = want_held();
    return (struct rest){{after.blocks - before.blocks, after.mappings - before.mappings},
                         process_descriptors(getpid())};
}

static void expect_well(const struct life *life, const struct rest *rest, uint32_t at, uint32_t descriptors)
{
    ck_assert_msg(life->wrong == NULL, "at %u: %s: %s", at, life->wrong, culvert_error_name(life->wrongly));
    ck_assert_msg(life->opened == 0 || life->opened == CULVERT_E_MEMORY || life->opened == CULVERT_E_SYSTEM ||
                      (apart() && life->opened == CULVERT_E_GONE),
                  "at %u: open says %s", at, culvert_error_name(life->opened));
    ck_assert_msg((life->opened == 0) == (life->why[0] == '\0'), "at %u: open says '%s'", at, life->why);
    ck_assert_msg(rest->held.blocks == 0, "at %u: %ld blocks are left", at, (long)rest->held.blocks);
    ck_assert_msg(rest->held.mappings == 0, "at %u: %ld mappings are left", at, (long)rest->held.mappings);
    ck_assert_msg(rest->descriptors == descriptors, "at %u: %u descriptors are left", at,
                  rest->descriptors - descriptors);
}

static const struct {
    uint32_t codec;
    uint32_t resize, policy;
    bool for_good;
} wants[] = {
    {CULVERT_CODEC_NULL, CULVERT_RESIZE_BESIDE, CULVERT_POLICY_LATEST, false},
    {CULVERT_CODEC_NULL, CULVERT_RESIZE_BESIDE, CULVERT_POLICY_BLOCK, true},
    {CULVERT_CODEC_NULL, CULVERT_RESIZE_CANVAS, CULVERT_POLICY_REJECT, false},
    {CULVERT_CODEC_H264, CULVERT_RESIZE_BESIDE, CULVERT_POLICY_LATEST, false},
    {CULVERT_CODEC_H264, CULVERT_RESIZE_BESIDE, CULVERT_POLICY_BLOCK, true},
    {CULVERT_CODEC_VP8, CULVERT_RESIZE_BESIDE, CULVERT_POLICY_LATEST, false},
    {CULVERT_CODEC_VP8, CULVERT_RESIZE_AT_ONCE, CULVERT_POLICY_LATEST, true},
    {CULVERT_CODEC_VP9, CULVERT_RESIZE_BESIDE, CULVERT_POLICY_LATEST, false},
};

START_TEST(whatever_is_wanting_a_session_or_its_failure_is_as_documented_and_nothing_is_left)
{
    if (!culvert_has_codec(wants[_i].codec))
        return;
    struct culvert_config config = life_config(wants[_i].codec);
    config.policy = wants[_i].policy;
    config.resize = wants[_i].resize;
    struct life life;
    bool reached;
    /* What is kept for the process's life is there from the first time on. */
    struct rest rest = live(&life, &config, UINT32_MAX, false, &reached);
    ck_assert_msg(life.opened == 0 && life.refused == 0, "%s", life.why);
    const uint32_t descriptors = rest.descriptors;
    uint32_t at = 0, failures = 0;
    do {
        rest = live(&life, &config, at, wants[_i].for_good, &reached);
        expect_well(&life, &rest, at, descriptors);
        failures += life.opened != 0 || life.refused > 0;
    } while (reached && ++at < PLACES_MOST);
    printf("# %u places, at %u of them an error\n", at, failures);
    ck_assert_uint_gt(at, 5);
    ck_assert_uint_gt(failures, 3);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("want");
    TCase *tcase = add_case(suite, "want");
    /* A hundred lives each. */
    tcase_set_timeout(tcase, 280);
    add_rows(tcase, whatever_is_wanting_a_session_or_its_failure_is_as_documented_and_nothing_is_left, wants);
    return suite;
}
