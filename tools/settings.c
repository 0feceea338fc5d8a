#include "settings.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "options.h"
#include "settle.h"

#define DEMO_REFERENCES 8
#define TOP_INTERVAL 2000000
#define LETTERS 2 /* "x:" for each option, at most */

static void build(enum command command, struct option *list, char *letters)
{
    /* '-': operands come in their order among the options; ':': getopt prints nothing. */
    char *at = stpcpy(letters, "-:");
    for (size_t i = 0; i < option_count; i++) {
        const struct option_rule *rule = &option_rules[i];
        if (!(rule->commands & command))
            continue;
        *list++ = (struct option){rule->name, rule->argument ? required_argument : no_argument, NULL, 256 + (int)i};
        if (rule->letter) {
            *at++ = rule->letter;
            if (rule->argument)
                *at++ = ':';
        }
    }
    *at = '\0';
    *list = (struct option){0};
}

/* getopt_long returns no code but those that build gave it. */
static const struct option_rule *find(int code)
{
    const struct option_rule *rule = option_rules;
    if (code >= 256)
        return rule + (code - 256);
    while (rule->letter != code)
        rule++;
    return rule;
}

static int apply(struct settings *settings, int code, const char *value)
{
    const struct option_rule *rule = find(code);
    if (rule->set(settings, rule, value))
        return STATUS_OK;
    return misuse(settings->command, "--%s: '%.80s' is not %s", rule->name, value, rule->expects);
}

/* How many words that are no options a command takes. */
static size_t operands(enum command command)
{
    if (command == COMMAND_RECORD)
        return 2;
    return command == COMMAND_ENCODE || command == COMMAND_PUBLISH ? SIZE_MAX : 0;
}

static int add_input(struct settings *settings, enum command command, const char *path)
{
    const size_t most = operands(command);
    if (settings->input_count == most)
        return misuse(settings->command, "'%s': unexpected, it takes %s", path,
                      most > 0 ? "a session's name and a file" : "options alone");
    for (size_t i = 0; most > 2 && i < settings->input_count; i++) {
        if (strcmp(path, "-") == 0 && strcmp(settings->inputs[i].path, "-") == 0)
            return misuse(settings->command, "-: standard input can be read only once");
    }
    settings->current.path = path;
    settings->inputs[settings->input_count++] = settings->current;
    return STATUS_OK;
}

/* What getopt_long returned. */
static int take(struct settings *settings, enum command command, int code, char **argv)
{
    const char *name = settings->command, *word = argv[optind - 1];
    if (code == 1)
        return add_input(settings, command, optarg);
    if (code == ':')
        return misuse(name, "%s: a value is missing", word);
    if (code == '?' && optopt >= 256)
        return misuse(name, "--%s takes no value", find(optopt)->name);
    if (code == '?' && optopt)
        return misuse(name, "-%c: no such option", optopt);
    if (code == '?')
        return misuse(name, "%s: no such option, or not its whole name", word);
    return apply(settings, code, optarg);
}

static int read_words(struct settings *settings, enum command command, int argc, char **argv, const char *letters,
                      const struct option *list)
{
    int status = STATUS_OK;
    for (int code; status == STATUS_OK && (code = getopt_long(argc, argv, letters, list, NULL)) != -1;)
        status = take(settings, command, code, argv);
    while (status == STATUS_OK && optind < argc)
        status = add_input(settings, command, argv[optind++]);
    return status;
}

static int read_options(struct settings *settings, enum command command, int argc, char **argv)
{
    int status;
    struct option *list = calloc(option_count + 1, sizeof *list);
    char *letters = malloc(option_count * LETTERS + sizeof "-:");
    if (list && letters) {
        build(command, list, letters);
        status = read_words(settings, command, argc, argv, letters, list);
    } else
        status = fail("out of memory");
    free(letters);
    free(list);
    return status;
}

static const struct {
    enum command command;
    const char *name;
    struct culvert_config config; /* what it has for a default where the library has another */
} commands[] = {
    /* Nobody watches a file while it is made, so each frame has its place in it, in its own size, and none comes
     * between them because an input is slow. */
    {COMMAND_ENCODE,
     "encode",
     {.policy = CULVERT_POLICY_BLOCK,
      .resize = CULVERT_RESIZE_AT_ONCE,
      .floor = CULVERT_FLOOR_OVERSHOOT,
      .refresh_ms = CULVERT_NEVER,
      .flags = CULVERT_CONFIG_COARSE_STILLS}},
    {COMMAND_DEMO, "demo", {.references = DEMO_REFERENCES}},
    {COMMAND_PUBLISH, "publish", {.flags = CULVERT_CONFIG_RECONNECT}},
    {COMMAND_TOP, "top", {0}},
    {COMMAND_RECORD, "record", {0}},
};

int settings_parse(struct settings *settings, enum command command, int argc, char **argv)
{
    size_t place = 0;
    while (commands[place].command != command)
        place++;
    *settings = (struct settings){
        .command = commands[place].name,
        .config = commands[place].config,
        .keyint = KEYINT_ABSENT,
        .interval = TOP_INTERVAL,
        .inputs = calloc((size_t)argc, sizeof *settings->inputs),
    };
    settings->config.size = sizeof settings->config;
    if (!settings->inputs)
        return fail("out of memory");
    const int status = read_options(settings, command, argc, argv);
    return status != STATUS_OK || settings->help ? status : settle(settings, command);
}

void settings_free(struct settings *settings)
{
    free(settings->inputs);
    settings->inputs = NULL;
}

void settings_rate(struct settings *settings, uint32_t fps_num, uint32_t fps_den)
{
    settings->config.fps_num = fps_num;
    settings->config.fps_den = fps_den;
    const uint64_t two_seconds = (2 * (uint64_t)fps_num + fps_den / 2) / fps_den;
    settings->config.keyint = settings->keyint == KEYINT_ABSENT ? (uint32_t)two_seconds : settings->keyint;
}

void settings_look(const struct settings *settings, struct culvert_frame *frame)
{
    /* A Y4M file states its aspect before the rotation, culvert_frame after it. */
    if (settings->rotation % 180 == 90) {
        const uint32_t num = frame->aspect_num;
        frame->aspect_num = frame->aspect_den;
        frame->aspect_den = num;
    }
    if (settings->aspect_num) {
        frame->aspect_num = settings->aspect_num;
        frame->aspect_den = settings->aspect_den;
    }
    if (settings->matrix)
        frame->matrix = settings->matrix - 1;
    if (settings->range)
        frame->range = settings->range - 1;
    frame->rotation = settings->rotation;
    frame->flip = settings->flip;
}

int settings_refuse(const struct settings *settings, int error, const char *why)
{
    switch (error) {
    case CULVERT_E_ARGUMENT:
    case CULVERT_E_RANGE:
    case CULVERT_E_OPTION:
    case CULVERT_E_LEVEL:
    case CULVERT_E_UNSUPPORTED:
        return misuse(settings->command, "%s", why);
    default:
        return fail("%s", why);
    }
}

void settings_report(const struct settings *settings, const struct report *report)
{
    if (settings->json)
        report_json(settings->piped ? stderr : stdout, report);
}
