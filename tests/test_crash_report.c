#include "tools/crash_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/crash.h"
#include "death.h"
#include "instrument.h"
#include "run.h"

#define FIRST "culvert crash report 1\n"

static struct crash_report report;
static char why[CRASH_REPORT_WHY];

/* From a block of just that size, so that an instrument sees who reads beyond it. */
static int parse(const char *text, size_t size)
{
    /* NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI): of no bytes too. */
    char *copy = malloc(size);
    ck_assert(copy || size == 0);
    if (size > 0)
        memcpy(copy, text, size);
    why[0] = '\0';
    const int result = crash_report_parse(copy, size, &report, why);
    free(copy);
    return result;
}

static void assert_text(struct crash_text text, const char *expected)
{
    ck_assert_msg(text.length == strlen(expected) && memcmp(text.start, expected, text.length) == 0,
                  "'%.*s' instead of '%s'", CRASH_TEXT(text), expected);
}

/* ---- Tables */

static const char sample[] = FIRST
    "version 0.2.0\narchitecture x86-64\nprocess 4711\nthread 4713 a codec's\n"
    "time 1763670106123456 81234567\nsignal 11 SIGSEGV\ncode 1\naddress 0x10\n"
    "register rip 0x55d0c8a01234\nmodule 0x1000 0x2000 0x3000 00ff /a file\n"
    "module 0x8000 0x8000 0x9000 - [vdso]\nconfig options=a=b c\nencoding 17\n"
    "event -16667 key frame=17 bytes=12345 qp=30\nevent 1 pause\ncall 0x2000\n"
    "call 0xffffffffffffffff\nlost calls\nend\n";

START_TEST(every_line_of_a_report_is_understood)
{
    ck_assert_msg(crash_report_parse(sample, sizeof sample - 1, &report, why) == 0, "%s", why);
    assert_text(report.version, "0.2.0");
    assert_text(report.architecture, "x86-64");
    ck_assert(report.process == 4711 && report.thread == 4713);
    assert_text(report.thread_name, "a codec's");
    ck_assert(report.realtime == 1763670106123456 && report.monotonic == 81234567);
    ck_assert(report.signal == 11 && report.code == 1 && report.address == 0x10);
    assert_text(report.signal_name, "SIGSEGV");
    ck_assert_uint_eq(report.registers_count, 1);
    assert_text(report.registers[0].name, "rip");
    ck_assert_uint_eq(report.registers[0].value, 0x55d0c8a01234);
    ck_assert_uint_eq(report.config_count, 1);
    assert_text(report.config[0], "options=a=b c");
    ck_assert_int_eq(report.encoding, 17);
    ck_assert_uint_eq(report.events_count, 2);
    ck_assert_int_eq(report.events[0].at, -16667);
    assert_text(report.events[0].kind, "key");
    assert_text(report.events[0].values, "frame=17 bytes=12345 qp=30");
    ck_assert_ptr_null(report.events[1].values.start);
    ck_assert_uint_eq(report.calls_count, 2);
    ck_assert_uint_eq(report.calls[1], UINT64_MAX);
    ck_assert_uint_eq(report.lost_count, 1);
    ck_assert(report.has & CRASH_HAS_END && !(report.has & (CRASH_HAS_SYSCALL | CRASH_HAS_SENDER)));
}
END_TEST

START_TEST(an_address_belongs_to_the_module_whose_code_holds_it)
{
    static const struct {
        uint64_t address;
        int module; /* -1: none */
    } rows[] = {{0, -1}, {0x1000, -1}, {0x1fff, -1}, {0x2000, 0}, {0x2fff, 0}, {0x3000, -1}, {0x8000, 1}, {0x9000, -1}};
    ck_assert_int_eq(crash_report_parse(sample, sizeof sample - 1, &report, why), 0);
    ck_assert_uint_eq(report.modules_count, 2);
    assert_text(report.modules[0].build_id, "00ff");
    assert_text(report.modules[0].path, "/a file");
    ck_assert_ptr_null(report.modules[1].build_id.start);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct crash_module *expected = rows[i].module < 0 ? NULL : &report.modules[rows[i].module];
        ck_assert_ptr_eq(crash_report_module(&report, rows[i].address), expected);
    }
}
END_TEST

