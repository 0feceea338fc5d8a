/* Text as JSON has it. */
#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H

#include <stdio.h>

/* With its quotes; what is not UTF-8 becomes U+FFFD. */
void json_string(FILE *file, const char *text);

#endif
