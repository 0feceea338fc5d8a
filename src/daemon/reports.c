#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/broker.h"

#define SUFFIX ".crash"
#define KEPT 100 /* reports; the oldest make room */
#define REPORT_MOST (128 << 10)

/* What a client chose, as part of a file's name. */
static void file_name(const char *name, pid_t pid, char *text, size_t size)
{
    char safe[32];
    size_t length = 0;
    for (; length < sizeof safe - 1 && name[length] != '\0'; length++) {
        const char c = name[length];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
        safe[length] = c;
        if (!plain)
            safe[length] = '_';
    }
    safe[length] = '\0';
    /* Names sort by time. */
    snprintf(text, size, "%" PRId64 "-%s-%ld%s", (int64_t)time(NULL), safe, (long)pid, SUFFIX);
}

static int is_report(const struct dirent *entry)
{
    const size_t length = strlen(entry->d_name), suffix = strlen(SUFFIX);
    return entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && length > suffix &&
           strcmp(entry->d_name + length - suffix, SUFFIX) == 0;
}

static void make_room(int dir)
{
    struct dirent **entries;
    const int count = scandirat(dir, ".", &entries, is_report, alphasort);
    for (int i = 0; i < count; i++) {
        if (i < count - (KEPT - 1))
            unlinkat(dir, entries[i]->d_name, 0);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static bool copy(int from, int to)
{
    char bytes[4096];
    off_t offset = 0;
    for (ssize_t count; offset < REPORT_MOST && (count = pread(from, bytes, sizeof bytes, offset)) > 0;
         offset += count) {
        if (write(to, bytes, (size_t)count) != count)
            return false;
    }
    return true;
}

void report_keep(const char *dir, int crash, const char *name, pid_t pid, char *path, size_t size)
{
    char file[96];
    path[0] = '\0';
    if (dir == NULL || crash < 0 || lseek(crash, 0, SEEK_END) <= 0)
        return;
    const int place = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    file_name(name, pid, file, sizeof file);
    if (place >= 0)
        make_room(place);
    const int report = place < 0 ? -1 : openat(place, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (report < 0 || !copy(crash, report))
        say("error", "%s/%s: no crash report could be written there: %s", dir, file, strerror(errno));
    else
        snprintf(path, size, "%s/%s", dir, file);
    if (report >= 0)
        close(report);
    if (place >= 0)
        close(place);
}

bool report_dir_works(const char *dir, char *why, size_t size)
{
    if (dir == NULL || access(dir, W_OK | X_OK) == 0)
        return true;
    snprintf(why, size, "--crash-dir %s: %s: make it a directory that culvertd may write to", dir, strerror(errno));
    return false;
}
