/* What `culvert encode` and `publish` read: the first byte says whether it is Y4M or raw frames, which a line tells the
 * shape of, as --raw does; the rest is the file. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "must.h"
#include "tools/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME_MOST (1u << 20) /* bytes; larger frames would be about memory alone */
#define SHAPE_MOST 200

static int file_of(const uint8_t *data, size_t size)
{
    const int fd = memfd_create("input", MFD_CLOEXEC);
    must(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void check_header(const struct input *input)
{
    const struct culvert_frame *frame = &input->frame;
    must(frame->width >= 1 && frame->width <= 16384 && frame->height >= 1 && frame->height <= 16384);
    must(input->bytes == raw_bytes(frame->format, frame->width, frame->height) && input->bytes > 0);
    must((frame->aspect_num == 0) == (frame->aspect_den == 0));
}

static void read_frames(struct input *input, size_t size)
{
    char why[INPUT_WHY] = "";
    enum input_result result;
    uint8_t *const frame = malloc(input->bytes);
    must(frame != NULL);
    while ((result = input_read(input, frame, why)) == INPUT_FRAME)
        must(input->frames * input->bytes <= size);
    if (result == INPUT_FAILED)
        must_be_a_line(why, sizeof why);
    free(frame);
}

static void read_file(const uint8_t *data, size_t size, const struct input_raw *raw)
{
    char why[INPUT_WHY] = "";
    struct input *const input = malloc(sizeof *input);
    must(input != NULL);
    if (input_open_descriptor(input, file_of(data, size), "input", raw, why) < 0) {
        must_be_a_line(why, sizeof why);
    } else {
        check_header(input);
        if (input->bytes <= FRAME_MOST)
            read_frames(input, size);
        input_close(input);
    }
    free(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0) {
        read_file(data + 1, size - 1, NULL);
        return 0;
    }
    char shape[SHAPE_MOST];
    struct input_raw raw;
    const uint8_t *const end = memchr(data + 1, '\n', size - 1);
    const size_t length = (end != NULL ? (size_t)(end - data) : size) - 1;
    snprintf(shape, sizeof shape, "%.*s", (int)length, (const char *)data + 1);
    if (raw_parse(shape, &raw))
        read_file(data + 1 + length, size - 1 - length, &raw);
    return 0;
}
