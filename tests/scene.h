/* A session that is given bad input and must go on as if it had not been: its frames, counted, with a codec that says
 * what it saw. One at a time. */
#ifndef TESTS_SCENE_H
#define TESTS_SCENE_H

#include <stddef.h>
#include <stdint.h>

#include "culvert/culvert.h"

#define WIDTH 64
#define HEIGHT 48
#define TIGHT ((size_t)4 * WIDTH * HEIGHT)
#define PATIENCE 20000 /* milliseconds that a test waits for what must come */
#define MOST UINT32_MAX
#define LENGTH(table) (int)(sizeof(table) / sizeof(table)[0])

struct scene {
    culvert_session session;
    uint32_t frames; /* that were taken */
    uint32_t ticks;
};
extern struct scene scene;

/* Fixtures: policy block, the trial codec. */
void scene_open(void);
void scene_close(void);

/* The pts of the next attempt. */
int64_t scene_tick(void);
/* The next packet is that of the next frame, and of the picture of this seed, when it is not 0. */
void scene_receive(uint32_t seed);
/* Nothing is left over of what was refused, and the session goes on with the right pictures. */
void scene_go_on(void);
/* The session's error text names this. */
void scene_named(const char *named);

#endif
