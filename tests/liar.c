#include "liar.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/platform.h"
#include "raw_client.h"
#include "session/session.h"

#define PATIENCE_MS 20000

void liar_begin(struct liar *liar)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *liar = (struct liar){.dir = "/tmp/culvert-liar-XXXXXX", .control = -1, .data = -1, .frames = -1, .packets = -1};
    ck_assert_ptr_nonnull(mkdtemp(liar->dir));
    snprintf(liar->path, sizeof liar->path, "%s/s", liar->dir);
    snprintf(liar->endpoint, sizeof liar->endpoint, "unix:%s", liar->path);
    strcpy(address.sun_path, liar->path);
    liar->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(liar->listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(liar->listener, 8), 0);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void liar_end(struct liar *liar)
{
    close_fd(&liar->listener);
    close_fd(&liar->control);
    close_fd(&liar->data);
    close_fd(&liar->frames);
    close_fd(&liar->packets);
    if (liar->shared != NULL)
        munmap(liar->shared, queue_shared_bytes());
    unlink(liar->path);
    rmdir(liar->dir);
}

void liar_hang_up(struct liar *liar)
{
    close_fd(&liar->control);
    close_fd(&liar->data);
}

struct culvert_config liar_config(const struct liar *liar, uint32_t policy)
{
    struct culvert_config config = raw_config(policy);
    config.flags = liar->flags;
    strcpy(config.endpoint, liar->endpoint);
    return config;
}

void liar_accept(struct liar *liar, enum wire_kind kind, struct wire_parcel *parcel)
{
    close_fd(&liar->control);
    /* cppcheck-suppress nullPointer ; accept4 may be given none */
    liar->control = accept4(liar->listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(liar->control, 0);
    ck_assert_int_eq(raw_await(liar->control, WIRE_MASK(kind), parcel, PATIENCE_MS), 1);
}

void liar_opened(struct liar *liar, const struct wire_open *open, struct wire_opened *opened)
{
    liar->config = open->config;
    const struct session_layout layout = session_layout(&liar->config, &codec_null);
    liar->layout = (struct wire_layout){layout.slot_bytes, layout.unit_bytes, layout.slots, layout.unit_packets};
    *opened = (struct wire_opened){
        .id = 1, .pixel_rate = liar->granted != 0 ? liar->granted : UINT64_MAX, .layout = liar->layout};
    close_fd(&liar->frames);
    liar->frames = platform_memory_create("liar-frames", (size_t)queue_bytes(layout.slots, (size_t)layout.slot_bytes));
    ck_assert_int_ge(liar->frames, 0);
    liar->shared = mmap(NULL, queue_shared_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, liar->frames, 0);
    ck_assert(liar->shared != MAP_FAILED);
}

void liar_worker(struct liar *liar)
{
    struct wire_worker message = {.incarnation = 1};
    int ends[2];
    close_fd(&liar->data);
    close_fd(&liar->packets);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    liar->data = ends[1];
    liar->packets = platform_memory_create(
        "liar-packets", outbox_memory_bytes((size_t)liar->layout.unit_bytes, liar->layout.unit_packets));
    const int fds[] = {ends[0], liar->packets};
    ck_assert_int_eq(wire_send(liar->control, WIRE_WORKER, &message, sizeof message, fds, 2), 0);
    close(ends[0]);
}

static void *serve(void *argument)
{
    struct liar *liar = argument;
    struct wire_parcel parcel;
    struct wire_opened opened;
    liar_accept(liar, WIRE_OPEN, &parcel);
    liar_opened(liar, &parcel.message.open, &opened);
    wire_send(liar->control, WIRE_OPENED, &opened, sizeof opened, &liar->frames, 1);
    liar_worker(liar);
    return NULL;
}

culvert_session liar_open(struct liar *liar, uint32_t policy)
{
    const struct culvert_config config = liar_config(liar, policy);
    struct culvert_stats stats = {.size = sizeof stats};
    struct wire_parcel parcel;
    pthread_t thread;
    culvert_session session = 0;
    char why[256] = "";
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, liar), 0);
    const int result = culvert_open(&config, &session, why, sizeof why);
    pthread_join(thread, NULL);
    ck_assert_msg(result == 0, "%s", why);
    /* Any call takes in that there is a worker. */
    ck_assert_int_eq(culvert_stats(session, &stats), 0);
    ck_assert_int_eq(raw_await(liar->data, WIRE_MASK(WIRE_START), &parcel, PATIENCE_MS), 1);
    liar->start = parcel.message.start;
    return session;
}

struct wire_report liar_report(const struct liar *liar, uint64_t settled)
{
    struct wire_report report = {.counts = liar->start.counts};
    report.counts.taken = report.counts.settled = report.counts.outcomes[ENCODED] = settled;
    return report;
}

struct wire_report liar_packet(const struct liar *liar, uint64_t frame)
{
    struct wire_report report = liar_report(liar, frame);
    report.flags = WIRE_PACKET;
    report.bytes = 32;
    report.packet = (struct culvert_packet){.size = sizeof report.packet,
                                            .flags = CULVERT_PACKET_FIRST_SLICE | CULVERT_PACKET_LAST_SLICE,
                                            .pts = (int64_t)frame * 1000,
                                            .frame = frame,
                                            .width = 64,
                                            .height = 64,
                                            .coded_width = 64,
                                            .coded_height = 64,
                                            .aspect_num = 1,
                                            .aspect_den = 1};
    return report;
}
