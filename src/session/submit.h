/* The submitting thread's side of a session: whoever holds the role checks, converts and publishes frames. */
#ifndef SESSION_SUBMIT_H
#define SESSION_SUBMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session/session.h"

#define SUBMIT_ASPECT_MOST 65535 /* of each term of a display aspect */

/* Takes the role; false while another thread has it. */
bool submit_enter(struct session *session);
void submit_leave(struct session *session);

/* With the role: a public result, after waiting for a slot until the deadline at the most. */
int submit_frame(struct session *session, const struct culvert_frame *frame, const void *data, size_t size,
                 int64_t deadline);

/* CULVERT_E_ARGUMENT, and why: the field, its value, and what to do. */
int submit_refuse(char *why, const char *field, uint32_t value, const char *advice);
/* Whether a visible size, either way up, is within the session's largest: 0 or CULVERT_E_SIZE with the reason. */
int submit_check_size(const struct session *session, uint32_t width, uint32_t height, char *why);

#endif
