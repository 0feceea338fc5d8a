/* Tests of sessions run twice: with the encoder in their own process, and with it apart, in a culvertd that was started
 * for them (with_daemon.sh). This is what a test and that culvertd's processes know of each other. */
#ifndef TESTS_APART_H
#define TESTS_APART_H

#include <stdbool.h>
#include <stddef.h>

#include "codec/codec.h"

/* The endpoint of sessions: "" for encoders in this process. */
const char *apart_endpoint(void);
/* Whether they are apart. */
bool apart(void);

/* Memory that all of these processes share, or this process's own when there is no other: 0 in every byte at first, for
 * one user. There from before main on, for a worker can map nothing once it encodes. */
#define APART_MEMORY (1 << 20)
void *apart_memory(void);

/* The codec of the session that is opened next. Its functions and its name are addresses in the process that offered
 * it: elsewhere, that they are NULL or not is all that they say. */
void apart_offer(const struct codec *codec);
const struct codec *apart_offered(void);

#endif