/* The first line stands before each of these. */
static const char *const wrong[] = {
    "\n",
    " version 1\n",
    "versions 1\n",
    "version\n",
    "version \n",
    "version 1 2\n",
    "version 1\nversion 1\n",
    "process x\n",
    "process -\n",
    "process 1x\n",
    "process  1\n",
    "process 9223372036854775808\n",
    "process 18446744073709551617\n",
    "thread 1 \n",
    "time 1\n",
    "signal 11\n",
    "code 0x1\n",
    "address 10\n",
    "address 0x\n",
    "address 0xg\n",
    "address 0xA\n",
    "address 0x10000000000000000\n",
    "address -0x1\n",
    "syscall 1 1\n",
    "sender 1\n",
    "register 0x1\n",
    "register rax\n",
    "module 0x1 0x2 0x3 00\n",
    "module 0x1 0x2 0x3 0 /a\n",
    "module 0x1 0x2 0x3 0g /a\n",
    "module 0x1 0x2 - /a\n",
    "config\n",
    "config \n",
    "event key\n",
    "event 1\n",
    "event 1 key \n",
    "call\n",
    "call 0x1 0x2\n",
    "lost\n",
    "end now\n",
    "end\nend\n",
    "end\n\n",
    "end\nversion 1\n",
    "config a\tb\n",
    "config a\rb\n",
    "config \x1b[2J\n",
    "config \x7f\n",
};

START_TEST(a_line_that_is_wrong_is_refused_with_its_number)
{
    char text[256], number[32];
    const int lines = wrong[_i][strlen(wrong[_i]) - 1] == '\n' && strchr(wrong[_i], '\n')[1] ? 3 : 2;
    snprintf(text, sizeof text, FIRST "%s", wrong[_i]);
    snprintf(number, sizeof number, "line %d: ", lines);
    ck_assert_int_eq(parse(text, strlen(text)), -1);
    ck_assert_msg(strncmp(why, number, strlen(number)) == 0, "'%s' for '%s'", why, wrong[_i]);
    ck_assert_ptr_null(strpbrk(why, "\n\r\t\x1b"));
}
END_TEST

START_TEST(what_does_not_begin_like_a_report_is_none)
{
    static const char *const rows[] = {"",
                                       "\n",
                                       "culvert",
                                       "culvert crash report 1",
                                       "culvert crash report\n",
                                       "culvert crash report \n",
                                       "culvert crash report 1 \n",
                                       "culvert crash report 0\n",
                                       "culvert crash report 2\n",
                                       "culvert crash report 99999999999999999999\n",
                                       "culvert crash reports 1\n",
                                       "version 0.2.0\n"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(parse(rows[i], strlen(rows[i])) == -1, "'%s'", rows[i]);
        ck_assert_msg(strncmp(why, "line 1: ", 8) == 0, "'%s'", why);
    }
    ck_assert_int_eq(parse(FIRST "\0", sizeof FIRST), 0);
    ck_assert_int_eq(parse(FIRST "\0\n", sizeof FIRST + 1), -1);
}
END_TEST

static const struct {
    const char *line;
    size_t most;
} limits[] = {
    {"register r 0x1\n", CRASH_REPORT_REGISTERS}, {"module 0x1 0x2 0x3 - a\n", CRASH_REPORT_MODULES},
    {"config a=b\n", CRASH_REPORT_CONFIG},        {"event 1 key\n", CRASH_REPORT_EVENTS},
    {"call 0x1\n", CRASH_REPORT_CALLS},           {"lost a\n", CRASH_REPORT_LOST},
};

