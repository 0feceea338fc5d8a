#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/platform.h"
#include "daemon/broker.h"
#include "daemon/worker.h"

#define RETRY_US 100000
#define FILE_MOST (16 << 20) /* bytes; a report has some 10 KB, and standard error may be a file */
#define CALM_US 50000        /* a start is not to compete with the session that has just taken a spare */

void child_close(struct child *child)
{
    if (child->socket >= 0)
        close(child->socket);
    if (child->crash >= 0)
        close(child->crash);
    *child = (struct child){.socket = -1, .crash = -1};
}

/* A group of its own: what a terminal sends is the broker's to pass on. Signals that the broker blocks are not the
 * worker's. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(attributes);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

struct program program_at(const char *path)
{
    struct stat file = {0};
    stat(path, &file);
    return (struct program){.path = path, .device = file.st_dev, .inode = file.st_ino};
}

/* By its path while that leads there, for a list of processes to show its name. */
static const char *executable(const struct program *program)
{
    const struct program now = program_at(program->path);
    return now.device == program->device && now.inode == program->inode ? program->path : "/proc/self/exe";
}

static int spawn(const char *program, int socket, int crash, pid_t *pid)
{
    char *arguments[] = {(char *)"culvertd", (char *)"--worker", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    /* Both are above what they become, or are it: the reserve sees to that. */
    posix_spawn_file_actions_init(&actions);
    set_attributes(&attributes);
    int error = posix_spawn_file_actions_adddup2(&actions, socket, WORKER_BROKER_FD);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, crash, WORKER_CRASH_FD);
    if (error == 0)
        error = posix_spawn(pid, program, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* What it writes into its report's memory is no way around the limit on memory. */
static void limit(pid_t pid, uint64_t memory)
{
    const struct rlimit data = {.rlim_cur = memory, .rlim_max = memory};
    const struct rlimit file = {.rlim_cur = FILE_MOST, .rlim_max = FILE_MOST};
    prlimit(pid, RLIMIT_FSIZE, &file, NULL);
    if (memory > 0)
        prlimit(pid, RLIMIT_DATA, &data, NULL);
}

/* The pair of sockets, the memory and the process: 0 or errno's value. */
static int start(const struct pool *pool, struct child *child)
{
    int ends[2];
    *child = (struct child){.socket = -1, .crash = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return errno;
    child->socket = ends[0];
    child->crash = memfd_create("culvert-crash", MFD_CLOEXEC);
    int error = child->crash < 0 ? errno : spawn(executable(&pool->program), ends[1], child->crash, &child->pid);
    close(ends[1]);
    if (error == 0)
        limit(child->pid, pool->memory);
    else
        child_close(child);
    return error;
}

static bool start_one(struct pool *pool, struct metrics *metrics, struct child *child, char *why)
{
    const int error = start(pool, child);
    if (error == 0) {
        metrics_worker_start(metrics);
        return true;
    }
    snprintf(why, BROKER_WHY,
             "culvertd cannot start an encoder process: %s: raise its limits on processes and "
             "descriptors",
             strerror(error));
    return false;
}

void pool_refill(struct pool *pool, struct metrics *metrics)
{
    char why[BROKER_WHY];
    if (pool->count >= pool->wanted || clock_now() < pool->retry_at)
        return;
    if (start_one(pool, metrics, &pool->spares[pool->count], why)) {
        pool->count++;
    } else {
        pool->retry_at = clock_now() + RETRY_US;
        say("warning", "%s", why);
    }
    metrics_spares(metrics, pool->count);
}

bool pool_take(struct pool *pool, struct metrics *metrics, struct child *child, char *why)
{
    if (pool->count == 0)
        return start_one(pool, metrics, child, why);
    /* The oldest: it has had the most time to get ready. */
    *child = pool->spares[0];
    pool->count--;
    memmove(&pool->spares[0], &pool->spares[1], pool->count * sizeof pool->spares[0]);
    metrics_spares(metrics, pool->count);
    pool->retry_at = clock_now() + CALM_US;
    return true;
}

bool pool_lost(struct pool *pool, pid_t pid)
{
    for (uint32_t i = 0; i < pool->count; i++) {
        if (pool->spares[i].pid != pid)
            continue;
        child_close(&pool->spares[i]);
        pool->count--;
        memmove(&pool->spares[i], &pool->spares[i + 1], (pool->count - i) * sizeof pool->spares[0]);
        pool->retry_at = clock_now() + RETRY_US;
        return true;
    }
    return false;
}

/* One that hangs would keep the broker from its end. */
void pool_finish(struct pool *pool)
{
    while (pool->count > 0) {
        struct child *const spare = &pool->spares[--pool->count];
        if (spare->pid > 0)
            kill(spare->pid, SIGKILL);
        child_close(spare);
    }
}
