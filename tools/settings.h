/* The command lines of all that take options: encode, publish, demo, top and record. */
#ifndef TOOLS_SETTINGS_H
#define TOOLS_SETTINGS_H

#include <stdbool.h>
#include <stdio.h>

#include "culvert/culvert.h"
#include "input.h"
#include "report.h"

enum command { COMMAND_ENCODE = 1, COMMAND_DEMO = 2, COMMAND_PUBLISH = 4, COMMAND_TOP = 8, COMMAND_RECORD = 16 };

#define KEYINT_ABSENT UINT32_MAX

struct settings_input {
    const char *path;
    bool has_raw; /* else Y4M */
    struct input_raw raw;
};

struct settings {
    const char *command;          /* its name */
    struct culvert_config config; /* frame rate 0/0: the input's */
    uint32_t keyint;              /* KEYINT_ABSENT: two seconds */
    uint32_t resize;              /* one more than the header's value; 0: the command's default */
    uint32_t matrix, range;       /* one more than the header's values; 0: the input's */
    uint32_t rotation, flip;
    uint32_t aspect_num, aspect_den; /* 0/0: the input's */
    const char *output;              /* NULL: none */
    bool piped;                      /* it is standard output */
    bool ivf;                        /* it is an IVF file */
    const char *media;               /* of the demo; NULL: the one that comes with culvert */
    const char *endpoint;            /* as it was given; NULL: not at all. config has what that comes to */
    uint32_t sort;                   /* enum table_sort */
    int64_t interval;                /* microseconds from table to table */
    int64_t duration;                /* of a recording, microseconds; 0: to the session's end */
    bool once;                       /* one table */
    bool realtime, json, quiet, help;
    struct settings_input current; /* how the next input is to be read */
    struct settings_input *inputs; /* of record: the session's name and the file */
    size_t input_count;
};

/* Reads a command line; argv[0] is the command's name. STATUS_OK, or STATUS_USAGE after it has said what is wrong.
 * Either way settings_free is due. */
int settings_parse(struct settings *settings, enum command command, int argc, char **argv);
void settings_free(struct settings *settings);

/* The list of a command's options. */
void settings_print(FILE *file, enum command command);

/* What the config and the picture become, once the input's rate and look are known. */
void settings_rate(struct settings *settings, uint32_t fps_num, uint32_t fps_den);
void settings_look(const struct settings *settings, struct culvert_frame *frame);

/* Says why culvert_open failed; the exit status that its error means: settings that cannot be are a usage error. */
int settings_refuse(const struct settings *settings, int error, const char *why);

/* The JSON object, if it is wanted, where the stream does not go. */
void settings_report(const struct settings *settings, const struct report *report);

#endif
