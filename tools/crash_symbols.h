/* Names for addresses of a crash report, from the files that it names, where they are still those that crashed.
 * crash_symbols.c finds them with libdw; crash_offsets.c, in a build without it, finds none. */
#ifndef TOOLS_CRASH_SYMBOLS_H
#define TOOLS_CRASH_SYMBOLS_H

#include <stdbool.h>

#include "crash_report.h"

struct symbols;

struct symbol {
    const char *function; /* NULL: not known */
    uint64_t offset;
    const char *file; /* NULL: not known */
    int line;
};

/* Opens the modules that the backtrace passes through. The report stays until the close. NULL: out of memory. */
struct symbols *symbols_open(const struct crash_report *report);

/* What is known of the call of that index in the report; what it points to stays until the close. */
struct symbol symbols_find(struct symbols *symbols, size_t call);

/* Why its addresses have no names, or names that may be wrong, to follow "PATH ..."; NULL: nothing is wrong, or it was
 * not opened. */
const char *symbols_complaint(const struct symbols *symbols, const struct crash_module *module);

void symbols_close(struct symbols *symbols);

#endif
