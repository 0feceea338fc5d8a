#include "own_daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "culvert/culvert.h"

#define PATIENCE_MS 20000
#define OPTIONS_MOST 24

static _Noreturn void die(const char *what, const char *detail)
{
    printf("Bail out! %s: %s\n", what, detail);
    fflush(stdout);
    _exit(99);
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void sleep_ms(uint32_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

/* Into text, NUL-terminated: false when there is no such file. */
static bool read_file(const char *path, char *text, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t length = 0;
    for (ssize_t count; length < size - 1 && (count = read(fd, text + length, size - 1 - length)) > 0;)
        length += (size_t)count;
    close(fd);
    text[length] = '\0';
    return true;
}

static void remove_files(const char *dir)
{
    char path[512];
    DIR *const all = opendir(dir);
    if (all == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(all)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        unlink(path);
    }
    closedir(all);
    rmdir(dir);
}

/* ---- The daemon -------------------------------------------------------------------------------------------------- */

void own_daemon_create(struct own_daemon *daemon)
{
    *daemon = (struct own_daemon){.dir = "/tmp/culvert-test-XXXXXX"};
    if (mkdtemp(daemon->dir) == NULL)
        die(daemon->dir, strerror(errno));
    /* Clients of other users come through it. */
    chmod(daemon->dir, 0755);
    snprintf(daemon->socket, sizeof daemon->socket, "%s/s", daemon->dir);
    snprintf(daemon->endpoint, sizeof daemon->endpoint, "unix:%s", daemon->socket);
    snprintf(daemon->crashes, sizeof daemon->crashes, "%s/crashes", daemon->dir);
    snprintf(daemon->log, sizeof daemon->log, "%s/log", daemon->dir);
    if (mkdir(daemon->crashes, 0755) < 0)
        die(daemon->crashes, strerror(errno));
}

static _Noreturn void become(const struct own_daemon *daemon, const char *program, const char *const *options)
{
    const char *arguments[OPTIONS_MOST] = {program, "--socket", daemon->socket, "--crash-dir", daemon->crashes};
    int count = 5;
    for (int i = 0; options != NULL && options[i] != NULL && count < OPTIONS_MOST - 1; i++)
        arguments[count++] = options[i];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    const int log = open(daemon->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    dup2(log, STDERR_FILENO);
    dup2(log, STDOUT_FILENO);
    execv(program, (char **)arguments);
    _exit(127);
}

static bool has_ended(pid_t pid)
{
    siginfo_t info = {0};
    /* Its status stays there to be waited for. */
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

bool own_daemon_try(struct own_daemon *daemon, const char *const *options)
{
    char log[4096] = "";
    bool ready = false;
    const char *const program = getenv("CULVERTD");
    if (program == NULL)
        die("CULVERTD", "set it to the path of culvertd");
    fflush(stdout);
    unlink(daemon->log);
    daemon->pid = fork();
    if (daemon->pid == 0)
        become(daemon, program, options);
    if (daemon->pid < 0)
        die("fork", strerror(errno));
    if (!COMES((ready = own_daemon_said(daemon, " ready for ")) || has_ended(daemon->pid), PATIENCE_MS)) {
        read_file(daemon->log, log, sizeof log);
        die("culvertd is not ready", log);
    }
    return ready;
}

void own_daemon_start(struct own_daemon *daemon, const char *const *options)
{
    char log[4096] = "";
    if (own_daemon_try(daemon, options))
        return;
    read_file(daemon->log, log, sizeof log);
    die("culvertd has ended", log);
}

int own_daemon_end(struct own_daemon *daemon, int signal)
{
    int status = 0;
    if (signal != 0)
        kill(daemon->pid, signal);
    if (!COMES(waitpid(daemon->pid, &status, WNOHANG) == daemon->pid, PATIENCE_MS)) {
        kill(daemon->pid, SIGKILL);
        die("culvertd does not end", daemon->log);
    }
    daemon->pid = 0;
    return status;
}

void own_daemon_remove(struct own_daemon *daemon)
{
    if (daemon->pid > 0)
        own_daemon_end(daemon, SIGKILL);
    remove_files(daemon->crashes);
    remove_files(daemon->dir);
}

bool own_daemon_said(const struct own_daemon *daemon, const char *text)
{
    static _Thread_local char log[1 << 20];
    return read_file(daemon->log, log, sizeof log) && strstr(log, text) != NULL;
}

static pid_t find_worker(const struct own_daemon *daemon, const char *name)
{
    char why[256];
    struct culvert_listing listing = {.size = sizeof listing};
    while (culvert_list(daemon->endpoint, listing.id, &listing, why, sizeof why) == 0)
        if (strcmp(listing.name, name) == 0)
            return (pid_t)listing.pid;
    return 0;
}

pid_t own_daemon_worker(const struct own_daemon *daemon, const char *name, pid_t but)
{
    pid_t pid = 0;
    if (!COMES((pid = find_worker(daemon, name)) > 0 && pid != but, PATIENCE_MS))
        die("no encoder process for the session", name);
    return pid;
}

uint32_t own_daemon_reports(const struct own_daemon *daemon)
{
    uint32_t count = 0;
    DIR *const all = opendir(daemon->crashes);
    for (const struct dirent *entry; all != NULL && (entry = readdir(all)) != NULL;)
        count += strstr(entry->d_name, ".crash") != NULL;
    if (all != NULL)
        closedir(all);
    return count;
}

/* ---- Processes --------------------------------------------------------------------------------------------------- */

/* What follows the name in /proc/PID/stat: its state first. "" when there is no such process. */
static const char *stat_of(pid_t pid, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    const char *const end = read_file(path, text, size) ? strrchr(text, ')') : NULL;
    return end == NULL || strlen(end) < 3 ? "" : end + 2;
}

struct process_children process_children(pid_t parent)
{
    struct process_children children = {0};
    char text[1024];
    DIR *const all = opendir("/proc");
    for (const struct dirent *entry; all != NULL && (entry = readdir(all)) != NULL;) {
        char state;
        int its_parent;
        const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || sscanf(stat_of(pid, text, sizeof text), "%c %d", &state, &its_parent) != 2 ||
            its_parent != parent)
            continue;
        children.alive += state != 'Z';
        children.zombies += state == 'Z';
        children.descriptors += process_descriptors(pid);
        children.kb += process_memory_kb(pid);
        children.shared_kb += process_shared_kb(pid);
    }
    if (all != NULL)
        closedir(all);
    return children;
}

uint32_t process_descriptors(pid_t pid)
{
    char path[64];
    uint32_t count = 0;
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    DIR *const all = opendir(path);
    for (const struct dirent *entry; all != NULL && (entry = readdir(all)) != NULL;)
        count += entry->d_name[0] != '.';
    if (all != NULL)
        closedir(all);
    /* The one that reads this directory. */
    return pid == getpid() && count > 0 ? count - 1 : count;
}

uint32_t process_descriptors_at_rest(pid_t pid)
{
    uint32_t count = process_descriptors(pid);
    for (int looks = 0; looks < 50; looks++) {
        sleep_ms(1);
        const uint32_t now = process_descriptors(pid);
        if (now != count)
            looks = 0;
        count = now;
    }
    return count;
}

/* key: of a line of /proc/PID/status, with its colon. */
static uint64_t status_kb(pid_t pid, const char *key)
{
    char path[64], text[8192];
    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    const char *const line = read_file(path, text, sizeof text) ? strstr(text, key) : NULL;
    return line == NULL ? 0 : strtoull(line + strlen(key), NULL, 10);
}

uint64_t process_memory_kb(pid_t pid)
{
    return status_kb(pid, "RssAnon:");
}

uint64_t process_shared_kb(pid_t pid)
{
    return status_kb(pid, "RssShmem:");
}

uint64_t process_cpu_ms(pid_t pid)
{
    char text[1024];
    uint64_t user = 0, system = 0;
    sscanf(stat_of(pid, text, sizeof text), "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user,
           &system);
    return (user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}
