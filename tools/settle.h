/* What a command's options come to when they are taken together. */
#ifndef TOOLS_SETTLE_H
#define TOOLS_SETTLE_H

#include "settings.h"

#define SETTLE_ENDPOINT "unix:/run/culvert/culvertd.sock"

/* After all options were read. STATUS_OK, or STATUS_USAGE after it has said what is wrong. */
int settle(struct settings *settings, enum command command);

#endif
