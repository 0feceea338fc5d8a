#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "culvert/culvert.h"
#include "interrupt.h"
#include "json.h"
#include "pace.h"
#include "parse.h"
#include "sample.h"
#include "settings.h"
#include "table.h"
#include "terminal.h"

enum { TITLE = 512, COLUMNS_LEAST = 20, COLUMNS_MOST = 1000 };

struct top {
    struct settings settings;
    struct sample before, now;
    bool drawn; /* on a terminal, over what stood there before */
    char why[SAMPLE_WHY];
    char said[SAMPLE_WHY]; /* why, as it was last told */
};

/* What a culvertd that comes, or comes back, heals. */
static bool passes(int error)
{
    return error == CULVERT_E_GONE || error == CULVERT_E_TIMEOUT || error == CULVERT_E_LIMIT;
}

/* The next sample takes the place of the last one; after a failure there is none to compare with. */
static int look(struct top *top)
{
    struct sample next;
    const int result = sample_take(&next, &top->now, top->settings.config.endpoint, top->why);
    sample_free(&top->before);
    top->before = top->now;
    top->now = next;
    if (result < 0)
        sample_free(&top->before);
    else
        top->why[0] = '\0';
    return result;
}

static void write_title(const struct top *top, char title[TITLE])
{
    const size_t count = top->now.count;
    if (top->why[0])
        snprintf(title, TITLE, "%s; trying again", top->why);
    else
        snprintf(title, TITLE, "%s: %zu session%s", top->settings.config.endpoint, count, count == 1 ? "" : "s");
}

static void print_table(const struct top *top, FILE *file, struct table_view view)
{
    char title[TITLE];
    write_title(top, title);
    view.title = title;
    view.sort = top->settings.sort;
    table_print(file, &view, top->before.time ? &top->before : NULL, &top->now);
}

static size_t count_lines(const char *text)
{
    size_t lines = 1;
    for (; (text = strchr(text, '\n')); text++)
        lines++;
    return lines;
}

/* In one piece, so that nothing flickers. */
static int draw(const struct top *top)
{
    if (!terminal_ready())
        return STATUS_OK;
    struct table_view view = {.end = TERMINAL_LINE};
    char *text = NULL;
    size_t bytes;
    FILE *file = open_memstream(&text, &bytes);
    if (!file)
        return fail("out of memory");
    terminal_size(&view.columns, &view.lines);
    fputs(TERMINAL_TOP, file);
    print_table(top, file, view);
    fflush(file);
    fputs(count_lines(text) < view.lines ? TERMINAL_REST TERMINAL_END : TERMINAL_END, file);
    fclose(file);
    const bool shown = terminal_put(text, bytes);
    free(text);
    return shown ? STATUS_OK : STATUS_FAILED;
}

static size_t columns(void)
{
    const char *given = getenv("COLUMNS");
    uint32_t number;
    return given && parse_number(given, COLUMNS_LEAST, COLUMNS_MOST, &number) ? number : 80;
}

static void print_json(const struct top *top)
{
    const struct sample *before = top->before.time ? &top->before : NULL;
    fputs("{\"endpoint\": ", stdout);
    json_string(stdout, top->settings.config.endpoint);
    fputs(", \"sessions\": [", stdout);
    for (size_t i = 0; i < top->now.count; i++) {
        const struct sample_row *row = &top->now.rows[i];
        const struct sample_rates rates = sample_rates(before, &top->now, row);
        fputs(i > 0 ? ", {" : "{", stdout);
        sample_json(stdout, row);
        if (rates.known)
            printf(", \"fps\": %.2f, \"skips\": %.2f}", rates.fps, rates.skips);
        else
            fputs(", \"fps\": null, \"skips\": null}", stdout);
    }
    fputs("]}\n", stdout);
}

static int print(const struct top *top)
{
    struct table_view view = {.columns = columns(), .end = "\n"};
    if (top->settings.json) {
        print_json(top);
    } else {
        print_table(top, stdout, view);
        fputs(top->settings.once ? "\n" : "\n\n", stdout);
    }
    return output_flush();
}

static bool ends(int key)
{
    return key == KEY_END || key == 'q' || key == 'Q';
}

/* Until the next sample is due; false: a key or a signal ends it. */
static bool rest(const struct top *top, int64_t until)
{
    while (!interrupted() && pace_now() < until) {
        if (!top->drawn)
            interrupt_wait(-1, until, NULL);
        else if (ends(terminal_wait(until)) || (terminal_stale() && draw(top) != STATUS_OK))
            return false;
    }
    return !interrupted();
}

/* Says once what is wrong, where no table can. */
static void complain(struct top *top)
{
    if (strcmp(top->said, top->why) != 0)
        fail("%s; trying again", top->why);
    memcpy(top->said, top->why, sizeof top->said);
}

static int show(struct top *top, int result)
{
    if (top->drawn)
        return draw(top);
    if (result < 0) {
        complain(top);
        return STATUS_OK;
    }
    top->said[0] = '\0';
    return top->before.time ? print(top) : STATUS_OK; /* without a sample before, there are no rates */
}

static int watch(struct top *top)
{
    int64_t due = pace_now();
    for (;;) {
        const int result = look(top);
        if (result < 0 && !passes(result)) {
            terminal_end();
            return settings_refuse(&top->settings, result, top->why);
        }
        const int status = show(top, result);
        if (status != STATUS_OK)
            return status;
        due += top->settings.interval;
        if (due < pace_now())
            due = pace_now();
        if (!rest(top, due))
            return STATUS_OK;
    }
}

/* Two samples make one table. */
static int look_once(struct top *top)
{
    int result = look(top);
    if (result >= 0 && !rest(top, pace_now() + top->settings.interval))
        return STATUS_OK;
    if (result >= 0)
        result = look(top);
    return result < 0 ? settings_refuse(&top->settings, result, top->why) : print(top);
}

static int run(struct top *top)
{
    const struct settings *settings = &top->settings;
    if (settings->once)
        return look_once(top);
    top->drawn = !settings->json && isatty(STDOUT_FILENO);
    if (top->drawn) {
        interrupt_last(terminal_end);
        atexit(terminal_end);
        terminal_begin();
    }
    const int status = watch(top);
    if (top->drawn)
        terminal_end();
    return status;
}

int command_top(int argc, char **argv)
{
    struct top top = {0};
    int status = settings_parse(&top.settings, COMMAND_TOP, argc, argv);
    if (status == STATUS_OK && top.settings.help) {
        puts(
            "usage: culvert top [OPTION...]\n\n"
            "Shows the sessions of a culvertd as they go, until q is pressed; where standard output is no terminal,\n"
            "prints a table after each interval.\n");
        settings_print(stdout, COMMAND_TOP);
    } else if (status == STATUS_OK) {
        status = run(&top);
    }
    sample_free(&top.before);
    sample_free(&top.now);
    settings_free(&top.settings);
    return status;
}
