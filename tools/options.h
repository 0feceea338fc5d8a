/* One row for each command-line option: its names, its help, and how its value is read. */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "settings.h"

struct option_rule {
    const char *name;
    char letter;          /* 0: none */
    unsigned commands;    /* enum command, ored */
    const char *argument; /* as help calls it; NULL: takes none */
    const char *help;
    bool (*set)(struct settings *settings, const struct option_rule *rule, const char *value); /* false: not valid */
    const char *expects;  /* "... is not EXPECTS" */
    size_t offset;        /* of the field in struct settings */
    size_t second;        /* of a pair's other field */
    uint32_t least, most; /* of a number; least: the first word's value; most: bytes of a text */
    uint32_t step;        /* from word to word */
    const char *words;    /* of a choice, "first|second" */
    bool (*parse)(const char *text, uint32_t *first, uint32_t *second); /* of a pair */
};

extern const struct option_rule option_rules[];
extern const size_t option_count;

#endif
