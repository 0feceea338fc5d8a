/* What clients and workers say to the broker: requests and answers with wrong words, bytes that are no message,
 * descriptors along, ends at any moment, deaths. Three clients are served in turn. Workers are sockets: no process is
 * started. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/broker.h"
#include "input.h"
#include "session/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS 3
#define STEPS_MOST 400

struct stage {
    struct broker broker;
    struct input input;
    int client[CLIENTS]; /* their ends */
    int worker[64];      /* the workers' ends of spares that were handed out or wait, in turn */
    uint32_t made;
};

/* The journal's: nobody reads it here. */
void say(const char *severity, const char *format, ...)
{
    (void)severity, (void)format;
}

static void pair(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        abort();
}

/* As if a process waited behind it. */
static void refill(struct stage *stage)
{
    struct pool *pool = &stage->broker.pool;
    while (pool->count < 2) {
        int ends[2], *place = &stage->worker[stage->made++ % 64];
        pair(ends);
        if (*place >= 0)
            close(*place);
        *place = ends[1];
        pool->spares[pool->count++] = (struct child){.socket = ends[0], .crash = -1};
    }
}

static void connect_client(struct stage *stage, uint32_t index)
{
    int ends[2];
    if (stage->client[index] >= 0)
        close(stage->client[index]);
    pair(ends);
    stage->client[index] = ends[1];
    seat_admit(&stage->broker, ends[0]);
}

/* ---- Words ------------------------------------------------------------------------------------------------------- */

static void fill(struct stage *stage, enum wire_kind kind, union wire_message *message, size_t bytes)
{
    message->header = (struct wire_header){WIRE_MAGIC, WIRE_VERSION, kind, (uint32_t)bytes};
    for (int left = input_byte(&stage->input) % 6; left > 0; left--) {
        const size_t word = input_u16(&stage->input) % (bytes / 4);
        const uint32_t value = input_value(&stage->input);
        memcpy((uint8_t *)message + 4 * word, &value, sizeof value);
    }
}

