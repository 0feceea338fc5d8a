#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "culvert/culvert.h"

#define STATUS_USAGE 2
#define WHY 256

enum option_id {
    ID_SOCKET = 1,
    ID_ALLOW_UID,
    ID_ALLOW_GID,
    ID_CRASH_DIR,
    ID_METRICS,
    ID_SESSIONS,
    ID_USER_SESSIONS,
    ID_PIXEL_RATE,
    ID_USER_PIXEL_RATE,
    ID_MEMORY,
    ID_USER_MEMORY,
    ID_WORKER_MEMORY,
    ID_SPARES,
    ID_DEATHS,
    ID_HANG,
    ID_DRAIN,
    ID_CHECK,
    ID_WORKER,
    ID_HELP,
    ID_VERSION
};

static const struct {
    const char *name, *value, *help;
    enum option_id id;
} table[] = {
    {"socket", "PATH", "listen there; without it, at the socket that systemd passes", ID_SOCKET},
    {"allow-uid", "USER", "serve this user (name or number); may be repeated", ID_ALLOW_UID},
    {"allow-gid", "GROUP",
     "serve members of this group; may be repeated. Without either: the daemon's own user,\n"
     "and the group culvert",
     ID_ALLOW_GID},
    {"sessions", "N", "at most so many sessions", ID_SESSIONS},
    {"user-sessions", "N", "... of one user", ID_USER_SESSIONS},
    {"pixel-rate", "N", "at most so many pixels a second, by the sessions' largest sizes and frame rates",
     ID_PIXEL_RATE},
    {"user-pixel-rate", "N", "... of one user", ID_USER_PIXEL_RATE},
    {"memory", "MIB", "at most so much memory, by an estimate from the same", ID_MEMORY},
    {"user-memory", "MIB", "... of one user", ID_USER_MEMORY},
    {"worker-memory", "MIB", "data that one encoder process may allocate", ID_WORKER_MEMORY},
    {"spares", "N", "encoder processes that wait for a session (2)", ID_SPARES},
    {"deaths", "N/S", "a session ends when its encoder processes die N times in S seconds (5/1)", ID_DEATHS},
    {"hang", "MS", "an encoder process that shows no life for so long is killed (3000)", ID_HANG},
    {"drain", "MS", "after SIGTERM, sessions have so long to end (10000)", ID_DRAIN},
    {"crash-dir", "DIR", "crash reports are left there; without it they are not kept", ID_CRASH_DIR},
    {"metrics", "WHERE", "serve /metrics at unix:PATH, PORT or 127.0.0.1:PORT", ID_METRICS},
    {"check", NULL, "say whether culvertd could work with these options, and exit", ID_CHECK},
    {"help", NULL, "print this and exit", ID_HELP},
    {"version", NULL, "print the version and exit", ID_VERSION},
    {"worker", NULL, NULL, ID_WORKER},
};
enum { OPTIONS = sizeof table / sizeof table[0] };

static int misuse(const char *name, const char *value, const char *advice)
{
    fprintf(stderr, "culvertd: --%s %s: %s\n", name, value, advice);
    return STATUS_USAGE;
}

/* Of 1 to most. */
static bool parse_number(const char *text, uint64_t most, uint64_t *number)
{
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    const bool whole = errno == 0 && end != text && *end == '\0' && text[0] >= '0' && text[0] <= '9';
    if (!whole || value < 1 || value > most)
        return false;
    *number = value;
    return true;
}

static int set_number(const char *name, const char *text, uint64_t most, uint64_t *number)
{
    char advice[64];
    snprintf(advice, sizeof advice, "not a number from 1 to %" PRIu64, most);
    return parse_number(text, most, number) ? 0 : misuse(name, text, advice);
}

static int set_small(const char *name, const char *text, uint32_t most, uint32_t *number)
{
    uint64_t value;
    const int status = set_number(name, text, most, &value);
    if (status == 0)
        *number = (uint32_t)value;
    return status;
}

static int set_memory(const char *name, const char *text, uint64_t *bytes)
{
    const int status = set_number(name, text, UINT64_C(1) << 40, bytes);
    if (status == 0)
        *bytes <<= 20;
    return status;
}

static int set_deaths(struct options *options, const char *text)
{
    char count[16];
    uint64_t deaths, seconds;
    const char *slash = strchr(text, '/');
    const size_t length = slash == NULL ? sizeof count : (size_t)(slash - text);
    if (length < sizeof count) {
        memcpy(count, text, length);
        count[length] = '\0';
        if (parse_number(count, OPTIONS_DEATHS_MOST, &deaths) && parse_number(slash + 1, 86400, &seconds)) {
            options->deaths = (uint32_t)deaths;
            options->deaths_s = (uint32_t)seconds;
            return 0;
        }
    }
    return misuse("deaths", text, "not N/SECONDS, as 5/1, with at most 100/86400");
}

