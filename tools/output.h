/* Where the packets go. A file that exists is not touched before the first of them. */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define OUTPUT_WHY 512

struct output {
    const char *path; /* "-" is standard output; the caller keeps it */
    int fd;
    bool created; /* there was no such file before */
    off_t start;  /* of the first byte in its file; -1: it is a pipe, say, or a file that is appended to */
    uint64_t bytes;
};

/* 0, or -1 with the reason as one line. */
int output_open(struct output *output, const char *path, char why[OUTPUT_WHY]);

/* All of the bytes, or on failure none of them, where a file can be cut again. */
int output_write(struct output *output, const void *data, size_t bytes, char why[OUTPUT_WHY]);

/* Writes over bytes that were written, `offset` behind the first of them; leaves a pipe as it is. */
int output_amend(struct output *output, off_t offset, const void *data, size_t bytes, char why[OUTPUT_WHY]);

/* A file that was created for nothing is removed again. */
int output_close(struct output *output, char why[OUTPUT_WHY]);

/* What messages call it. */
const char *output_name(const char *path);

/* Whether path is one file with the output that would be opened as `output`. */
bool output_is(const char *output, const char *path);

#endif
