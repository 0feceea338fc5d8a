/* What an execution did, for whoever reads of its failure. */
#ifndef INTERLEAVE_TRACE_H
#define INTERLEAVE_TRACE_H

#include <stddef.h>
#include <stdint.h>

void trace_begin(void);
void trace_add(uint32_t thread, const char *what, uint32_t place, uint32_t value);
void trace_print(char *text, size_t bytes, const char *failure);

#endif
