/* Foreign text in a column of a terminal: a name may hold anything, but it takes its columns and does nothing else. */
#ifndef TOOLS_LABEL_H
#define TOOLS_LABEL_H

#include <stddef.h>
#include <stdio.h>

/* Columns that it takes, uncut. */
size_t label_width(const char *text);

/* Prints it in exactly `width` columns, on their left or their right. What a terminal would obey or could not show
 * (control characters, marks of writing direction, what is not UTF-8) becomes a question mark; what is too long ends in
 * '+'. */
void label_print(FILE *file, const char *text, size_t width, int right);

#endif
