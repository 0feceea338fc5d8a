/* What the encoder's thread does next, and how it waits for that. */
#ifndef SESSION_WORK_H
#define SESSION_WORK_H

#include <stdint.h>

struct codec_rate;
struct encoder;
struct session;

enum work {
    WORK_WAIT,
    WORK_FRAME,  /* a frame was taken */
    WORK_INSERT, /* something is due (encoder.due), and no frame has come */
    WORK_END     /* the session closes, or everything that will ever come was taken */
};

/* Sleeps until there is something to do: never WORK_WAIT. With WORK_FRAME and WORK_INSERT, session->encoder has the
 * frame, what is wanted, and room for an access unit (but when paused). */
enum work work_await(struct session *session);

/* From frame to frame at this rate, in microseconds. */
int64_t work_interval(const struct codec_rate *rate);
/* The earliest time at which the frame taken last may be encoded once more. */
int64_t work_insertion_time(const struct encoder *encoder);

#endif
