#include "source.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void source_init(struct source *source, int fd)
{
    source->fd = fd;
    source->error = 0;
    source->at = source->end = 0;
    source->consumed = 0;
}

static size_t read_some(struct source *source, void *data, size_t bytes)
{
    /* Linux moves at most 0x7ffff000 bytes in one call. */
    const ssize_t got = read(source->fd, data, bytes < (1u << 30) ? bytes : 1u << 30);
    if (got < 0)
        source->error = errno;
    return got > 0 ? (size_t)got : 0;
}

static size_t fill(struct source *source)
{
    source->at = 0;
    source->end = read_some(source, source->buffer, sizeof source->buffer);
    return source->end;
}

enum source_result source_line(struct source *source, char *line, size_t size)
{
    enum source_result result = SOURCE_LONG;
    size_t length = 0;
    while (length + 1 < size) {
        if (source->at == source->end && fill(source) == 0) {
            result = SOURCE_END;
            break;
        }
        const char byte = (char)source->buffer[source->at++];
        source->consumed++;
        if (byte == '\n') {
            result = SOURCE_LINE;
            break;
        }
        line[length++] = byte;
    }
    line[length] = '\0';
    return result;
}

size_t source_read(struct source *source, void *data, size_t bytes)
{
    uint8_t *to = data;
    size_t done = source->end - source->at;
    if (done > bytes)
        done = bytes;
    memcpy(to, source->buffer + source->at, done);
    source->at += done;
    while (done < bytes) {
        const size_t got = read_some(source, to + done, bytes - done);
        if (got == 0)
            break;
        done += got;
    }
    source->consumed += done;
    return done;
}
