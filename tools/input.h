/* Frames from a file or a pipe, one after another and all of one size: Y4M, or raw. */
#ifndef TOOLS_INPUT_H
#define TOOLS_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "culvert/culvert.h"
#include "source.h"

#define INPUT_WHY 512 /* bytes of every `why`: one line that says what is wrong, where, and what to do */

enum input_result { INPUT_FAILED = -1, INPUT_END = 0, INPUT_FRAME = 1 };

/* Raw frames, which say nothing of themselves. */
struct input_raw {
    uint32_t format; /* enum culvert_format */
    uint32_t width, height;
    uint32_t fps_num, fps_den; /* 0/0: not stated */
};

struct input {
    struct culvert_frame frame; /* what every frame is: its size and format, and what the header says of its look */
    uint32_t fps_num, fps_den;  /* as the header states it, in range or not; 0/0: not stated */
    size_t bytes;               /* of a frame */
    uint64_t frames;            /* that were read */
    const char *name;           /* of the file, "standard input" for "-"; the caller keeps it */
    bool marked;                /* a line stands before each frame */
    struct source source;
};

/* Reads the header of a Y4M file, or takes raw frames (raw not NULL). On failure nothing is open. */
int input_open(struct input *input, const char *path, const struct input_raw *raw, char why[INPUT_WHY]);

/* The same from a descriptor, which the input then owns, on failure too. */
int input_open_descriptor(struct input *input, int fd, const char *name, const struct input_raw *raw,
                          char why[INPUT_WHY]);

/* Reads the next frame into data, which holds input->bytes. A signal that interrupts the wait for it is an end. */
enum input_result input_read(struct input *input, uint8_t *data, char why[INPUT_WHY]);

void input_close(struct input *input);

#define RAW_FORMATS "i420 nv12 bgra rgba xrgb8888 rgb565 0rgb1555"

/* "640x480:rgb565:60", the rate being optional; whether it is that. */
bool raw_parse(const char *text, struct input_raw *raw);
void raw_begin(struct input *input, const struct input_raw *raw);

/* The stream's header, and the line before a frame. */
int y4m_begin(struct input *input, char why[INPUT_WHY]);
enum input_result y4m_mark(struct input *input, char why[INPUT_WHY]);

/* Bytes of a tight frame. */
size_t raw_bytes(uint32_t format, uint32_t width, uint32_t height);

#endif
