#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *output_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard output" : path;
}

static int refuse(const struct output *output, char why[OUTPUT_WHY], const char *what)
{
    snprintf(why, OUTPUT_WHY, "%s: cannot be %s: %s", output_name(output->path), what, strerror(errno));
    return -1;
}

int output_open(struct output *output, const char *path, char why[OUTPUT_WHY])
{
    *output = (struct output){.path = path, .start = -1};
    if (strcmp(path, "-") == 0) {
        output->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    } else {
        output->created = access(path, F_OK) < 0;
        output->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    }
    return output->fd < 0 ? refuse(output, why, "opened") : 0;
}

/* Standard output, where it is a file, goes on where its shell had come to. */
static int begin(struct output *output)
{
    struct stat stat;
    if (fstat(output->fd, &stat) < 0 || !S_ISREG(stat.st_mode) || fcntl(output->fd, F_GETFL) & O_APPEND)
        return 0;
    output->start = lseek(output->fd, 0, SEEK_CUR);
    return strcmp(output->path, "-") == 0 ? 0 : ftruncate(output->fd, 0);
}

static int write_all(int fd, const uint8_t *data, size_t bytes)
{
    while (bytes > 0) {
        const ssize_t wrote = write(fd, data, bytes);
        if (wrote < 0 && errno != EINTR)
            return -1;
        if (wrote > 0) {
            data += wrote;
            bytes -= (size_t)wrote;
        }
    }
    return 0;
}

/* Takes back what was written of bytes that do not all fit. */
static void cut(const struct output *output)
{
    const off_t end = output->start + (off_t)output->bytes;
    if (output->start >= 0 && ftruncate(output->fd, end) == 0)
        lseek(output->fd, end, SEEK_SET);
}

int output_write(struct output *output, const void *data, size_t bytes, char why[OUTPUT_WHY])
{
    if (output->bytes == 0 && begin(output) < 0)
        return refuse(output, why, "emptied");
    if (write_all(output->fd, data, bytes) < 0) {
        refuse(output, why, "written");
        cut(output);
        return -1;
    }
    output->bytes += bytes;
    return 0;
}

int output_amend(struct output *output, off_t offset, const void *data, size_t bytes, char why[OUTPUT_WHY])
{
    if (output->start < 0)
        return 0;
    errno = EIO; /* of a write that is short */
    const ssize_t wrote = pwrite(output->fd, data, bytes, output->start + offset);
    return wrote == (ssize_t)bytes ? 0 : refuse(output, why, "written");
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
