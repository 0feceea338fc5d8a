#include "apart.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct common {
    struct codec offered;
    _Alignas(64) uint8_t memory[APART_MEMORY];
} * common;

const char *apart_endpoint(void)
{
    const char *endpoint = getenv("CULVERT_TEST_ENDPOINT");
    return endpoint != NULL ? endpoint : "";
}

bool apart(void)
{
    return apart_endpoint()[0] != '\0';
}

static void *map(const char *path)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *common) < 0)
        return MAP_FAILED;
    void *memory = mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return memory;
}

/* Before those that use it. */
__attribute__((constructor(101))) static void begin(void)
{
    const char *path = getenv("CULVERT_TEST_MEMORY");
    common = path != NULL ? map(path)
                          : mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (common == MAP_FAILED) {
        perror(path != NULL ? path : "memory for tests");
        abort();
    }
}

void *apart_memory(void)
{
    return common->memory;
}

void apart_offer(const struct codec *codec)
{
    common->offered = *codec;
}

const struct codec *apart_offered(void)
{
    return &common->offered;
}
