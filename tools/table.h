/* Two samples of a culvertd's sessions as lines of a terminal. */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sample.h"

enum table_sort {
    TABLE_ID, /* rising, as TABLE_NAME; the others fall */
    TABLE_NAME,
    TABLE_FPS,
    TABLE_KBPS,
    TABLE_P99,
    TABLE_SKIP,
    TABLE_RST,
    TABLE_AGE
};

struct table_view {
    const char *title; /* what stands above it */
    size_t columns;    /* of the terminal; all is readable in 80 */
    size_t lines;      /* as many at most; 0: no limit */
    uint32_t sort;     /* enum table_sort */
    const char *end;   /* of each line but the last one */
};

/* Prints the title, the columns' names, a row for each session, how many more there are, and the totals. No line takes
 * more columns than the view has. before may be NULL. */
void table_print(FILE *file, const struct table_view *view, const struct sample *before, const struct sample *now);

#endif