static void send_with(int socket, const void *message, size_t bytes, int fd)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec vector = {.iov_base = (void *)(uintptr_t)message, .iov_len = bytes};
    struct msghdr envelope = {.msg_iov = &vector, .msg_iovlen = 1};
    if (fd >= 0) {
        envelope.msg_control = &control;
        envelope.msg_controllen = sizeof control;
        control.header = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
    }
    (void)!sendmsg(socket, &envelope, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void ask(struct stage *stage, int socket, uint8_t choice)
{
    static union wire_message message;
    memset(&message, 0, sizeof message);
    size_t bytes = sizeof message.open;
    enum wire_kind kind = WIRE_OPEN;
    if (choice % 4 == 0) {
        config_defaults(&message.open.config);
        message.open.config.size = sizeof message.open.config;
        message.open.config.codec = CULVERT_CODEC_NULL;
        message.open.config.fps_num = 60;
        message.open.config.fps_den = 1;
    } else if (choice % 4 == 1) {
        kind = WIRE_LIST;
        bytes = sizeof message.list;
    } else if (choice % 4 == 2) {
        kind = WIRE_WATCH;
        bytes = sizeof message.watch;
        strcpy(message.watch.name, "session");
    } else {
        bytes = input_u16(&stage->input) % sizeof message;
        input_bytes(&stage->input, &message, bytes);
        send_with(socket, &message, bytes, -1);
        return;
    }
    fill(stage, kind, &message, bytes);
    send_with(socket, &message, bytes, choice & 64 ? socket : -1);
}

static void answer(struct stage *stage, int socket, uint8_t choice)
{
    static union wire_message message;
    memset(&message, 0, sizeof message);
    size_t bytes = sizeof message.ready;
    enum wire_kind kind = WIRE_READY;
    if (choice % 4 == 1) {
        kind = WIRE_PULSE;
        bytes = sizeof message.pulse;
        message.pulse.stats.size = sizeof message.pulse.stats;
    } else if (choice % 4 == 2) {
        bytes = input_u16(&stage->input) % sizeof message;
        input_bytes(&stage->input, &message, bytes);
        send_with(socket, &message, bytes, -1);
        return;
    }
    fill(stage, kind, &message, bytes);
    send_with(socket, &message, bytes, choice & 64 ? socket : -1);
}

/* ---- The loop ---------------------------------------------------------------------------------------------------- */

static void drain(int socket)
{
    static struct wire_parcel parcel;
    while (socket >= 0) {
        const int result = wire_receive(socket, UINT32_MAX, &parcel);
        if (result == 1)
            wire_discard(&parcel);
        else if (result == 0 || result == -EAGAIN)
            return;
    }
}

static struct seat *choose_seat(struct stage *stage)
{
    struct broker *broker = &stage->broker;
    return broker->count == 0 ? NULL : broker->seats[input_byte(&stage->input) % broker->count];
}

static void step(struct stage *stage)
{
    const uint8_t choice = input_byte(&stage->input), which = input_byte(&stage->input);
    const int client = stage->client[which % CLIENTS];
    struct seat *seat;
    refill(stage);
    switch (choice % 8) {
    case 0:
    case 1:
        ask(stage, client, which);
        break;
    case 2:
    case 3:
        answer(stage, stage->worker[which % 64], choice >> 3);
        break;
    case 4:
        connect_client(stage, which % CLIENTS);
        break;
    case 5:
        drain(client);
        break;
    case 6:
        shutdown(which & 128 ? client : stage->worker[which % 64], SHUT_RDWR);
        break;
    default:
        seat = choose_seat(stage);
        if (seat != NULL && seat->worker.socket >= 0)
            seat_bury(&stage->broker, seat, input_u16(&stage->input));
    }
}

/* As broker.c serves them. */
static void serve(struct stage *stage)
{
    struct broker *broker = &stage->broker;
    uint32_t kept = 0;
    for (uint32_t i = 0, count = broker->count; i < count; i++) {
        struct seat *seat = broker->seats[i];
        refill(stage);
        if (seat->worker.socket >= 0)
            seat_hear_worker(broker, seat);
        if (seat->control >= 0)
            seat_hear_client(broker, seat);
        seat_tick(broker, seat);
    }
    for (uint32_t i = 0; i < broker->count; i++) {
        if (seat_is_over(broker->seats[i]))
            seat_free(broker->seats[i]);
        else
            broker->seats[kept++] = broker->seats[i];
    }
    broker->count = kept;
}

static void finish(struct stage *stage)
{
    for (uint32_t i = 0; i < stage->broker.count; i++)
        seat_free(stage->broker.seats[i]);
    free(stage->broker.seats);
    free(stage->broker.fds);
    pool_finish(&stage->broker.pool);
    for (uint32_t i = 0; i < CLIENTS; i++)
        if (stage->client[i] >= 0)
            close(stage->client[i]);
    for (uint32_t i = 0; i < 64; i++)
        if (stage->worker[i] >= 0)
            close(stage->worker[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stage stage;
    stage = (struct stage){.input = {data, size}};
    stage.broker.pool.program = program_at("/nonexistent");
    stage.broker.options.deaths = 3;
    stage.broker.options.deaths_s = 1;
    stage.broker.options.hang_ms = 3000;
    stage.broker.options.all.sessions = 4;
    peers_allow_uid(&stage.broker.options.peers, geteuid());
    for (uint32_t i = 0; i < CLIENTS; i++)
        stage.client[i] = -1;
    for (uint32_t i = 0; i < 64; i++)
        stage.worker[i] = -1;
    for (uint32_t i = 0; i < CLIENTS; i++)
        connect_client(&stage, i);
    for (int i = 0; i < STEPS_MOST && !input_is_over(&stage.input); i++) {
        step(&stage);
        serve(&stage);
    }
    finish(&stage);
    return 0;
}
