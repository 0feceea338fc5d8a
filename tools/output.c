#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(const struct output *output, char why[OUTPUT_WHY], const char *what)
{
    const char *name = strcmp(output->path, "-") == 0 ? "standard output" : output->path;
    snprintf(why, OUTPUT_WHY, "%s: cannot be %s: %s", name, what, strerror(errno));
    return -1;
}

int output_open(struct output *output, const char *path, char why[OUTPUT_WHY])
{
    *output = (struct output){.path = path};
    if (strcmp(path, "-") == 0) {
        output->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    } else {
        output->created = access(path, F_OK) < 0;
        output->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    }
    return output->fd < 0 ? refuse(output, why, "opened") : 0;
}

static int begin(const struct output *output)
{
    struct stat stat;
    if (strcmp(output->path, "-") == 0 || fstat(output->fd, &stat) < 0 || !S_ISREG(stat.st_mode))
        return 0;
    return ftruncate(output->fd, 0);
}

int output_write(struct output *output, const void *data, size_t bytes, char why[OUTPUT_WHY])
{
    const uint8_t *from = data;
    if (output->bytes == 0 && begin(output) < 0)
        return refuse(output, why, "emptied");
    while (bytes > 0) {
        const ssize_t wrote = write(output->fd, from, bytes);
        if (wrote < 0 && errno != EINTR)
            return refuse(output, why, "written");
        if (wrote > 0) {
            from += wrote;
            bytes -= (size_t)wrote;
            output->bytes += (uint64_t)wrote;
        }
    }
    return 0;
}

int output_close(struct output *output, char why[OUTPUT_WHY])
{
    if (output->created && output->bytes == 0)
        unlink(output->path);
    return close(output->fd) < 0 ? refuse(output, why, "written") : 0;
}

bool output_is(const char *output, const char *path)
{
    struct stat a, b;
    const int found = strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &b) : stat(path, &b);
    return stat(output, &a) == 0 && found == 0 && S_ISREG(a.st_mode) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}
