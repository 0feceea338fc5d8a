#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int input_open(struct input *input, const char *path, const struct input_raw *raw, char why[INPUT_WHY])
{
    if (strcmp(path, "-") == 0)
        return input_open_descriptor(input, fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0), "standard input", raw, why);
    return input_open_descriptor(input, open(path, O_RDONLY | O_CLOEXEC), path, raw, why);
}

int input_open_descriptor(struct input *input, int fd, const char *name, const struct input_raw *raw,
                          char why[INPUT_WHY])
{
    if (fd < 0) {
        snprintf(why, INPUT_WHY, "%s: cannot be opened: %s", name, strerror(errno));
        return -1;
    }
    source_init(&input->source, fd);
    input->name = name;
    input->frame = (struct culvert_frame){.size = sizeof input->frame};
    input->fps_num = input->fps_den = 0;
    input->frames = 0;
    input->marked = !raw;
    if (raw) {
        raw_begin(input, raw);
    } else if (y4m_begin(input, why) < 0) {
        input_close(input);
        return -1;
    }
    return 0;
}

enum input_result input_read(struct input *input, uint8_t *data, char why[INPUT_WHY])
{
    if (input->marked) {
        const enum input_result mark = y4m_mark(input, why);
        if (mark != INPUT_FRAME)
            return mark;
    }
    const size_t got = source_read(&input->source, data, input->bytes);
    if (got == input->bytes) {
        input->frames++;
        return INPUT_FRAME;
    }
    if (input->source.error == EINTR || (got == 0 && !input->marked && !input->source.error))
        return INPUT_END;
    if (input->source.error)
        snprintf(why, INPUT_WHY, "%s: cannot be read: %s", input->name, strerror(input->source.error));
    else
        snprintf(why, INPUT_WHY, "%s: frame %llu is cut short: %zu of its %zu bytes are there", input->name,
                 (unsigned long long)input->frames + 1, got, input->bytes);
    return INPUT_FAILED;
}

void input_close(struct input *input)
{
    close(input->source.fd);
}
