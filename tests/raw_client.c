#include "raw_client.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "session/config.h"
#include "session/epoch.h"

#define PATIENCE_MS 20000
#define FDS_MOST 64

struct culvert_config raw_config(uint32_t policy)
{
    struct culvert_config config;
    config_defaults(&config);
    config.size = sizeof config;
    config.codec = CULVERT_CODEC_NULL;
    config.fps_num = 60;
    config.fps_den = 1;
    config.max_width = config.max_height = 64;
    config.policy = policy;
    config.slots = policy == CULVERT_POLICY_LATEST ? 0 : 4;
    config.refresh_ms = CULVERT_NEVER;
    config.flags = CULVERT_CONFIG_COARSE_STILLS;
    strcpy(config.name, "hostile");
    return config;
}

bool raw_connect(struct raw *raw, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *raw = (struct raw){.control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), .data = -1};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    return raw->control >= 0 && connect(raw->control, (struct sockaddr *)&address, sizeof address) == 0;
}

struct wire_header raw_header(enum wire_kind kind, size_t bytes)
{
    return (struct wire_header){WIRE_MAGIC, WIRE_VERSION, kind, (uint32_t)bytes};
}

bool raw_send(int socket, const void *bytes, size_t size, const int *fds, uint32_t count)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(FDS_MOST * sizeof(int))];
    } control = {0};
    struct iovec vector = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr envelope = {.msg_iov = &vector, .msg_iovlen = 1};
    if (count > 0) {
        envelope.msg_control = &control;
        envelope.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
    }
    return sendmsg(socket, &envelope, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
}

int raw_await(int socket, uint32_t kinds, struct wire_parcel *parcel, int milliseconds)
{
    const int64_t deadline = clock_now() + (int64_t)milliseconds * 1000;
    for (;;) {
        const int result = wire_receive(socket, kinds, parcel);
        const int64_t left = deadline - clock_now();
        if (result != -EAGAIN || left <= 0)
            return result;
        struct pollfd ready = {.fd = socket, .events = POLLIN};
        poll(&ready, 1, (int)(left / 1000) + 1);
    }
}

bool raw_ends(int socket, int milliseconds)
{
    struct wire_parcel parcel;
    const int64_t deadline = clock_now() + (int64_t)milliseconds * 1000;
    for (;;) {
        const int64_t left = deadline - clock_now();
        const int result = raw_await(socket, UINT32_MAX, &parcel, left > 0 ? (int)(left / 1000) + 1 : 0);
        if (result == 1)
            wire_discard(&parcel);
        else if (result != -EPROTO)
            return result != -EAGAIN;
    }
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

bool raw_open(struct raw *raw, const struct culvert_config *config)
{
    struct wire_open open = {.header = raw_header(WIRE_OPEN, sizeof open), .config = *config};
    struct wire_parcel parcel;
    struct queue_reader nobody;
    raw->config = *config;
    if (!raw_send(raw->control, &open, sizeof open, NULL, 0) ||
        raw_await(raw->control, WIRE_MASK(WIRE_OPENED), &parcel, PATIENCE_MS) != 1)
        return false;
    raw->layout = parcel.message.opened.layout;
    raw->bytes = (size_t)queue_bytes(raw->layout.slots, (size_t)raw->layout.slot_bytes);
    raw->memory = mmap(NULL, raw->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, parcel.fds[0], 0);
    wire_discard(&parcel);
    if (raw->memory == MAP_FAILED)
        raw->memory = NULL;
    else
        queue_init(raw->memory, config->policy == CULVERT_POLICY_LATEST, raw->layout.slots,
                   (size_t)raw->layout.slot_bytes, &raw->writer, &nobody);
    return raw->memory != NULL;
}

bool raw_worker(struct raw *raw)
{
    struct wire_parcel parcel;
    if (raw_await(raw->control, WIRE_MASK(WIRE_WORKER), &parcel, PATIENCE_MS) != 1)
        return false;
    raw->data = parcel.fds[0];
    close(parcel.fds[1]);
    return true;
}

struct wire_start raw_start(const struct raw *raw)
{
    struct wire_start start = {.state.header = raw_header(WIRE_START, sizeof start), .packet_pts = -1};
    start.place = queue_vacancy(&raw->writer);
    start.state.wanted.rate = config_rate(&raw->config);
    start.state.wanted.lost = INT64_MAX;
    start.proven = (struct codec_geometry){64, 48, 1, 1, H273_BT601, CULVERT_RANGE_LIMITED, 1, 13};
    return start;
}

bool raw_begin(struct raw *raw, const char *path, const struct culvert_config *config)
{
    if (!raw_connect(raw, path) || !raw_open(raw, config) || !raw_worker(raw))
        return false;
    const struct wire_start start = raw_start(raw);
    return raw_send(raw->data, &start, sizeof start, NULL, 0);
}

bool raw_publish(struct raw *raw)
{
    if (!queue_room(&raw->writer))
        return false;
    const int64_t now = clock_now();
    raw->pts += 16667;
    *queue_filling(&raw->writer) = (struct frame){.pts = raw->pts,
                                                  .submitted_at = now,
                                                  .queued_at = now,
                                                  .content = raw->writer.submitted,
                                                  .width = 64,
                                                  .height = 48,
                                                  .aspect_num = 4,
                                                  .aspect_den = 3,
                                                  .primaries = 2,
                                                  .transfer = 2};
    queue_publish(&raw->writer);
    raw_bell(raw);
    return true;
}

void raw_bell(struct raw *raw)
{
    const struct wire_header bell = raw_header(WIRE_BELL, sizeof bell);
    raw_send(raw->data, &bell, sizeof bell, NULL, 0);
}

int raw_drain(struct raw *raw)
{
    struct wire_parcel parcel;
    int packets = 0;
    for (;;) {
        const int result = wire_receive(raw->data, WIRE_MASK(WIRE_REPORT) | WIRE_MASK(WIRE_NOTE), &parcel);
        if (result == -EAGAIN)
            return packets;
        if (result != 1)
            return -1;
        if (parcel.message.header.kind == WIRE_REPORT && (parcel.message.report.flags & WIRE_PACKET)) {
            packets++;
            atomic_fetch_add(&raw->writer.shared->released, 1);
        }
    }
}

void raw_close(struct raw *raw)
{
    if (raw->control >= 0)
        close(raw->control);
    if (raw->data >= 0)
        close(raw->data);
    if (raw->memory != NULL)
        munmap(raw->memory, raw->bytes);
    *raw = (struct raw){.control = -1, .data = -1};
}
