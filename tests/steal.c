#include "steal.h"

#include <inttypes.h>
#include <stdio.h>

struct steal steal_look(void)
{
    uint64_t user = 0, nice = 0, system = 0, irq = 0, softirq = 0, stolen = 0;
    FILE *const file = fopen("/proc/stat", "r");
    const int read = file == NULL
                         ? 0
                         : fscanf(file,
                                  "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %*u %*u %" SCNu64 " %" SCNu64 " %" SCNu64,
                                  &user, &nice, &system, &irq, &softirq, &stolen);
    if (file != NULL)
        fclose(file);
    return read == 6 ? (struct steal){user + nice + system + irq + softirq, stolen} : (struct steal){0};
}

double steal_since(const struct steal *before)
{
    const struct steal now = steal_look();
    const uint64_t stolen = now.stolen - before->stolen, wanted = now.ran - before->ran + stolen;
    return wanted == 0 ? 0 : 100 * (double)stolen / (double)wanted;
}
