#include "table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "label.h"

enum { ID, NAME, USER, CODEC, SIZE, FPS, KBPS, P99, SKIP, RST, AGE, PID, COLUMNS };
enum { CELL = 48, NAME_LEAST = 5, AROUND = 3 /* lines: title, names of the columns, totals */ };

/* Widths of NAME, ID and SIZE follow what is in them; NAME gets what is left. */
static const struct {
    const char *name;
    size_t width;
    int right;
} columns[COLUMNS] = {
    [ID] = {"ID", 2, 1},       [NAME] = {"NAME", NAME_LEAST, 0},
    [USER] = {"USER", 8, 0},   [CODEC] = {"CODEC", 5, 0},
    [SIZE] = {"SIZE", 4, 1},   [FPS] = {"FPS", 5, 1},
    [KBPS] = {"KBPS", 6, 1},   [P99] = {"P99/MS", 6, 1},
    [SKIP] = {"SKIP/S", 6, 1}, [RST] = {"RST", 3, 1},
    [AGE] = {"AGE", 5, 1},     [PID] = {"PID", 7, 1},
};

struct cells {
    char text[COLUMNS][CELL];
};

struct line {
    const struct sample_row *row;
    struct sample_rates rates;
    double key; /* what it is sorted by, falling */
};

struct table {
    const struct table_view *view;
    FILE *file;
    size_t width[COLUMNS]; /* 0: left out */
    size_t printed;        /* lines */
};

/* With as many decimals, or else in thousands, as there is room for. */
static void put_number(char cell[CELL], double value, int decimals, size_t column)
{
    static const char units[] = " kMGTPE";
    for (size_t unit = 0; units[unit]; unit++) {
        for (int places = unit ? 0 : decimals; places >= 0; places--) {
            const int length = snprintf(cell, CELL, "%.*f%.*s", places, value, unit > 0, &units[unit]);
            if ((size_t)length <= columns[column].width)
                return;
        }
        value /= 1000;
    }
}

static void put_age(char cell[CELL], uint32_t seconds)
{
    const uint32_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
    if (minutes == 0)
        snprintf(cell, CELL, "%" PRIu32 "s", seconds);
    else if (hours == 0)
        snprintf(cell, CELL, "%" PRIu32 "m", minutes);
    else if (hours < 10)
        snprintf(cell, CELL, "%" PRIu32 "h%02" PRIu32 "m", hours, minutes % 60);
    else if (days < 4)
        snprintf(cell, CELL, "%" PRIu32 "h", hours);
    else if (days < 10000)
        snprintf(cell, CELL, "%" PRIu32 "d", days);
    else
        snprintf(cell, CELL, "%" PRIu32 "y", days / 365);
}

static void put_rates(struct cells *cells, const struct sample_rates *rates)
{
    if (rates->known) {
        put_number(cells->text[FPS], rates->fps, 1, FPS);
        put_number(cells->text[SKIP], rates->skips, 1, SKIP);
    } else {
        snprintf(cells->text[FPS], CELL, "-");
        snprintf(cells->text[SKIP], CELL, "-");
    }
}

static void put_size(char cell[CELL], const struct culvert_listing *listing)
{
    if (listing->width)
        snprintf(cell, CELL, "%" PRIu32 "x%" PRIu32, listing->width, listing->height);
    else
        snprintf(cell, CELL, "-");
}

static void put_row(struct cells *cells, const struct line *line)
{
    const struct culvert_listing *listing = &line->row->listing;
    snprintf(cells->text[ID], CELL, "%" PRIu32, listing->id);
    snprintf(cells->text[NAME], CELL, "%s", listing->name);
    snprintf(cells->text[USER], CELL, "%s", line->row->user);
    snprintf(cells->text[CODEC], CELL, "%s", sample_codec(listing->codec));
    put_size(cells->text[SIZE], listing);
    put_rates(cells, &line->rates);
    put_number(cells->text[KBPS], listing->stats.sent_kbps, 0, KBPS);
    put_number(cells->text[P99], listing->stats.total.p99 / 1e3, 1, P99);
    put_number(cells->text[RST], (double)listing->stats.restarts, 0, RST);
    put_age(cells->text[AGE], listing->age_s);
    snprintf(cells->text[PID], CELL, listing->pid ? "%" PRIu32 : "-", listing->pid);
}

static void put_totals(struct cells *cells, const struct line *lines, size_t count)
{
    struct sample_rates sum = {.known = count == 0};
    double kbps = 0, restarts = 0;
    uint32_t p99 = 0;
    for (size_t i = 0; i < count; i++) {
        const struct culvert_stats *stats = &lines[i].row->listing.stats;
        sum.known = sum.known || lines[i].rates.known;
        sum.fps += lines[i].rates.fps;
        sum.skips += lines[i].rates.skips;
        kbps += stats->sent_kbps;
        restarts += (double)stats->restarts;
        p99 = stats->total.p99 > p99 ? stats->total.p99 : p99;
    }
    *cells = (struct cells){.text[NAME] = "total"};
    put_rates(cells, &sum);
    put_number(cells->text[KBPS], kbps, 0, KBPS);
    put_number(cells->text[P99], p99 / 1e3, 1, P99);
    put_number(cells->text[RST], restarts, 0, RST);
}