START_TEST(a_report_has_no_more_of_anything_than_there_is_room_for)
{
    char text[1 << 14] = FIRST, number[32];
    for (size_t i = 0; i < limits[_i].most; i++)
        strcat(text, limits[_i].line);
    ck_assert_msg(parse(text, strlen(text)) == 0, "%s", why);
    strcat(text, limits[_i].line);
    ck_assert_int_eq(parse(text, strlen(text)), -1);
    snprintf(number, sizeof number, "line %zu: ", limits[_i].most + 2);
    ck_assert_msg(strncmp(why, number, strlen(number)) == 0, "'%s'", why);
}
END_TEST

START_TEST(more_than_a_mebibyte_is_no_report)
{
    const size_t size = CRASH_REPORT_LARGEST + 1;
    char *text = calloc(1, size);
    ck_assert_ptr_nonnull(text);
    memset(text, 'a', size);
    memcpy(text, FIRST, strlen(FIRST));
    ck_assert_int_eq(parse(text, size - 1), 0);
    ck_assert_int_eq(parse(text, size), -1);
    free(text);
}
END_TEST

/* ---- Real reports */

static struct events events;
static volatile int *volatile nowhere = (int *)0x18;

__attribute__((noinline, no_sanitize("address", "undefined"))) static void touch_nothing(void)
{
    *nowhere = 1;
}

static struct death real(void)
{
    events = (struct events){.count = 64, .frame = 17};
    for (uint32_t i = 0; i < 64; i++)
        events.kept[i] = (struct event){clock_now(), EVENT_KEY, {i, 2 * i, 30}};
    struct death death = death_of(&(struct dying){"codec=h264\nwidth=640\n", &events, touch_nothing});
    ck_assert_int_ne(death.signal, 0);
    return death;
}

/* Writes what the report holds in the words of the writer. */
static void write_again(FILE *file)
{
    const struct crash_report *r = &report;
    fprintf(file, FIRST "version %.*s\narchitecture %.*s\n", CRASH_TEXT(r->version), CRASH_TEXT(r->architecture));
    fprintf(file, "process %" PRId64 "\nthread %" PRId64 " %.*s\n", r->process, r->thread, CRASH_TEXT(r->thread_name));
    fprintf(file, "time %" PRId64 " %" PRId64 "\nsignal %" PRId64 " %.*s\n", r->realtime, r->monotonic, r->signal,
            CRASH_TEXT(r->signal_name));
    fprintf(file, "code %" PRId64 "\naddress 0x%" PRIx64 "\n", r->code, r->address);
    for (size_t i = 0; i < r->registers_count; i++)
        fprintf(file, "register %.*s 0x%" PRIx64 "\n", CRASH_TEXT(r->registers[i].name), r->registers[i].value);
    for (size_t i = 0; i < r->modules_count; i++) {
        const struct crash_module *one = &r->modules[i];
        fprintf(file, "module 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64 " %s%.*s %.*s\n", one->base, one->first, one->end,
                one->build_id.start ? "" : "-", CRASH_TEXT(one->build_id), CRASH_TEXT(one->path));
    }
    for (size_t i = 0; i < r->config_count; i++)
        fprintf(file, "config %.*s\n", CRASH_TEXT(r->config[i]));
    fprintf(file, "encoding %" PRId64 "\n", r->encoding);
    for (size_t i = 0; i < r->events_count; i++)
        fprintf(file, "event %" PRId64 " %.*s %.*s\n", r->events[i].at, CRASH_TEXT(r->events[i].kind),
                CRASH_TEXT(r->events[i].values));
    for (size_t i = 0; i < r->calls_count; i++)
        fprintf(file, "call 0x%" PRIx64 "\n", r->calls[i]);
    fprintf(file, "end\n");
}

START_TEST(a_real_report_that_was_read_is_the_same_when_it_is_written_again)
{
    struct death death = real();
    char *again = NULL;
    size_t size = 0;
    ck_assert_msg(crash_report_parse(death.text, death.size, &report, why) == 0, "%s", why);
    ck_assert(report.modules_count > 0 && report.calls_count > 1 && report.events_count == 64);
    FILE *file = open_memstream(&again, &size);
    ck_assert_ptr_nonnull(file);
    write_again(file);
    fclose(file);
    death.text[death.size] = '\0';
    ck_assert_str_eq(again, death.text);
    free(again);
    free(death.text);
}
END_TEST

