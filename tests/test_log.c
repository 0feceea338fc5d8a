#include "base/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "culvert/culvert.h"
#include "run.h"

static void drain(void)
{
    char line[LOG_LINE];
    while (log_read(line, sizeof line) == 0)
        ;
}

static void reset(void)
{
    log_set_severity(CULVERT_LOG_INFO);
    drain();
}

static const char *next_line(void)
{
    static char line[LOG_LINE];
    return log_read(line, sizeof line) == 0 ? line : "(none)";
}

/* Runs first, before any test sets a severity. */
START_TEST(info_is_kept_from_the_start_and_debug_is_not)
{
    log_write(CULVERT_LOG_DEBUG, "a", "left out");
    log_write(CULVERT_LOG_INFO, "a", "kept");
    ck_assert_str_eq(next_line(), "info a: kept");
    ck_assert_str_eq(next_line(), "(none)");
}
END_TEST

START_TEST(lines_of_the_severity_set_and_graver_ones_are_kept)
{
    const uint32_t threshold = (uint32_t)_i;
    log_set_severity(threshold);
    for (uint32_t severity = CULVERT_LOG_ERROR; severity <= CULVERT_LOG_DEBUG; severity++) {
        log_write(severity, "a", "b");
        char line[LOG_LINE];
        ck_assert_int_eq(log_read(line, sizeof line), severity <= threshold ? 0 : CULVERT_E_AGAIN);
    }
}
END_TEST

static const struct {
    uint32_t severity;
    const char *name, *text, *line;
} written[] = {
    {CULVERT_LOG_ERROR, "psx", "it broke", "error psx: it broke"},
    {CULVERT_LOG_WARNING, "psx", "", "warning psx: "},
    {CULVERT_LOG_INFO, "", "opened", "info: opened"},
    {CULVERT_LOG_INFO, NULL, "opened", "info: opened"},
    {CULVERT_LOG_DEBUG, "two words", "100 %s", "debug two words: 100 %s"},
    {CULVERT_LOG_INFO, "n\nn", "\x01\ttwo\r\nlines\x1b[31m\x7f\n", "info n n:   two  lines [31m  "},
    {CULVERT_LOG_INFO, "é", "naïve €", "info é: naïve €"},
};

START_TEST(a_line_is_severity_name_and_text_without_control_characters)
{
    log_set_severity(CULVERT_LOG_DEBUG);
    log_write(written[_i].severity, written[_i].name, "%s", written[_i].text);
    ck_assert_str_eq(next_line(), written[_i].line);
}
END_TEST

/* A character of UTF-8 at the cut. */
static const char *const characters[] = {"x", "é", "€", "😀"};

START_TEST(a_line_is_cut_to_255_bytes_and_never_inside_a_character)
{
    const char *character = characters[_i];
    const size_t width = strlen(character);
    /* Where the character begins: it ends at the last byte that is kept, or 1, 2, ... bytes behind it. */
    for (size_t begin = 255 - width; begin <= 255; begin++) {
        char text[600];
        memset(text, 'a', sizeof text);
        const size_t prefix = strlen("info n: ");
        memcpy(text + begin - prefix, character, width);
        snprintf(text + begin - prefix + width, 8, "tail");
        log_write(CULVERT_LOG_INFO, "n", "%s", text);

        const char *line = next_line();
        const size_t length = strlen(line);
        ck_assert_uint_eq(length, begin + width <= 255 ? 255 : begin);
        ck_assert_mem_eq(line + prefix, text, length - prefix);
    }
}
END_TEST

/* Lengths of a text behind "info n: ", which has 8 bytes. */
static const struct {
    size_t text, line;
} lengths[] = {{0, 8}, {1, 9}, {246, 254}, {247, 255}, {248, 255}, {249, 255}, {599, 255}};

START_TEST(a_text_is_kept_whole_up_to_255_bytes_of_line)
{
    char text[600];
    memset(text, 'a', sizeof text);
    text[lengths[_i].text] = '\0';
    log_write(CULVERT_LOG_INFO, "n", "%s", text);
    ck_assert_uint_eq(strlen(next_line()), lengths[_i].line);
    log_write(CULVERT_LOG_INFO, text, "%s", "n");
    ck_assert_uint_le(strlen(next_line()), 255);
}
END_TEST

/* How many are written, and of those how many must be lost. */
static const struct {
    int lines, lost;
} floods[] = {{0, 0}, {1, 0}, {255, 0}, {256, 0}, {257, 1}, {512, 256}, {1000, 744}};

START_TEST(the_last_256_lines_are_kept_and_the_loss_is_told_first)
{
    char expected[LOG_LINE];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < floods[_i].lines; i++)
            log_write(CULVERT_LOG_INFO, "n", "%d", i);
        if (floods[_i].lost > 0) {
            snprintf(expected, sizeof expected, "warning: lines lost: %d", floods[_i].lost);
            ck_assert_str_eq(next_line(), expected);
        }
        for (int i = floods[_i].lost; i < floods[_i].lines; i++) {
            snprintf(expected, sizeof expected, "info n: %d", i);
            ck_assert_str_eq(next_line(), expected);
        }
        ck_assert_str_eq(next_line(), "(none)");
    }
}
END_TEST