static int allow(struct options *options, enum option_id id, const char *name, const char *text)
{
    char why[WHY] = "64 are allowed already: make a group of them";
    uid_t uid;
    gid_t gid;
    const bool allowed = id == ID_ALLOW_UID
                             ? peers_parse_uid(text, &uid, why, sizeof why) && peers_allow_uid(&options->peers, uid)
                             : peers_parse_gid(text, &gid, why, sizeof why) && peers_allow_gid(&options->peers, gid);
    return allowed ? 0 : misuse(name, text, why);
}

static int help(void)
{
    puts(
        "usage: culvertd --socket PATH [OPTION...]\n\nEncodes the sessions of hosts whose endpoint is unix:PATH, each "
        "in a process of its own.\n");
    for (size_t i = 0; i < OPTIONS; i++) {
        char option[40];
        if (table[i].help == NULL)
            continue;
        snprintf(option, sizeof option, "--%s%s%s", table[i].name, table[i].value != NULL ? " " : "",
                 table[i].value != NULL ? table[i].value : "");
        const char *line = strchr(table[i].help, '\n');
        const int length = line != NULL ? (int)(line - table[i].help) : (int)strlen(table[i].help);
        printf("  %-22s %.*s\n", option, length, table[i].help);
        if (line != NULL)
            printf("  %-22s %s\n", "", line + 1);
    }
    return 0;
}

static int apply(struct options *options, enum option_id id, const char *name, const char *value, bool *done)
{
    switch (id) {
    case ID_SOCKET:
        options->socket = value;
        return 0;
    case ID_ALLOW_UID:
    case ID_ALLOW_GID:
        return allow(options, id, name, value);
    case ID_CRASH_DIR:
        options->crash_dir = value;
        return 0;
    case ID_METRICS:
        options->metrics = value;
        return 0;
    case ID_SESSIONS:
        return set_number(name, value, 4096, &options->all.sessions);
    case ID_USER_SESSIONS:
        return set_number(name, value, 4096, &options->user.sessions);
    case ID_PIXEL_RATE:
        return set_number(name, value, UINT64_MAX / 2, &options->all.pixel_rate);
    case ID_USER_PIXEL_RATE:
        return set_number(name, value, UINT64_MAX / 2, &options->user.pixel_rate);
    case ID_MEMORY:
        return set_memory(name, value, &options->all.memory);
    case ID_USER_MEMORY:
        return set_memory(name, value, &options->user.memory);
    case ID_WORKER_MEMORY:
        return set_memory(name, value, &options->worker_memory);
    case ID_SPARES:
        return set_small(name, value, OPTIONS_SPARES_MOST, &options->spares);
    case ID_DEATHS:
        return set_deaths(options, value);
    case ID_HANG:
        return set_small(name, value, 3600000, &options->hang_ms);
    case ID_DRAIN:
        return set_small(name, value, 3600000, &options->drain_ms);
    case ID_CHECK:
        options->check = true;
        return 0;
    case ID_WORKER:
        options->worker = true;
        return 0;
    case ID_HELP:
        *done = true;
        return help();
    default:
        *done = true;
        printf("culvertd %d.%d.%d\n", CULVERT_VERSION_MAJOR, CULVERT_VERSION_MINOR, CULVERT_VERSION_PATCH);
        return 0;
    }
}

int options_parse(struct options *options, int argc, char **argv, bool *done)
{
    struct option names[OPTIONS + 1] = {{0}};
    *options = (struct options){.spares = 2, .deaths = 5, .deaths_s = 1, .hang_ms = 3000, .drain_ms = 10000};
    *done = false;
    for (size_t i = 0; i < OPTIONS; i++)
        names[i] = (struct option){table[i].name, table[i].value != NULL, NULL, (int)i};
    opterr = 0;
    for (int index; !*done && (index = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (index == '?') {
            fprintf(stderr, "culvertd: '%s': no such option, or its value is missing: see culvertd --help\n",
                    argv[optind - 1]);
            return STATUS_USAGE;
        }
        const int status = apply(options, table[index].id, table[index].name, optarg, done);
        if (status != 0)
            return status;
    }
    if (!*done && optind < argc) {
        fprintf(stderr, "culvertd: '%s': there are options only: see culvertd --help\n", argv[optind]);
        return STATUS_USAGE;
    }
    if (options->peers.uid_count + options->peers.gid_count == 0)
        peers_default(&options->peers);
    return 0;
}
