/* Bytes from a descriptor: lines of bounded length, and blocks. */
#ifndef TOOLS_SOURCE_H
#define TOOLS_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct source {
    int fd;
    int error;         /* errno of the read that failed; EINTR: a signal came */
    size_t at, end;    /* what the buffer holds */
    uint64_t consumed; /* bytes handed out */
    uint8_t buffer[1 << 14];
};

/* What became of a line. On all but SOURCE_LINE, line holds what there was of it. */
enum source_result {
    SOURCE_LINE,
    SOURCE_LONG, /* no line feed within size */
    SOURCE_END   /* no more bytes, or source->error */
};

void source_init(struct source *source, int fd);

/* Reads up to a line feed, which is replaced by a NUL; at most size bytes. Never reads past them for one line. */
enum source_result source_line(struct source *source, char *line, size_t size);

/* The bytes that there were, fewer than wanted at the end or when source->error is set. */
size_t source_read(struct source *source, void *data, size_t bytes);

#endif