START_TEST(a_buffer_too_small_leaves_the_line_and_itself_untouched)
{
    char text[LOG_LINE] = "untouched";
    ck_assert_int_eq(log_read(text, sizeof text), CULVERT_E_AGAIN);
    for (int i = 0; i < 257; i++)
        log_write(CULVERT_LOG_INFO, "n", "%d", i);
    ck_assert_int_eq(log_read(NULL, sizeof text), CULVERT_E_ARGUMENT);
    const char *const lines[] = {"warning: lines lost: 1", "info n: 1"};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(log_read(text, 0), CULVERT_E_BUFFER);
        ck_assert_int_eq(log_read(text, 1), CULVERT_E_BUFFER);
        ck_assert_int_eq(log_read(text, strlen(lines[i])), CULVERT_E_BUFFER);
        ck_assert_str_eq(text, "untouched");
        ck_assert_int_eq(log_read(text, strlen(lines[i]) + 1), 0);
        ck_assert_str_eq(text, lines[i]);
        strcpy(text, "untouched");
    }
}
END_TEST

/* ---- Threads */

#define WRITERS 4
#define LINES 500

static const char long_text[] = "0123456789012345678901234567890123456789012345678901234567890123456789";

static void *write_lines(void *argument)
{
    for (int i = 0; i < LINES; i++)
        log_write(CULVERT_LOG_INFO, argument, "%d %s", i, long_text);
    return NULL;
}

/* Counts a line that writer 'a' + n wrote, or what was lost. */
static void count_line(const char *line, int *next, int *seen)
{
    char writer, text[LOG_LINE];
    int number;
    if (sscanf(line, "warning: lines lost: %d", &number) == 1) {
        *seen += number;
        return;
    }
    ck_assert_int_eq(sscanf(line, "info %c: %d %255s", &writer, &number, text), 3);
    ck_assert_str_eq(text, long_text);
    ck_assert_int_ge(number, next[writer - 'a']);
    next[writer - 'a'] = number + 1;
    *seen += 1;
}

START_TEST(lines_of_several_threads_come_out_whole_in_order_and_counted)
{
    char names[WRITERS][2] = {"a", "b", "c", "d"};
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_lines, names[i]), 0);
    int next[WRITERS] = {0}, seen = 0;
    while (seen < WRITERS * LINES) {
        char line[LOG_LINE];
        if (log_read(line, sizeof line) == 0)
            count_line(line, next, &seen);
    }
    ck_assert_int_eq(seen, WRITERS * LINES);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_str_eq(next_line(), "(none)");
}
END_TEST

static atomic_bool stop;

static void *write_until_stopped(void *argument)
{
    while (!atomic_load(&stop))
        log_write(CULVERT_LOG_INFO, argument, "busy");
    return NULL;
}

START_TEST(a_forked_child_has_an_empty_log_that_works)
{
    char name[] = "writer";
    pthread_t writer;
    atomic_store(&stop, false);
    ck_assert_int_eq(pthread_create(&writer, NULL, write_until_stopped, name), 0);
    for (int i = 0; i < 20; i++) {
        const pid_t child = fork();
        if (child == 0) {
            signal(SIGALRM, SIG_DFL); /* Check's own kills the whole test */
            alarm(60);                /* a lock that nobody will unlock ends by signal */
            if (strcmp(next_line(), "(none)") != 0)
                _exit(1);
            log_write(CULVERT_LOG_INFO, "child", "alive");
            _exit(strcmp(next_line(), "info child: alive") == 0 ? 0 : 2);
        }
        int status = -1;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
    atomic_store(&stop, true);
    pthread_join(writer, NULL);
    drain();
    log_write(CULVERT_LOG_INFO, "parent", "alive");
    ck_assert_str_eq(next_line(), "info parent: alive");
}
END_TEST

START_TEST(a_parent_keeps_its_lines_across_fork)
{
    log_write(CULVERT_LOG_INFO, "parent", "before");
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_str_eq(next_line(), "info parent: before");
}
END_TEST

#define ROWS(table) (int)(sizeof table / sizeof table[0])

Suite *test_suite(void)
{
    Suite *suite = suite_create("log");

    TCase *lines = tcase_create("lines");
    tcase_add_checked_fixture(lines, NULL, reset);
    tcase_set_timeout(lines, 60);
    tcase_add_test(lines, info_is_kept_from_the_start_and_debug_is_not);
    tcase_add_loop_test(lines, lines_of_the_severity_set_and_graver_ones_are_kept, CULVERT_LOG_NONE,
                        CULVERT_LOG_DEBUG + 1);
    tcase_add_loop_test(lines, a_line_is_severity_name_and_text_without_control_characters, 0, ROWS(written));
    tcase_add_loop_test(lines, a_line_is_cut_to_255_bytes_and_never_inside_a_character, 0, ROWS(characters));
    tcase_add_loop_test(lines, a_text_is_kept_whole_up_to_255_bytes_of_line, 0, ROWS(lengths));
    tcase_add_loop_test(lines, the_last_256_lines_are_kept_and_the_loss_is_told_first, 0, ROWS(floods));
    tcase_add_test(lines, a_buffer_too_small_leaves_the_line_and_itself_untouched);
    suite_add_tcase(suite, lines);

    TCase *threads = tcase_create("threads");
    tcase_add_checked_fixture(threads, NULL, reset);
    tcase_set_timeout(threads, 60);
    tcase_add_test(threads, lines_of_several_threads_come_out_whole_in_order_and_counted);
    tcase_add_test(threads, a_forked_child_has_an_empty_log_that_works);
    tcase_add_test(threads, a_parent_keeps_its_lines_across_fork);
    suite_add_tcase(suite, threads);
    return suite;
}
