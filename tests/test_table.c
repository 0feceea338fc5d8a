#include "tools/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "tools/json.h"
#include "tools/label.h"

#define MANY 1000
#define SECOND 1000000

/* ---- A culvertd that lists `listed`, or fails */

static struct sample_row listed[MANY];
static uint32_t listed_count;
static bool endless;
static int failure;
static const char *asked;

int culvert_list(const char *endpoint, uint32_t after, struct culvert_listing *listing, char *text, size_t text_size)
{
    asked = endpoint;
    if (failure) {
        snprintf(text, text_size, "nobody is there");
        return failure;
    }
    if (endless) {
        listing->id = after ? after : 1;
        return CULVERT_OK;
    }
    for (uint32_t i = 0; i < listed_count; i++) {
        if (listed[i].listing.id <= after)
            continue;
        *listing = listed[i].listing;
        return CULVERT_OK;
    }
    return CULVERT_EOS;
}

/* ---- Samples, and their lines */

static struct sample_row rows[2][MANY];
static struct sample before, now;
static struct table_view view;
static char *text;
static char *lines[MANY + 8];
static size_t count;

static void set_up(void)
{
    memset(rows, 0, sizeof rows);
    before = (struct sample){.time = SECOND, .rows = rows[0]};
    now = (struct sample){.time = 3 * SECOND, .rows = rows[1]};
    view = (struct table_view){.title = "unix:/s", .columns = 80, .end = "\n"};
    text = NULL;
    listed_count = 0;
    endless = false;
    failure = 0;
}

static void tear_down(void)
{
    free(text);
}

static struct culvert_stats *add(struct sample *sample, uint32_t id, const char *name)
{
    struct sample_row *row = &sample->rows[sample->count++];
    row->listing = (struct culvert_listing){.id = id, .codec = CULVERT_CODEC_H264, .width = 640, .height = 480};
    snprintf(row->user, sizeof row->user, "player");
    snprintf(row->listing.name, sizeof row->listing.name, "%s", name);
    return &row->listing.stats;
}

/* In both samples; the counts of the second. */
static struct culvert_stats *add_both(uint32_t id, const char *name)
{
    add(&before, id, name);
    return add(&now, id, name);
}

static void print(void)
{
    size_t size;
    free(text);
    FILE *file = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(file);
    table_print(file, &view, &before, &now);
    fclose(file);
    count = 0;
    for (char *rest = text; rest && count < MANY + 8;)
        lines[count++] = strsep(&rest, "\n");
}

/* The word of a line that stands under a column's name: numbers end where the name ends, words begin where it begins.
 */
static const char *cell(size_t line, const char *column)
{
    static char words[4][64];
    static size_t turn;
    char *word = words[turn++ % 4];
    const char *head = strstr(lines[1], column);
    ck_assert_msg(head != NULL, "no %s in '%s'", column, lines[1]);
    size_t at = (size_t)(head - lines[1]);
    const size_t end = at + strlen(column);
    word[0] = '\0';
    if (strlen(lines[line]) < end && strlen(lines[line]) <= at)
        return word;
    const bool right = strcmp(column, "NAME") != 0 && strcmp(column, "USER") != 0 && strcmp(column, "CODEC") != 0;
    while (right && at > 0 && lines[line][at - 1] != ' ')
        at--;
    while (right && lines[line][at] == ' ')
        at++;
    snprintf(word, 64, "%.*s", (int)strcspn(lines[line] + at, " "), lines[line] + at);
    return word;
}

/* What nothing in a table may be. */
static void check_lines(void)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_le(label_width(lines[i]), view.columns);
        for (const char *at = lines[i]; *at; at++)
            ck_assert_msg((unsigned char)*at >= ' ' && *at != 127, "a control character in line %zu", i);
    }
}

START_TEST(no_session_is_a_table_of_totals)
{
    print();
    ck_assert_uint_eq(count, 3);
    ck_assert_str_eq(lines[0], "unix:/s");
    ck_assert_str_eq(cell(2, "NAME"), "total");
    ck_assert_str_eq(cell(2, "FPS"), "0.0");
    ck_assert_str_eq(cell(2, "KBPS"), "0");
    check_lines();
}
END_TEST

