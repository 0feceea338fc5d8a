/* A crash report on standard output, for people, in 80 columns where the names allow it. */
#ifndef TOOLS_CRASH_PRINT_H
#define TOOLS_CRASH_PRINT_H

#include "crash_report.h"
#include "crash_symbols.h"

void crash_print(const struct crash_report *report, struct symbols *symbols);

#endif
