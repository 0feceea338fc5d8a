#include "run.h"

#include <stdio.h>
#include <string.h>

#include "codec/options.h"
#include "culvert/culvert.h"

#define NOTED 1024

static const struct option table[] = {
    {"me", OPTION_WORD, 0, 1, 0, 0, "dia hex umh"},
    {"parts", OPTION_WORD, 0, 3, 0, 0, "none all p8x8"},
    {"range", OPTION_INTEGER, 0, 1, 4, 64, NULL},
    {"offset", OPTION_INTEGER, OPTION_NEGATED, 2, -6, 6, NULL},
    {"strength", OPTION_NUMBER, 0, 1, 0.5, 3, NULL},
    {"fast-skip", OPTION_FLAG, OPTION_BARE | OPTION_NEGATED, 1, 0, 0, NULL},
    {"off", OPTION_FLAG, OPTION_BARE, 1, 0, 0, NULL},
    {0},
};

static int note(void *target, const char *name, const char *value, char *why, size_t why_size)
{
    char *const noted = target;
    snprintf(noted + strlen(noted), NOTED - strlen(noted), "%s=%s;", name, value);
    if (strcmp(value, "umh") != 0)
        return 0;
    snprintf(why, why_size, "no umh today");
    return CULVERT_E_OPTION;
}

static const struct {
    const char *text, *noted;
} allowed[] = {
    {"", ""},
    {"me=hex", "me=hex;"},
    {"me=hex:", "me=hex;"},
    {"me=hex:range=8:me=dia", "me=hex;range=8;me=dia;"},
    {"range=4", "range=4;"},
    {"range=64", "range=64;"},
    {"offset=-6,6", "offset=-6,6;"},
    {"offset=3", "offset=3;"},
    {"no-offset", "offset=no;"},
    {"strength=0.5", "strength=0.5;"},
    {"strength=3", "strength=3;"},
    {"strength=2.9999", "strength=2.9999;"},
    {"parts=none", "parts=none;"},
    {"parts=p8x8,none,all", "parts=p8x8,none,all;"},
    {"fast-skip", "fast-skip=yes;"},
    {"fast_skip=0", "fast-skip=0;"},
    {"fast-skip=false", "fast-skip=false;"},
    {"no-fast-skip", "fast-skip=no;"},
    {"no_fast_skip:off", "fast-skip=no;off=yes;"},
};

START_TEST(an_allowed_option_is_handed_over_as_it_stands)
{
    char noted[NOTED] = "", why[256] = "";
    ck_assert_int_eq(options_walk(allowed[_i].text, "h264", table, note, noted, why, sizeof why), 0);
    ck_assert_str_eq(noted, allowed[_i].noted);
    ck_assert_str_eq(why, "");
}
END_TEST

static const struct {
    const char *text, *says;
} refused[] = {
    {"stats=x", "'stats'"},
    {"me=hex:stats=/etc/passwd", "'stats'"},
    {"=3", "''"},
    {":", "''"},
    {"me=hex::range=8", "''"},
    {"ME=hex", "'ME'"},
    {" me=hex", "' me'"},
    {"m=hex", "'m'"},
    {"mee=hex", "'mee'"},
    {"me", "me: ''"},
    {"me=", "me: ''"},
    {"me=tesa", "one of dia hex umh"},
    {"me=he", "'he'"},
    {"me=hex umh", "'hex umh'"},
    {"me=hex,dia", "'hex,dia'"},
    {"no-me", "'no-me'"},
    {"range=3", "from 4 to 64"},
    {"range=65", "from 4 to 64"},
    {"range=99999999999999999999999999", "from 4 to 64"},
    {"range=8.0", "an integer"},
    {"range=8x", "'8x'"},
    {"range= 8", "' 8'"},
    {"range=+8", "'+8'"},
    {"range=0x8", "'0x8'"},
    {"range=-", "'-'"},
    {"range", "range: ''"},
    {"range=yes", "'yes'"},
    {"offset=-7", "from -6 to 6"},
    {"offset=1,7", "'1,7'"},
    {"offset=1,2,3", "'1,2,3'"},
    {"offset=1,", "'1,'"},
    {"offset=,1", "',1'"},
    {"offset", "offset: ''"},
    {"no-offset=1", "'no-offset'"},
    {"strength=0.49", "a number from 0.5 to 3"},
    {"strength=3.0001", "a number from 0.5 to 3"},
    {"strength=1e0", "'1e0'"},
    {"strength=.5", "'.5'"},
    {"strength=nan", "'nan'"},
    {"strength=inf", "'inf'"},
    {"strength=1.2.3", "'1.2.3'"},
    {"parts=p8x8,p4x4", "'p8x8,p4x4'"},
    {"parts=all,all,all,all", "'all,all,all,all'"},
    {"fast-skip=2", "set 1 or 0"},
    {"fast-skip=", "set 1 or 0"},
    {"no-fast-skip=1", "'no-fast-skip'"},
    {"no-no-fast-skip", "'no-no-fast-skip'"},
    {"no-off", "'no-off'"},
};

START_TEST(anything_else_is_refused_by_name)
{
    char noted[NOTED] = "", why[256] = "";
    const int result = options_walk(refused[_i].text, "h264", table, note, noted, why, sizeof why);
    ck_assert_int_eq(result, CULVERT_E_OPTION);
    ck_assert_msg(strstr(why, refused[_i].says) != NULL, "%s", why);
    ck_assert_ptr_null(strchr(why, '\n'));
}
END_TEST

START_TEST(what_the_codec_refuses_ends_the_walk)
{
    char noted[NOTED] = "", why[256] = "";
    ck_assert_int_eq(options_walk("range=9:me=umh:range=10", "h264", table, note, noted, why, sizeof why),
                     CULVERT_E_OPTION);
    ck_assert_str_eq(noted, "range=9;me=umh;");
    ck_assert_str_eq(why, "no umh today");
}
END_TEST

START_TEST(a_reason_is_cut_to_the_room_for_it)
{
    char noted[NOTED] = "", why[8] = "";
    why[4] = '#';
    ck_assert_int_eq(options_walk("stats=x", "h264", table, note, noted, why, 4), CULVERT_E_OPTION);
    ck_assert_str_eq(why, "opt");
    ck_assert_int_eq(why[4], '#');
}
END_TEST

START_TEST(an_item_may_be_as_long_as_a_config_holds)
{
    char text[513], noted[NOTED] = "", why[256] = "";
    memset(text, '0', sizeof text);
    memcpy(text, "range=", 6);
    memcpy(text + 510, "8", 2);
    ck_assert_int_eq(options_walk(text, "h264", table, note, noted, why, sizeof why), 0);
    ck_assert_uint_eq(strlen(noted), strlen(text) + 1);
    memcpy(text + 510, "08", 3);
    ck_assert_int_eq(options_walk(text, "h264", table, note, noted, why, sizeof why), CULVERT_E_OPTION);
}
END_TEST

Suite *test_suite(void)
{
    Suite *const suite = suite_create("options");
    TCase *const walk = tcase_create("walk");
    tcase_add_loop_test(walk, an_allowed_option_is_handed_over_as_it_stands, 0, sizeof allowed / sizeof allowed[0]);
    tcase_add_loop_test(walk, anything_else_is_refused_by_name, 0, sizeof refused / sizeof refused[0]);
    tcase_add_test(walk, what_the_codec_refuses_ends_the_walk);
    tcase_add_test(walk, a_reason_is_cut_to_the_room_for_it);
    tcase_add_test(walk, an_item_may_be_as_long_as_a_config_holds);
    suite_add_tcase(suite, walk);
    return suite;
}
