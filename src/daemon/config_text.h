/* A session's settings as text, for its crash report. */
#ifndef DAEMON_CONFIG_TEXT_H
#define DAEMON_CONFIG_TEXT_H

#include <stddef.h>

#include "culvert/culvert.h"

/* A line "name=value" for each field; cut at a whole line. */
void config_text(const struct culvert_config *config, char *text, size_t size);

#endif
