/* The sessions of a culvertd at one moment, and what happened between two of them. */
#ifndef TOOLS_SAMPLE_H
#define TOOLS_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "culvert/culvert.h"

#define SAMPLE_WHY 256

struct sample_row {
    struct culvert_listing listing;
    char user[40]; /* the name of listing.user, or its digits */
};

struct sample {
    int64_t time;            /* microseconds */
    struct sample_row *rows; /* their ids rise */
    size_t count;
};

/* What a session did a second since the sample before. */
struct sample_rates {
    bool known; /* it was in that one, and none of its counters went back since */
    double fps; /* encoded */
    double skips;
};

/* Asks the culvertd at endpoint for all of them; names of users are taken over from `before`, which may be NULL. 0, or
 * culvert_list's error and the reason as one line; then the sample is empty. */
int sample_take(struct sample *sample, const struct sample *before, const char *endpoint, char why[SAMPLE_WHY]);
void sample_free(struct sample *sample);

const struct sample_row *sample_find(const struct sample *sample, uint32_t id);

/* The one of this name that was opened last, or NULL. */
const struct sample_row *sample_named(const struct sample *sample, const char *name);

/* before may be NULL: nothing is known. */
struct sample_rates sample_rates(const struct sample *before, const struct sample *now, const struct sample_row *row);

/* Name of an enum culvert_codec, "?" for others. */
const char *sample_codec(uint32_t codec);

/* "name": value pairs of a JSON object, without its braces. */
void sample_json(FILE *file, const struct sample_row *row);

#endif
