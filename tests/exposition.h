/* A strict reader of Prometheus' text format 0.0.4, as culvertd writes it: what the format leaves open (order, spacing,
 * families without HELP, time stamps) must be as culvertd has it. */
#ifndef TESTS_EXPOSITION_H
#define TESTS_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the text is an exposition; if not, why names the line and what is wrong. */
bool exposition_check(const char *text, char *why, size_t size);

/* The value of a series, "name{label=\"value\"}" as it stands in the text; NAN: there is none. */
double exposition_value(const char *text, const char *series);

#endif
