#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/broker.h"
#include "daemon/worker.h"

/* Workers are this program too, wherever it lies and whatever it was called as. */
static const char *own_path(void)
{
    static char path[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0)
        return "/proc/self/exe";
    path[length] = '\0';
    return path;
}

int main(int argc, char **argv)
{
    struct options options;
    bool done;
    const int status = options_parse(&options, argc, argv, &done);
    if (status != 0 || done)
        return status;
    if (options.worker)
        return worker_run();
    return options.check ? broker_check(&options, own_path()) : broker_run(&options, own_path());
}