START_TEST(a_report_that_is_cut_anywhere_is_read_up_to_there)
{
    struct death death = real();
    const size_t first = strlen(FIRST);
    size_t lines = 0;
    for (size_t size = 0; size <= death.size; size++) {
        ck_assert_int_eq(parse(death.text, size), size < first ? -1 : 0);
        const size_t found = report.registers_count + report.modules_count + report.events_count + report.calls_count;
        ck_assert_uint_ge(found, lines);
        lines = found;
        ck_assert_int_eq((report.has & CRASH_HAS_END) != 0, size == death.size);
    }
    ck_assert_uint_gt(lines, 64);
    free(death.text);
}
END_TEST

/* Some bytes are others, are missing, or stand there twice. */
static size_t mutate(char *text, size_t size)
{
    for (uint32_t n = random_next() % 4 + 1; n > 0 && size > 0; n--) {
        const size_t at = random_next() % size, length = random_next() % (size - at);
        switch (random_next() % 4) {
        case 0:
            text[at] = (char)random_next();
            break;
        case 1:
            text[at] = " \n0-xf"[random_next() % 6];
            break;
        case 2:
            memmove(text + at, text + at + length, size - at - length);
            size -= length;
            break;
        default:
            memmove(text + at, text + random_next() % (size - length), length);
        }
    }
    return size;
}

/* What is within the limits, and points into the text. */
static void assert_sound(const char *text, size_t size)
{
    ck_assert(report.registers_count <= CRASH_REPORT_REGISTERS && report.modules_count <= CRASH_REPORT_MODULES);
    ck_assert(report.config_count <= CRASH_REPORT_CONFIG && report.events_count <= CRASH_REPORT_EVENTS);
    ck_assert(report.calls_count <= CRASH_REPORT_CALLS && report.lost_count <= CRASH_REPORT_LOST);
    for (size_t i = 0; i < report.modules_count; i++) {
        const struct crash_text path = report.modules[i].path;
        ck_assert(path.start >= text && path.length > 0 && path.start + path.length < text + size);
    }
}

START_TEST(no_damage_to_a_report_does_more_than_make_it_an_error)
{
    struct death death = real();
    uint32_t refused = 0, read = 0;
    for (uint32_t i = rounds(20000); i > 0; i--) {
        const bool small = i % 4 != 0;
        const size_t whole = small ? sizeof sample - 1 : death.size;
        char *text = malloc(whole);
        ck_assert_ptr_nonnull(text);
        memcpy(text, small ? sample : death.text, whole);
        const size_t size = mutate(text, whole);
        why[0] = '\0';
        if (crash_report_parse(text, size, &report, why) == 0) {
            read++;
            assert_sound(text, size);
        } else {
            refused++;
            ck_assert(strncmp(why, "line ", 5) == 0 && strlen(why) < sizeof why - 1);
        }
        free(text);
    }
    ck_assert(refused > 0 && read > 0);
    free(death.text);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("crash_report");
    TCase *tcase = add_case(suite, "tables");
    tcase_add_test(tcase, every_line_of_a_report_is_understood);
    tcase_add_test(tcase, an_address_belongs_to_the_module_whose_code_holds_it);
    add_rows(tcase, a_line_that_is_wrong_is_refused_with_its_number, wrong);
    tcase_add_test(tcase, what_does_not_begin_like_a_report_is_none);
    add_rows(tcase, a_report_has_no_more_of_anything_than_there_is_room_for, limits);
    tcase_add_test(tcase, more_than_a_mebibyte_is_no_report);

    tcase = add_case(suite, "real");
    tcase_set_tags(tcase, "signal_frames");
    tcase_add_test(tcase, a_real_report_that_was_read_is_the_same_when_it_is_written_again);
    tcase_add_test(tcase, a_report_that_is_cut_anywhere_is_read_up_to_there);
    tcase_add_test(tcase, no_damage_to_a_report_does_more_than_make_it_an_error);
    return suite;
}
