/* What a signal means, in words. */
#ifndef TOOLS_CRASH_CAUSE_H
#define TOOLS_CRASH_CAUSE_H

#include "crash_report.h"

#define CRASH_CAUSE 160

/* "it touched 0x10, where nothing is mapped"; "" where the report does not say. */
void crash_cause(const struct crash_report *report, char text[CRASH_CAUSE]);

#endif
