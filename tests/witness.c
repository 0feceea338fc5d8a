#include "witness.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "culvert/culvert.h"

#define SLACK (1L << 20)
#define SECOND 1000000

bool witness_say(struct witness *witness, bool holds, const char *what)
{
    printf("%sok %d - %s\n", holds ? "" : "not ", ++witness->number, what);
    fflush(stdout);
    witness->failures += !holds;
    return holds;
}

int witness_end(const struct witness *witness)
{
    printf("1..%d\n", witness->number);
    return witness->failures > 0;
}

/* ---- /proc ------------------------------------------------------------------------------------------------------- */

static int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;
    if (dir == NULL)
        return -1;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += isdigit((unsigned char)entry->d_name[0]) != 0;
    closedir(dir);
    return count;
}

int witness_fds(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    return count_entries(path);
}

static long resident(pid_t pid)
{
    char path[64];
    long pages = -1;
    snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
        pages = -1;
    if (file != NULL)
        fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static bool is_child(const char *pid, pid_t parent)
{
    char path[300];
    long found = -1;
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    if (fscanf(file, "%*d (%*[^)]) %*c %ld", &found) != 1)
        found = -1;
    fclose(file);
    return found == parent;
}

/* Zombies too. */
static int children_of(pid_t parent)
{
    DIR *dir = opendir("/proc");
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += isdigit((unsigned char)entry->d_name[0]) && is_child(entry->d_name, parent);
    closedir(dir);
    return count;
}

/* ---- The log ----------------------------------------------------------------------------------------------------- */

static int count_lines(const struct witness *witness, long from, const char *text, bool show)
{
    char line[2048];
    int count = 0;
    FILE *file = fopen(witness->log, "re");
    if (file == NULL)
        return 0;
    fseek(file, from, SEEK_SET);
    while (fgets(line, sizeof line, file) != NULL) {
        /* One that was let go, and took longer to end than it may, was killed for that. */
        const bool let_go = strstr(line, "of session 0 ") != NULL && strstr(line, "died of SIGKILL") != NULL;
        if (strstr(line, text) == NULL || let_go)
            continue;
        count++;
        if (show)
            printf("# %s", line);
    }
    fclose(file);
    return count;
}

int witness_logged(const struct witness *witness, const char *text)
{
    return count_lines(witness, 0, text, false);
}

/* A worker whose host is gone exits with status 0, one that decides against it with 3; every other end that is told of
 * is a death. */
static bool nobody_died(struct witness *witness)
{
    static const char *const deaths[] = {"died of",         "died too often", "showed no life",
                                         "ended by itself", "ERROR: ",        "runtime error"};
    int found = 0;
    for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++)
        found += count_lines(witness, witness->log_seen, deaths[i], true);
    found += count_lines(witness, witness->log_seen, "exited with status", false) -
             count_lines(witness, witness->log_seen, "exited with status 0", false) -
             count_lines(witness, witness->log_seen, "exited with status 3", false);
    FILE *file = fopen(witness->log, "re");
    if (file != NULL) {
        fseek(file, 0, SEEK_END);
        witness->log_seen = ftell(file);
        fclose(file);
    }
    return found == 0;
}

/* ---- Rounds ------------------------------------------------------------------------------------------------------ */

static bool answers(const struct witness *witness)
{
    struct culvert_listing listing = {.size = sizeof listing};
    char endpoint[160], why[256] = "";
    snprintf(endpoint, sizeof endpoint, "unix:%s", witness->socket);
    const int result = culvert_list(endpoint, 0, &listing, why, sizeof why);
    if (result < 0)
        printf("# list: %s: %s\n", culvert_error_name(result), why);
    return result >= 0;
}

pid_t witness_worker(const struct witness *witness, const char *name)
{
    struct culvert_listing listing = {.size = sizeof listing};
    char endpoint[160], why[256];
    snprintf(endpoint, sizeof endpoint, "unix:%s", witness->socket);
    while (culvert_list(endpoint, listing.id, &listing, why, sizeof why) == 0)
        if (strcmp(listing.name, name) == 0)
            return (pid_t)listing.pid;
    return 0;
}

static bool is_as_before(const struct witness *witness, bool tell)
{
    const int fds = witness_fds(witness->broker), children = children_of(witness->broker);
    const long memory = resident(witness->broker);
    if (tell)
        printf("# %d descriptors (%d before), %d children (%d), %ld KiB (%ld)\n", fds, witness->fds, children,
               witness->children, memory / 1024, witness->memory / 1024);
    return fds == witness->fds && children == witness->children &&
           (!witness->weighs || memory <= witness->memory + SLACK);
}

static void rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

void witness_begin(struct witness *witness, const char *socket, pid_t broker, const char *log, bool weighs)
{
    *witness = (struct witness){.socket = socket, .log = log, .broker = broker, .children = 2, .weighs = weighs};
    while (!answers(witness) || children_of(broker) != witness->children)
        rest();
    /* The connection that asked comes to its end meanwhile, and spares to their rest. */
    for (int i = 0; i < 30; i++)
        rest();
    witness->fds = witness_fds(broker);
    witness->memory = resident(broker);
}

void witness_round(struct witness *witness, const char *round)
{
    char what[256];
    const int64_t deadline = clock_now() + (witness->weighs ? 1 : 5) * SECOND;
    bool clean;
    while (!(clean = is_as_before(witness, false)) && clock_now() < deadline)
        rest();
    if (!clean)
        is_as_before(witness, true);
    const bool alive = kill(witness->broker, 0) == 0 && answers(witness);
    const bool calm = nobody_died(witness), beside = beside_goes_on();
    if (!alive || !calm || !beside)
        printf("# %s %s %s\n", alive ? "" : "the broker does not answer", calm ? "" : "a worker died",
               beside ? "" : "the session beside has a fault");
    snprintf(what, sizeof what, "%s: the daemon is as before, and the session beside goes on", round);
    witness_say(witness, alive && clean && calm && beside, what);
}