START_TEST(a_row_says_what_a_session_did_since_the_sample_before)
{
    struct culvert_stats *old = add(&before, 7, "doom");
    old->encoded = 1000;
    old->skipped = 10;
    struct culvert_stats *stats = add(&now, 7, "doom");
    now.rows[0].listing.age_s = 3723;
    now.rows[0].listing.pid = 4711;
    *stats = (struct culvert_stats){
        .encoded = 1119, .skipped = 13, .sent_kbps = 3987, .restarts = 2, .total = {.p50 = 1000, .p99 = 12345}};
    print();
    ck_assert_uint_eq(count, 4);
    static const char *const wanted[][2] = {
        {"ID", "7"},         {"NAME", "doom"}, {"USER", "player"}, {"CODEC", "h264"},
        {"SIZE", "640x480"}, {"FPS", "59.5"},  {"KBPS", "3987"},   {"P99/MS", "12.3"},
        {"SKIP/S", "1.5"},   {"RST", "2"},     {"AGE", "1h02m"},   {"PID", "4711"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        ck_assert_str_eq(cell(2, wanted[i][0]), wanted[i][1]);
    check_lines();
}
END_TEST

START_TEST(totals_add_up_and_name_the_worst_p99)
{
    for (uint32_t id = 1; id <= 3; id++) {
        struct culvert_stats *stats = add_both(id, "game");
        *stats = (struct culvert_stats){
            .encoded = 100 * id, .skipped = id, .sent_kbps = 1000, .restarts = 1, .total.p99 = 1000 * id};
    }
    print();
    ck_assert_uint_eq(count, 6);
    ck_assert_str_eq(cell(5, "FPS"), "300.0");
    ck_assert_str_eq(cell(5, "KBPS"), "3000");
    ck_assert_str_eq(cell(5, "P99/MS"), "3.0");
    ck_assert_str_eq(cell(5, "SKIP/S"), "3.0");
    ck_assert_str_eq(cell(5, "RST"), "3");
}
END_TEST

START_TEST(without_a_sample_before_rates_are_unknown)
{
    add(&now, 1, "new")->encoded = 60;
    print();
    ck_assert_str_eq(cell(2, "FPS"), "-");
    ck_assert_str_eq(cell(2, "SKIP/S"), "-");
    ck_assert_str_eq(cell(3, "FPS"), "-");
    add_both(2, "old")->encoded = 60;
    print();
    ck_assert_str_eq(cell(2, "FPS"), "-");
    ck_assert_str_eq(cell(3, "FPS"), "30.0");
    ck_assert_str_eq(cell(4, "FPS"), "30.0");
}
END_TEST

START_TEST(counters_that_went_back_give_no_rates)
{
    static const struct {
        uint64_t encoded, skipped, submitted;
        uint32_t age;
    } rounds[] = {{99, 50, 150, 50}, {100, 49, 150, 50}, {100, 50, 149, 50}, {100, 50, 150, 49}};
    struct culvert_stats *old = add(&before, 1, "doom"), *stats = add(&now, 1, "quake");
    *old = (struct culvert_stats){.encoded = 100, .skipped = 50, .submitted = 150};
    before.rows[0].listing.age_s = 50;
    for (size_t i = 0; i < sizeof rounds / sizeof rounds[0]; i++) {
        *stats = (struct culvert_stats){
            .encoded = rounds[i].encoded, .skipped = rounds[i].skipped, .submitted = rounds[i].submitted};
        now.rows[0].listing.age_s = rounds[i].age;
        print();
        ck_assert_str_eq(cell(2, "FPS"), "-");
        ck_assert_str_eq(cell(2, "SKIP/S"), "-");
        ck_assert_str_eq(cell(3, "FPS"), "-");
    }
    *stats = *old;
    now.rows[0].listing.age_s = 50;
    print();
    ck_assert_str_eq(cell(2, "FPS"), "0.0");
}
END_TEST

START_TEST(samples_of_one_moment_give_no_rates)
{
    add_both(1, "doom")->encoded = 60;
    before.time = now.time;
    print();
    ck_assert_str_eq(cell(2, "FPS"), "-");
}
END_TEST

/* ---- Names */

START_TEST(a_hostile_name_takes_its_columns_and_does_nothing)
{
    static const struct {
        const char *name, *shown;
    } names[] = {
        {"\033[2J\033[31m", "?[2J?[31m"},
        {"a\nb\rc\td\be\x7f", "a?b?c?d?e?"},
        {"\xc2\x9b"
         "2J",
         "?2J"}, /* CSI of one character */
        {"\xe2\x80\xae"
         "evil",
         "?evil"},                              /* right to left from here */
        {"\xe2\x81\xa6x\xe2\x80\x8by", "?x?y"}, /* an isolate, a space of no width */
        {"\xff\xfe\xc3", "???"},                /* no UTF-8 */
        {"\xed\xa0\x80z", "?z"},                /* half a surrogate pair */
        {"\xcc\x81"
         "a",
         "?a"},                                                   /* an accent on what stands before the name */
        {"e\xcc\x81t\xc3\xa9", "e\xcc\x81t\xc3\xa9"},             /* an accent of its own */
        {"\xe6\xbc\xa2\xe5\xad\x97", "\xe6\xbc\xa2\xe5\xad\x97"}, /* two columns each */
        {"%s%n", "%s%n"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        now.count = before.count = 0;
        add(&now, 1, names[i].name);
        print();
        check_lines();
        ck_assert_uint_eq(count, 4);
        ck_assert_str_eq(cell(2, "NAME"), names[i].shown);
    }
}
END_TEST

/* Where the column after the name begins, in columns of the terminal. */
static size_t place_of(size_t line, const char *word)
{
    char start[256];
    const char *at = strstr(lines[line], word);
    ck_assert_ptr_nonnull(at);
    snprintf(start, sizeof start, "%.*s", (int)(at - lines[line]), lines[line]);
    return label_width(start);
}

START_TEST(columns_stand_under_each_other_whatever_the_names)
{
    static const char *const names[] = {
        "",
        "a",
        "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2",
        ("e\xcc\x81"
         "e\xcc\x81"
         "e\xcc\x81"
         "e\xcc\x81"),
        "1234567890123456789012345678901",
        "\xff\xff\xff"};
    enum { NAMES = sizeof names / sizeof names[0] };
    for (uint32_t id = 1; id <= NAMES; id++)
        add(&now, id, names[id - 1]);
    for (view.columns = 80; view.columns <= 120; view.columns += 10) {
        print();
        check_lines();
        for (size_t i = 0; i < NAMES; i++)
            ck_assert_uint_eq(place_of(2 + i, "player"), place_of(1, "USER"));
    }
}
END_TEST

START_TEST(a_name_is_cut_between_characters_and_marked)
{
    static const struct {
        const char *name;
        size_t width;
        const char *shown;
    } cuts[] = {
        {"abcdef", 6, "abcdef"},
        {"abcdef", 5, "abcd+"},
        {"abc", 5, "abc  "},
        {"abc", 1, "+"},
        {"abc", 0, ""},
        {"", 2, "  "},
        {"\xe6\xbc\xa2\xe5\xad\x97", 4, "\xe6\xbc\xa2\xe5\xad\x97"},
        {"\xe6\xbc\xa2\xe5\xad\x97", 3, "\xe6\xbc\xa2+"},
        {"\xe6\xbc\xa2\xe5\xad\x97", 2, "+ "},
        {"e\xcc\x81"
         "e\xcc\x81"
         "e",
         2, "e\xcc\x81+"},
        {"\xff\xff\xff", 2, "?+"},
    };
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        char *shown = NULL;
        size_t size;
        FILE *file = open_memstream(&shown, &size);
        label_print(file, cuts[i].name, cuts[i].width, 0);
        fclose(file);
        ck_assert_str_eq(shown, cuts[i].shown);
        free(shown);
    }
}
END_TEST

/* ---- Room */

/* The largest figures that there can be, and one more session with the smallest. */
static void add_extremes(void)
{
    for (uint32_t n = 0; n < 3; n++) {
        struct culvert_stats *stats = add_both(UINT32_MAX - 3 + n, "the longest of all names: 31 by");
        memset(stats, 0xff, sizeof *stats);
        now.rows[n].listing.width = now.rows[n].listing.height = 16384;
        now.rows[n].listing.age_s = now.rows[n].listing.pid = UINT32_MAX;
        now.rows[n].listing.codec = n ? UINT32_MAX : CULVERT_CODEC_NULL;
        memset(now.rows[n].user, 'W', sizeof now.rows[n].user - 1);
    }
    add_both(UINT32_MAX, "");
}

START_TEST(the_largest_figures_fit_into_80_columns)
{
    add_extremes();
    print();
    check_lines();
    ck_assert_uint_eq(count, 7);
    ck_assert_str_eq(cell(2, "ID"), "4294967292");
    ck_assert_str_eq(cell(2, "SIZE"), "16384x16384");
    ck_assert_str_eq(cell(2, "AGE"), "136y");
    ck_assert_str_eq(cell(3, "CODEC"), "?");
    ck_assert_str_eq(cell(2, "USER"), "WWWWWWW+");
    for (size_t i = 2; i < 5; i++)
        ck_assert_uint_eq(label_width(lines[i]), 80);
}
END_TEST

START_TEST(no_line_is_wider_than_the_terminal)
{
    add_extremes();
    for (view.columns = 1; view.columns <= 200; view.columns++) {
        print();
        check_lines();
    }
}
END_TEST

START_TEST(a_wide_terminal_shows_names_and_processes_whole)
{
    add_both(1, "1234567890123456789012345678901");
    now.rows[0].listing.pid = 4194304;
    print();
    ck_assert_ptr_null(strstr(lines[1], "PID"));
    ck_assert_ptr_nonnull(strchr(cell(2, "NAME"), '+'));
    view.columns = 120;
    print();
    ck_assert_str_eq(cell(2, "NAME"), "1234567890123456789012345678901");
    ck_assert_str_eq(cell(2, "PID"), "4194304");
}
END_TEST

START_TEST(a_thousand_sessions_fit_the_terminals_lines)
{
    for (uint32_t id = 1; id <= MANY; id++)
        add_both(id, "game")->encoded = 120;
    print();
    ck_assert_uint_eq(count, MANY + 3);
    ck_assert_str_eq(cell(MANY + 2, "FPS"), "60000");
    check_lines();
    view.lines = 24;
    print();
    ck_assert_uint_eq(count, 24);
    ck_assert_str_eq(lines[22], "... and 980 more");
    ck_assert_str_eq(cell(21, "ID"), "20");
    ck_assert_str_eq(cell(23, "FPS"), "60000");
}
END_TEST

START_TEST(no_more_lines_are_printed_than_there_is_room_for)
{
    for (uint32_t id = 1; id <= 10; id++)
        add_both(id, "game");
    for (view.lines = 1; view.lines <= 20; view.lines++) {
        print();
        ck_assert_uint_eq(count, view.lines < 13 ? view.lines : 13);
        ck_assert_int_eq(count > 3 && strstr(lines[count - 2], "more") != NULL, view.lines >= 4 && view.lines < 13);
    }
}
END_TEST

/* ---- Order */

START_TEST(rows_are_sorted_by_what_is_asked_for)
{
    static const struct {
        const char *name;
        uint64_t encoded, skipped, restarts;
        uint32_t kbps, p99, age;
    } games[] = {{"b", 30, 9, 0, 500, 70, 5}, {"a", 90, 2, 4, 300, 90, 9}, {"c", 60, 5, 9, 900, 10, 7}};
    static const char *const orders[] = {
        [TABLE_ID] = "bac",  [TABLE_NAME] = "abc", [TABLE_FPS] = "acb", [TABLE_KBPS] = "cba",
        [TABLE_P99] = "abc", [TABLE_SKIP] = "bca", [TABLE_RST] = "cab", [TABLE_AGE] = "acb"};
    for (uint32_t n = 0; n < 3; n++) {
        struct culvert_stats *stats = add_both(n + 1, games[n].name);
        *stats = (struct culvert_stats){.encoded = games[n].encoded,
                                        .skipped = games[n].skipped,
                                        .restarts = games[n].restarts,
                                        .sent_kbps = games[n].kbps,
                                        .total.p99 = games[n].p99};
        now.rows[n].listing.age_s = games[n].age;
    }
    for (view.sort = TABLE_ID; view.sort <= TABLE_AGE; view.sort++) {
        print();
        for (size_t i = 0; i < 3; i++)
            ck_assert_msg(cell(2 + i, "NAME")[0] == orders[view.sort][i], "sort %u: %s", view.sort, text);
    }
}
END_TEST

START_TEST(what_is_equal_stands_in_the_order_of_ids)
{
    for (uint32_t id = 1; id <= 100; id++)
        add_both(id, "game");
    for (view.sort = TABLE_ID; view.sort <= TABLE_AGE; view.sort++) {
        print();
        for (uint32_t id = 1; id <= 100; id++)
            ck_assert_uint_eq(strtoul(cell(1 + id, "ID"), NULL, 10), id);
    }
}
END_TEST

/* ---- Taking a sample */

START_TEST(a_sample_holds_every_session_that_is_listed)
{
    struct sample sample, next;
    char why[SAMPLE_WHY];
    for (listed_count = 0; listed_count < MANY; listed_count++)
        listed[listed_count].listing = (struct culvert_listing){.id = 3 * listed_count + 1, .name = "game"};
    listed[0].listing.user = UINT32_MAX - 1;
    ck_assert_int_eq(sample_take(&sample, NULL, "unix:/s", why), 0);
    ck_assert_str_eq(asked, "unix:/s");
    ck_assert_uint_eq(sample.count, MANY);
    ck_assert_str_eq(sample.rows[0].user, "4294967294");
    ck_assert_uint_eq(sample_find(&sample, 3 * 500 + 1)->listing.id, 3 * 500 + 1);
    ck_assert_ptr_null(sample_find(&sample, 3));
    ck_assert_uint_eq(sample_named(&sample, "game")->listing.id, 3 * (MANY - 1) + 1);
    ck_assert_ptr_null(sample_named(&sample, "gam"));
    ck_assert_int_eq(sample_take(&next, &sample, "unix:/s", why), 0);
    ck_assert_str_eq(next.rows[0].user, "4294967294");
    sample_free(&sample);
    sample_free(&next);
}
END_TEST

START_TEST(a_sample_that_fails_is_empty_and_says_why)
{
    struct sample sample;
    char why[SAMPLE_WHY] = "";
    failure = CULVERT_E_GONE;
    ck_assert_int_eq(sample_take(&sample, NULL, "unix:/s", why), CULVERT_E_GONE);
    ck_assert_str_eq(why, "nobody is there");
    ck_assert_uint_eq(sample.count, 0);
    failure = 0;
    endless = true;
    ck_assert_int_eq(sample_take(&sample, NULL, "unix:/s", why), CULVERT_E_LIMIT);
    ck_assert_uint_eq(sample.count, 0);
}
END_TEST

START_TEST(json_of_a_hostile_name_is_one_string)
{
    char *json = NULL;
    size_t size;
    FILE *file = open_memstream(&json, &size);
    json_string(file, "\"\\\n\x1b\x7f\xff\xc3\xa9\xed\xa0\x80");
    fclose(file);
    ck_assert_str_eq(json, "\"\\\"\\\\\\u000a\\u001b\\u007f\\ufffd\xc3\xa9\\ufffd\"");
    free(json);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("table");
    TCase *tcase = add_case(suite, "table");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, no_session_is_a_table_of_totals);
    tcase_add_test(tcase, a_row_says_what_a_session_did_since_the_sample_before);
    tcase_add_test(tcase, totals_add_up_and_name_the_worst_p99);
    tcase_add_test(tcase, without_a_sample_before_rates_are_unknown);
    tcase_add_test(tcase, counters_that_went_back_give_no_rates);
    tcase_add_test(tcase, samples_of_one_moment_give_no_rates);
    tcase_add_test(tcase, a_hostile_name_takes_its_columns_and_does_nothing);
    tcase_add_test(tcase, columns_stand_under_each_other_whatever_the_names);
    tcase_add_test(tcase, a_name_is_cut_between_characters_and_marked);
    tcase_add_test(tcase, the_largest_figures_fit_into_80_columns);
    tcase_add_test(tcase, no_line_is_wider_than_the_terminal);
    tcase_add_test(tcase, a_wide_terminal_shows_names_and_processes_whole);
    tcase_add_test(tcase, a_thousand_sessions_fit_the_terminals_lines);
    tcase_add_test(tcase, no_more_lines_are_printed_than_there_is_room_for);
    tcase_add_test(tcase, rows_are_sorted_by_what_is_asked_for);
    tcase_add_test(tcase, what_is_equal_stands_in_the_order_of_ids);
    tcase = add_case(suite, "sample");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_sample_holds_every_session_that_is_listed);
    tcase_add_test(tcase, a_sample_that_fails_is_empty_and_says_why);
    tcase_add_test(tcase, json_of_a_hostile_name_is_one_string);
    return suite;
}
