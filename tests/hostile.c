/* hostile MODE SOCKET PID LOG WEIGHS [ARGUMENT...]: see hostile.sh. */
#include "hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "draw.h"

uint32_t hostile_random(void)
{
    static uint32_t state = 2463534242;
    return draw_any(&state);
}

uint32_t hostile_edge(uint32_t index)
{
    static const uint32_t edges[HOSTILE_EDGES - 1] = {0,          1,          2,          64,        0x7fffffff,
                                                      0x80000000, 0x80000003, 0xfffffffe, 0xffffffff};
    return index % HOSTILE_EDGES < HOSTILE_EDGES - 1 ? edges[index % HOSTILE_EDGES] : hostile_random();
}

/* What the first clients cost is kept: lists that grow once. */
static void warm_up(const char *socket)
{
    for (int i = 0; i < 30; i++) {
        struct raw raw;
        const struct culvert_config config = raw_config(CULVERT_POLICY_LATEST);
        raw_begin(&raw, socket, &config);
        raw_close(&raw);
    }
}

int main(int argc, char **argv)
{
    struct witness witness;
    if (argc < 6)
        return fprintf(stderr, "usage: hostile MODE SOCKET PID LOG WEIGHS [ARGUMENT...]\n"), 2;
    const char *mode = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(mode, "limits") != 0)
        warm_up(argv[2]);
    witness_begin(&witness, argv[2], (pid_t)atol(argv[3]), argv[4], atoi(argv[5]) != 0);
    if (strcmp(mode, "messages") == 0)
        hostile_messages(&witness);
    else if (strcmp(mode, "memory") == 0)
        hostile_memory(&witness);
    else if (strcmp(mode, "crowd") == 0)
        hostile_crowd(&witness);
    else if (strcmp(mode, "busy") == 0)
        hostile_busy(&witness);
    else if (strcmp(mode, "limits") == 0 && argc == 8)
        hostile_limits(&witness, argv[6], argv[7]);
    else
        return fprintf(stderr, "hostile: no mode %s\n", mode), 2;
    return witness_end(&witness);
}
