#include "world.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/platform.h"
#include "session/config.h"
#include "session/session.h"

#define SIDE 64

static struct world *present;

/* ---- The reporter: a worker's, but for its sleep ----------------------------------------------------------------- */

static void act(struct world *world)
{
    if (input_is_over(&world->input))
        world->session->closing = true;
    else
        world->act(world);
    if (!world->deaf)
        world_drain(world);
}

static bool listen_to_host(struct session *session)
{
    return reporter_worker.listen(session);
}

/* The host goes on while the worker looks at a frame. */
static bool vet(struct session *session, const struct frame *frame)
{
    if (!input_is_over(&present->input) && input_byte(&present->input) % 4 == 0)
        act(present);
    return reporter_worker.vet(session, frame);
}

static void sleep_until(struct session *session, int64_t deadline)
{
    (void)session, (void)deadline;
    act(present);
    worker_pulse(&present->worker);
}

static void changed(struct session *session)
{
    reporter_worker.changed(session);
}

static const struct reporter reporter = {
    .listen = listen_to_host, .vet = vet, .sleep = sleep_until, .changed = changed};

/* ---- Making it --------------------------------------------------------------------------------------------------- */

static struct culvert_config choose_config(uint8_t choice)
{
    struct culvert_config config;
    char why[CODEC_WHY];
    config_defaults(&config);
    config.size = sizeof config;
    config.codec = CULVERT_CODEC_NULL;
    config.fps_num = 60;
    config.fps_den = 1;
    config.max_width = config.max_height = SIDE;
    config.policy = CULVERT_POLICY_LATEST + choice % 3;
    config.slots = config.policy == CULVERT_POLICY_LATEST ? 0 : 4;
    config.resize = CULVERT_RESIZE_BESIDE + choice / 4 % 3;
    config.flags = choice & 16 ? CULVERT_CONFIG_REPEATS : 0;
    config.keyint = choice & 32 ? 10 : 0;
    config.refresh_ms = choice & 64 ? 20 : 1000;
    strcpy(config.options, choice & 128 ? "pixels=1" : "");
    if (config_resolve(&config, why) < 0)
        abort();
    return config;
}

static void pair(int *one, int *other)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        abort();
    *one = ends[0];
    *other = ends[1];
}

/* As a worker maps what its broker has made; the host's side writes through the same mapping. */
static bool map_memory(struct world *world)
{
    struct session *session = world->session;
    const struct session_layout layout = session_layout(&session->config, session->codec);
    const size_t bytes = (size_t)queue_bytes(layout.slots, (size_t)layout.slot_bytes);
    const int frames = platform_memory_create("fuzz-frames", bytes);
    const int packets = platform_memory_create("fuzz-packets",
                                               outbox_memory_bytes((size_t)layout.unit_bytes, layout.unit_packets));
    const struct region_parts parts = {.writable = bytes};
    struct queue_reader nobody;
    session->frames = region_map(frames, &parts);
    const bool mapped = session->frames != NULL &&
                        outbox_map(&session->outbox, packets, (size_t)layout.unit_bytes, layout.unit_packets, true);
    close(frames);
    close(packets);
    if (mapped)
        queue_init(session->frames->base, session->config.policy == CULVERT_POLICY_LATEST, layout.slots,
                   (size_t)layout.slot_bytes, &world->writer, &nobody);
    return mapped;
}

static void make(struct world *world)
{
    char why[CODEC_WHY];
    const struct culvert_config config = choose_config(input_byte(&world->input));
    world->session = session_create(&config, &codec_null, &carrier_inside, &reporter);
    if (world->session == NULL || !map_memory(world) || session_prepare_encoder(world->session, why) < 0)
        abort();
    world->worker = (struct worker){.session = world->session, .watcher = -1};
    world->session->remote = &world->worker;
    pair(&world->host, &world->worker.host);
    pair(&world->broker, &world->worker.broker);
}

static void unmake(struct world *world)
{
    close(world->host);
    close(world->broker);
    close(world->worker.host);
    close(world->worker.broker);
    session_destroy(world->session);
}

/* The host's first action is to say where to begin. */
static void run(struct world *world)
{
    struct wire_parcel parcel;
    world->act(world);
    if (wire_receive(world->worker.host, WIRE_MASK(WIRE_START), &parcel) != 1 ||
        !worker_start(&world->worker, &parcel.message.start))
        return;
    world->worker.started = true;
    encoder_run(world->session);
}

void world_run(const uint8_t *data, size_t size, void (*host)(struct world *world))
{
    struct world world = {.input = {data, size}, .act = host};
    present = &world;
    make(&world);
    run(&world);
    unmake(&world);
}

/* ---- What a host can do ------------------------------------------------------------------------------------------ */

struct wire_start world_start(const struct world *world)
{
    struct wire_start start = {.packet_pts = -1};
    const struct culvert_config *config = &world->session->config;
    start.place = queue_vacancy(&world->writer);
    start.state.wanted.rate = config_rate(config);
    start.state.wanted.lost = INT64_MAX;
    start.proven = (struct codec_geometry){SIDE, SIDE / 2, 1, 1, H273_BT601, 0, 2, 2};
    if (config->resize == CULVERT_RESIZE_CANVAS)
        start.state.canvas = (struct codec_geometry){SIDE, SIDE / 2, 1, 1, H273_BT601, 0, 2, 2};
    return start;
}

void world_send(struct world *world, const void *message, size_t bytes, bool descriptor)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec vector = {.iov_base = (void *)(uintptr_t)message, .iov_len = bytes};
    struct msghdr envelope = {.msg_iov = &vector, .msg_iovlen = 1};
    if (descriptor) {
        envelope.msg_control = &control;
        envelope.msg_controllen = sizeof control;
        control.header = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
        memcpy(CMSG_DATA(&control.header), &world->broker, sizeof(int));
    }
    (void)!sendmsg(world->host, &envelope, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void world_bell(struct world *world)
{
    struct wire_header bell;
    wire_send(world->host, WIRE_BELL, &bell, sizeof bell, NULL, 0);
}

void world_publish(struct world *world, int word, uint32_t value)
{
    struct queue_writer *writer = &world->writer;
    if (!queue_room(writer))
        return;
    const int64_t now = clock_now();
    struct frame *frame = queue_filling(writer);
    world->pts += 16667;
    *frame = (struct frame){.pts = world->pts,
                            .submitted_at = now,
                            .queued_at = now,
                            .content = writer->submitted / 2,
                            .width = SIDE,
                            .height = SIDE / 2,
                            .aspect_num = 2,
                            .aspect_den = 1,
                            .primaries = 2,
                            .transfer = 2};
    memset(queue_filling_pixels(writer), (int)writer->submitted, SIDE);
    if (word >= 0)
        memcpy((uint8_t *)frame + (size_t)word % (sizeof *frame / 4) * 4, &value, sizeof value);
    queue_publish(writer);
}

/* What it is told, read and thrown away; packets are given back. */
void world_drain(struct world *world)
{
    static union wire_message message;
    while (recv(world->host, &message, sizeof message, MSG_DONTWAIT) > 0) {
        if (message.header.kind == WIRE_REPORT && (message.report.flags & WIRE_PACKET))
            atomic_fetch_add(&world->writer.shared->released, 1);
    }
    while (recv(world->broker, &message, sizeof message, MSG_DONTWAIT) > 0)
        continue;
}
