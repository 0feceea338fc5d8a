#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "hostile.h"

#define CROWD 200
#define IDLE 8 /* clients that want nothing, and take no place of a session's */
#define PATIENCE_MS 20000
#define SILENCE_US 9000000 /* culvertd lets clients go that have asked for nothing in ten seconds */

/* ---- Many at once ------------------------------------------------------------------------------------------------ */

/* How far a client goes before it is dropped. */
enum step { CONNECTED, ASKED, OPENED, STARTED, STREAMING, STEPS };

static struct raw crowd[CROWD];

static bool go_on(struct raw *raw, enum step step)
{
    const struct culvert_config config = raw_config(CULVERT_POLICY_LATEST);
    const struct wire_open open = {.header = raw_header(WIRE_OPEN, sizeof open), .config = config};
    if (step == CONNECTED)
        return true;
    if (step == ASKED)
        return raw_send(raw->control, &open, sizeof open, NULL, 0);
    if (!raw_open(raw, &config) || !raw_worker(raw))
        return false;
    const struct wire_start start = raw_start(raw);
    if (step >= STARTED && !raw_send(raw->data, &start, sizeof start, NULL, 0))
        return false;
    for (int i = 0; step == STREAMING && i < 5; i++)
        raw_publish(raw);
    return true;
}

static void drop_half(void)
{
    for (int i = 0; i < CROWD; i++)
        if (hostile_random() % 2)
            raw_close(&crowd[i]);
}

/* All connect before any goes on; each then takes its own number of steps, and half are dropped where they are. On a
 * machine that has other work, the last ones may have to wait for the others for so long that they are let go. */
static void gather(struct witness *witness)
{
    int connected = 0, went = 0, late = 0;
    const int64_t began = clock_now();
    for (int i = 0; i < CROWD; i++)
        connected += raw_connect(&crowd[i], witness->socket);
    for (int i = 0; i < CROWD; i++) {
        if (clock_now() - began > SILENCE_US)
            late++;
        else
            went += go_on(&crowd[i], hostile_random() % STEPS);
    }
    drop_half();
    const bool beside = beside_goes_on();
    printf("# %d connected, %d went as far as they wanted, %d came too late\n", connected, went, late);
    for (int i = 0; i < CROWD; i++)
        raw_close(&crowd[i]);
    witness_say(witness, connected == CROWD && went > 0 && went + late == CROWD && beside,
                "200 clients at once are served");
}

void hostile_crowd(struct witness *witness)
{
    beside_begin(witness);
    gather(witness);
    witness_round(witness, "200 clients, half of them dropped at any step");
    beside_end(witness);
    witness_round(witness, "all of it");
}

/* ---- Limits ------------------------------------------------------------------------------------------------------ */

static int open_all(struct witness *witness, int most, bool *told, const char *remedy)
{
    int count = 0;
    for (; count < most; count++) {
        struct culvert_config config = raw_config(CULVERT_POLICY_LATEST);
        struct wire_open open = {.header = raw_header(WIRE_OPEN, sizeof open), .config = config};
        struct wire_parcel parcel;
        struct raw *raw = &crowd[count];
        if (!raw_connect(raw, witness->socket))
            break;
        raw_send(raw->control, &open, sizeof open, NULL, 0);
        if (raw_await(raw->control, WIRE_MASK(WIRE_OPENED) | WIRE_MASK(WIRE_REFUSED), &parcel, PATIENCE_MS) != 1)
            break;
        wire_discard(&parcel);
        if (parcel.message.header.kind == WIRE_OPENED && raw_worker(raw))
            continue;
        *told = parcel.message.header.kind == WIRE_REFUSED && parcel.message.refused.error == CULVERT_E_LIMIT &&
                strstr(parcel.message.refused.text, remedy) != NULL;
        printf("# %d sessions, then: %.256s\n", count, parcel.message.refused.text);
        raw_close(raw);
        break;
    }
    return count;
}

static void close_all(int count)
{
    for (int i = 0; i <= count && i < CROWD; i++)
        raw_close(&crowd[i]);
}

/* Until the places are free: the workers of those that have closed are ending. */
static int open_again(struct witness *witness, int wanted)
{
    bool told;
    int count = 0;
    for (int64_t end = clock_now() + 5000000; count < wanted && clock_now() < end;) {
        count = open_all(witness, wanted, &told, "");
        close_all(count);
    }
    return count;
}

void hostile_limits(struct witness *witness, const char *option, const char *remedy)
{
    char text[160];
    bool told = false;
    struct raw idle[IDLE];
    const int idlers = strcmp(option, "--sessions") == 0 ? IDLE : 0;
    for (int i = 0; i < idlers; i++)
        raw_connect(&idle[i], witness->socket);
    const int count = open_all(witness, CROWD, &told, remedy);
    for (int i = 0; i < idlers; i++)
        raw_close(&idle[i]);
    snprintf(text, sizeof text, "%s: the first session too many is refused, and told \"%s\"", option, remedy);
    witness_say(witness, count > 0 && count < CROWD && told, text);
    close_all(count);
    snprintf(text, sizeof text, "%s: as many are served again once those are closed", option);
    witness_say(witness, open_again(witness, count) == count, text);
    witness_round(witness, option);
}

/* ---- Always at work ---------------------------------------------------------------------------------------------- */

/* For longer than a worker may be silent, one that finds a frame whenever it looks: slow H.264 of noise, each frame of
 * which takes long beside its making, and a small part of that time even on a machine that has other work. */
void hostile_busy(struct witness *witness)
{
    enum { WIDTH = 320, HEIGHT = 240 };
    static uint8_t pixels[WIDTH * HEIGHT * 3 / 2], unit[1 << 20];
    struct culvert_config config;
    struct culvert_stats stats = {.size = sizeof stats};
    struct culvert_packet packet = {.size = sizeof packet};
    struct culvert_frame frame = {
        .size = sizeof frame, .format = CULVERT_FORMAT_I420, .width = WIDTH, .height = HEIGHT};
    culvert_session session = 0;
    size_t bytes;
    culvert_config_defaults(&config, sizeof config);
    config.fps_num = 60;
    config.fps_den = 1;
    config.bitrate_kbps = 4000;
    config.speed = 1;
    config.threads = 1;
    config.policy = CULVERT_POLICY_BLOCK;
    config.slots = 16;
    config.floor = CULVERT_FLOOR_OVERSHOOT;
    snprintf(config.endpoint, sizeof config.endpoint, "unix:%s", witness->socket);
    const bool opened = culvert_open(&config, &session, NULL, 0) == 0;
    for (int64_t end = clock_now() + 5000000; opened && clock_now() < end; frame.pts++) {
        for (size_t i = 0; i < sizeof pixels; i += 4)
            memcpy(&pixels[i], &(uint32_t){hostile_random()}, 4);
        frame.pts += 1000;
        culvert_submit(session, &frame, pixels, sizeof pixels);
        while (culvert_receive(session, unit, sizeof unit, &bytes, &packet, 0) == 0)
            continue;
    }
    culvert_stats(session, &stats);
    printf("# %llu encoded, %llu restarts\n", (unsigned long long)stats.encoded, (unsigned long long)stats.restarts);
    witness_say(witness, opened && stats.encoded > 0 && stats.restarts == 0 && stats.lost == 0,
                "a worker that always has work is not taken for one that hangs");
    culvert_close(session);
}