static void widen(size_t *width, size_t wanted)
{
    if (wanted > *width)
        *width = wanted;
}

static void lay_out(struct table *table, const struct line *lines, size_t count)
{
    size_t *width = table->width, taken = COLUMNS - 2, name = NAME_LEAST;
    for (size_t i = 0; i < COLUMNS; i++)
        width[i] = columns[i].width;
    for (size_t i = 0; i < count; i++) {
        char cell[CELL];
        widen(&width[ID], (size_t)snprintf(NULL, 0, "%" PRIu32, lines[i].row->listing.id));
        put_size(cell, &lines[i].row->listing);
        widen(&width[SIZE], strlen(cell));
        widen(&name, label_width(lines[i].row->listing.name));
    }
    for (size_t i = 0; i < COLUMNS; i++)
        taken += i == NAME || i == PID ? 0 : width[i];
    const size_t left = table->view->columns > taken + NAME_LEAST ? table->view->columns - taken : NAME_LEAST;
    const bool process = left >= name + 1 + width[PID];
    width[PID] = process ? width[PID] : 0;
    width[NAME] = name < left ? name : left;
}

/* A whole line is cut like a name where the terminal is too narrow for it. */
static void print_line(struct table *table, const char *text)
{
    const struct table_view *view = table->view;
    const size_t width = label_width(text);
    if (view->lines && table->printed == view->lines)
        return;
    fputs(table->printed++ ? view->end : "", table->file);
    label_print(table->file, text, width < view->columns ? width : view->columns, 0);
}

static void print_cells(struct table *table, const struct cells *cells)
{
    char *text = NULL;
    size_t size;
    FILE *line = open_memstream(&text, &size);
    if (!line)
        return;
    for (size_t i = 0; i < COLUMNS; i++) {
        if (i > 0 && table->width[i])
            fputc(' ', line);
        label_print(line, cells->text[i], table->width[i], columns[i].right);
    }
    fclose(line);
    while (size > 0 && text[size - 1] == ' ')
        text[--size] = '\0';
    print_line(table, text);
    free(text);
}

static double key_of(uint32_t sort, const struct line *line)
{
    const struct culvert_listing *listing = &line->row->listing;
    switch (sort) {
    case TABLE_FPS:
        return line->rates.fps;
    case TABLE_KBPS:
        return listing->stats.sent_kbps;
    case TABLE_P99:
        return listing->stats.total.p99;
    case TABLE_SKIP:
        return line->rates.skips;
    case TABLE_RST:
        return (double)listing->stats.restarts;
    case TABLE_AGE:
        return listing->age_s;
    default:
        return 0;
    }
}

/* By id where nothing else tells them apart. */
static int by_key(const void *a, const void *b)
{
    const struct line *one = a, *other = b;
    if (one->key != other->key)
        return one->key > other->key ? -1 : 1;
    return one->row->listing.id < other->row->listing.id ? -1 : 1;
}

static int by_name(const void *a, const void *b)
{
    const struct line *one = a, *other = b;
    const int order = strcmp(one->row->listing.name, other->row->listing.name);
    return order ? order : by_key(a, b);
}

static struct line *gather(const struct table_view *view, const struct sample *before, const struct sample *now)
{
    struct line *lines = calloc(now->count + 1, sizeof *lines);
    for (size_t i = 0; lines && i < now->count; i++) {
        lines[i].row = &now->rows[i];
        lines[i].rates = sample_rates(before, now, &now->rows[i]);
        lines[i].key = key_of(view->sort, &lines[i]);
    }
    if (lines)
        qsort(lines, now->count, sizeof *lines, view->sort == TABLE_NAME ? by_name : by_key);
    return lines;
}

static void print_rows(struct table *table, const struct line *lines, size_t count)
{
    const size_t limit = table->view->lines, room = limit > AROUND ? limit - AROUND : 0;
    const size_t shown = limit == 0 || count <= room ? count : room > 0 ? room - 1 : 0;
    struct cells cells;
    for (size_t i = 0; i < shown; i++) {
        put_row(&cells, &lines[i]);
        print_cells(table, &cells);
    }
    if (shown == count || room == 0)
        return;
    char more[64];
    snprintf(more, sizeof more, "... and %zu more", count - shown);
    print_line(table, more);
}

void table_print(FILE *file, const struct table_view *view, const struct sample *before, const struct sample *now)
{
    struct table table = {.view = view, .file = file};
    struct line *lines = gather(view, before, now);
    if (!lines)
        return;
    struct cells cells;
    lay_out(&table, lines, now->count);
    print_line(&table, view->title);
    for (size_t i = 0; i < COLUMNS; i++)
        snprintf(cells.text[i], CELL, "%s", columns[i].name);
    print_cells(&table, &cells);
    print_rows(&table, lines, now->count);
    put_totals(&cells, lines, now->count);
    print_cells(&table, &cells);
    free(lines);
}
