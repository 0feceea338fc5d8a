#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "culvert/culvert.h"
#include "witness.h"

#define WIDTH 320
#define HEIGHT 240
#define INTERVAL_US 16667
#define LATENCY_MOST 2000000 /* of a packet, on a machine that does much else */

/* Shared with the process that streams. */
static struct {
    _Atomic int ending, ready;
    _Atomic int64_t submitted, received, late, wrong, restarts;
    _Atomic int result;
} * beside;
static pid_t process;

/* ---- In the process ---------------------------------------------------------------------------------------------- */

static culvert_session open_session(const char *socket)
{
    struct culvert_config config;
    culvert_session session = 0;
    char why[256] = "";
    culvert_config_defaults(&config, sizeof config);
    config.codec = CULVERT_CODEC_NULL;
    config.fps_num = 60;
    config.fps_den = 1;
    config.policy = CULVERT_POLICY_BLOCK;
    config.slots = 4;
    config.refresh_ms = CULVERT_NEVER;
    config.flags = CULVERT_CONFIG_COARSE_STILLS;
    strcpy(config.name, "beside");
    snprintf(config.endpoint, sizeof config.endpoint, "unix:%s", socket);
    beside->result = culvert_open(&config, &session, why, sizeof why);
    if (beside->result < 0)
        printf("# beside: %s\n", why);
    return session;
}

/* In order, none missing; until nothing more comes for now. */
static void receive(culvert_session session, uint32_t timeout_ms)
{
    uint8_t bytes[256];
    struct culvert_packet packet = {.size = sizeof packet};
    size_t size;
    int result;
    while ((result = culvert_receive(session, bytes, sizeof bytes, &size, &packet, timeout_ms)) == 0) {
        /* Whoever watches gets a key frame that this host did not ask for. */
        if (packet.flags & CULVERT_PACKET_INSERTED)
            continue;
        beside->received++;
        beside->wrong += packet.frame != (uint64_t)beside->received || packet.pts != beside->received * INTERVAL_US;
        beside->late += packet.wait_us > LATENCY_MOST;
    }
    if (result != CULVERT_E_AGAIN && result != CULVERT_EOS)
        beside->result = result;
}

static void stream(const char *socket)
{
    static uint8_t pixels[WIDTH * HEIGHT * 3 / 2];
    const culvert_session session = open_session(socket);
    struct culvert_frame frame = {
        .size = sizeof frame, .format = CULVERT_FORMAT_I420, .width = WIDTH, .height = HEIGHT};
    struct culvert_stats stats = {.size = sizeof stats};
    int64_t next = clock_now();
    beside->ready = 1;
    while (!beside->ending && beside->result >= 0) {
        memset(pixels, (int)(beside->submitted % 256), sizeof pixels);
        frame.pts = (beside->submitted + 1) * INTERVAL_US;
        beside->result = culvert_submit(session, &frame, pixels, sizeof pixels);
        beside->submitted += beside->result >= 0;
        next += INTERVAL_US;
        do
            receive(session, 1);
        while (clock_now() < next);
    }
    culvert_finish(session);
    receive(session, 10000);
    culvert_stats(session, &stats);
    beside->restarts = (int64_t)stats.restarts;
    culvert_close(session);
}

/* ---- Outside ----------------------------------------------------------------------------------------------------- */

void beside_begin(struct witness *witness)
{
    beside = mmap(NULL, sizeof *beside, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    process = fork();
    if (process == 0) {
        stream(witness->socket);
        _exit(0);
    }
    while (!beside->ready || (beside->result >= 0 && beside->received == 0))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    witness->children++;
    /* Of a session: a client, its frames, its worker, its report. */
    witness->fds += 4;
}

bool beside_goes_on(void)
{
    return process == 0 || (kill(process, 0) == 0 && beside->result >= 0 && beside->wrong == 0);
}

void beside_end(struct witness *witness)
{
    int status = 0;
    beside->ending = 1;
    waitpid(process, &status, 0);
    process = 0;
    printf("# beside: %lld frames, %lld packets, %lld restarts, result %d\n", (long long)beside->submitted,
           (long long)beside->received, (long long)beside->restarts, beside->result);
    witness_say(witness,
                status == 0 && beside->result >= 0 && beside->submitted > 0 && beside->received == beside->submitted &&
                    beside->wrong == 0 && beside->late == 0 && beside->restarts == 0,
                "the session beside got every packet, in order, from one worker");
    witness->children--;
    witness->fds -= 4;
}
