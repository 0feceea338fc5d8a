/* What the command says to people: one line for each error, on standard error. */
#ifndef TOOLS_CONSOLE_H
#define TOOLS_CONSOLE_H

#include <stdbool.h>

/* Exit statuses. */
enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* "culvert: text"; STATUS_FAILED. Control characters of the text, from a file's name say, become question marks. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "culvert: text (see culvert COMMAND --help)"; STATUS_USAGE. command may be NULL: "(see culvert help)". */
int misuse(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line that is drawn over at its next call, where standard error is a terminal; "" wipes it out. */
void status_line(const char *text);

/* Whether all that was printed on standard output got there; says so when not. STATUS_OK or STATUS_FAILED. */
int output_flush(void);

#endif
