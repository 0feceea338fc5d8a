#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/platform.h"
#include "codec/codec.h"
#include "daemon/broker.h"
#include "daemon/http.h"
#include "daemon/sandbox.h"

static unsigned failures;

static void tell(bool works, const char *what, const char *detail)
{
    printf("%-4s %s%s%s\n", works ? "ok" : "FAIL", what, detail[0] != '\0' ? ": " : "", detail);
    failures += !works;
}

static void check_memory(void)
{
    const int fd = platform_memory_create("culvert-check", 4096);
    const bool works = fd >= 0 && platform_memory_bytes(fd) == 4096 && platform_memory_seal(fd, true);
    tell(works, "memory that two processes share, sealed", works ? "" : strerror(fd < 0 ? -fd : errno));
    if (fd >= 0)
        close(fd);
}

/* A spare that starts, installs its filter and waits is one that could encode. It ends when its socket does. */
static void check_worker(const char *program)
{
    struct pool pool = {.program = program_at(program)};
    struct metrics metrics = {0};
    struct child child;
    char why[BROKER_WHY] = "";
    int status = 0;
    if (pool_take(&pool, &metrics, &child, why)) {
        const pid_t pid = child.pid;
        child_close(&child);
        if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            snprintf(why, sizeof why, "it ended badly, with status %#x: run culvertd in a terminal to see why", status);
    }
    tell(why[0] == '\0', "an encoder process starts and ends", why);
}

static size_t render_nothing(void *context, char *text, size_t size)
{
    (void)context, (void)text, (void)size;
    return 0;
}

static void check_metrics(const char *where)
{
    char why[LISTEN_WHY] = "";
    struct http *const http = where != NULL ? http_start(where, render_nothing, NULL, why, sizeof why) : NULL;
    tell(where == NULL || http != NULL, "metrics", where == NULL ? "off" : http != NULL ? http_where(http) : why);
    http_stop(http);
}

int broker_check(const struct options *options, const char *program)
{
    char why[512] = "";
    struct rlimit files;
    tell(options->socket != NULL, "where to listen", options->socket != NULL ? options->socket : "pass --socket PATH");
    const bool keeps = report_dir_works(options->crash_dir, why, sizeof why);
    tell(keeps, "crash reports", why[0] != '\0' ? why : options->crash_dir != NULL ? options->crash_dir : "not kept");
    check_metrics(options->metrics);
    for (uint32_t i = 0; codec_at(i) != NULL; i++)
        tell(true, "codec", codec_at(i)->name);
    getrlimit(RLIMIT_NOFILE, &files);
    snprintf(why, sizeof why, "%llu, 4 for each session", (unsigned long long)files.rlim_max);
    tell(files.rlim_max >= 64, "descriptors", why);
    tell(true, "seccomp filter", sandbox_available() ? "" : "not in this build: encoder processes run without it");
    check_memory();
    check_worker(program);
    return failures > 0;
}
