/* Where a culvertd listens, and a connection to it. */
#ifndef REMOTE_ENDPOINT_H
#define REMOTE_ENDPOINT_H

#include <stdint.h>

#include "remote/wire.h"

#define ENDPOINT_PATIENCE_MS 5000 /* for a daemon that is busy */

/* A socket, connected to the daemon at "unix:PATH" without waiting; it never blocks. Or CULVERT_E_ARGUMENT, _GONE,
 * _DENIED, _SYSTEM with the reason in why (CODEC_WHY bytes). */
int endpoint_connect(const char *endpoint, char *why);

/* Sends one request and waits for its answer, one of these kinds: 0 and the parcel; or an error with the reason in why,
 * of a refusal the daemon's own. Nothing of the socket is closed. */
int endpoint_ask(int socket, enum wire_kind kind, void *request, size_t bytes, uint32_t kinds,
                 struct wire_parcel *answer, char *why);

/* What a result of wire_receive that is not 1 means: an error, and the reason in why. */
int endpoint_explain(int result, char *why);
/* The error of a refusal, and its reason in why. */
int endpoint_refusal(struct wire_refused *refused, char *why);

#endif
