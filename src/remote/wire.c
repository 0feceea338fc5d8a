#include "remote/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* No padding, and 64-bit fields where 4-byte and 8-byte alignment put them alike. */
_Static_assert(sizeof(struct wire_header) == 16, "");
_Static_assert(sizeof(struct wire_open) == 784 && offsetof(struct wire_open, config) == 16, "");
_Static_assert(sizeof(struct wire_layout) == 24 && offsetof(struct wire_layout, slots) == 16, "");
_Static_assert(sizeof(struct wire_opened) == 56 && offsetof(struct wire_opened, pixel_rate) == 24, "");
_Static_assert(offsetof(struct wire_opened, layout) == 32, "");
_Static_assert(sizeof(struct wire_worker) == 24 && offsetof(struct wire_worker, incarnation) == 16, "");
_Static_assert(sizeof(struct wire_refused) == 280 && offsetof(struct wire_refused, text) == 24, "");
_Static_assert(sizeof(struct wire_list) == 24 && offsetof(struct wire_list, after) == 16, "");
_Static_assert(sizeof(struct wire_listed) == 360 && offsetof(struct wire_listed, listing) == 16, "");
_Static_assert(sizeof(struct wire_watch) == 48 && sizeof(struct wire_watched) == 784, "");
_Static_assert(sizeof(struct wire_assign) == 824 && offsetof(struct wire_assign, layout) == 784, "");
_Static_assert(offsetof(struct wire_assign, pixel_rate) == 808 && offsetof(struct wire_assign, id) == 816, "");
_Static_assert(sizeof(struct wire_ready) == 280 && offsetof(struct wire_ready, text) == 24, "");
_Static_assert(sizeof(struct wire_pulse) == 440 && offsetof(struct wire_pulse, stats) == 24, "");
_Static_assert(offsetof(struct wire_pulse, total) == 304, "");
_Static_assert(sizeof(struct codec_rate) == 20 && sizeof(struct codec_geometry) == 32, "");
_Static_assert(sizeof(struct queue_place) == 8, "");
_Static_assert(sizeof(struct wanted) == 56 && offsetof(struct wanted, lost) == 40, "");
_Static_assert(offsetof(struct wanted, paused) == 20 && offsetof(struct wanted, losses) == 36, "");
_Static_assert(sizeof(struct counts) == 176 && offsetof(struct counts, outcomes) == 16, "");
_Static_assert(offsetof(struct counts, displaced) == 64 && offsetof(struct counts, last) == 168, "");
_Static_assert(offsetof(struct counts, epochs) == 104 && offsetof(struct counts, recovered) == 160, "");
_Static_assert(sizeof(struct wire_state) == 112 && offsetof(struct wire_state, canvas) == 72, "");
_Static_assert(sizeof(struct wire_start) == 344 && offsetof(struct wire_start, counts) == 112, "");
_Static_assert(offsetof(struct wire_start, place) == 288 && offsetof(struct wire_start, packet_pts) == 296, "");
_Static_assert(offsetof(struct wire_start, proven) == 312, "");
_Static_assert(sizeof(struct wire_report) == 408 && offsetof(struct wire_report, opened) == 192, "");
_Static_assert(offsetof(struct wire_report, packet) == 256 && offsetof(struct wire_report, offset) == 392, "");
_Static_assert(sizeof(struct wire_note_text) == 2072 && offsetof(struct wire_note_text, text) == 24, "");
_Static_assert(sizeof(struct wire_copy) == 168 + WIRE_CHUNK && offsetof(struct wire_copy, chunk) == 168, "");

static const struct {
    uint32_t bytes, fds;
} kinds_known[WIRE_KINDS] = {
    [WIRE_OPEN] = {sizeof(struct wire_open), 0},      [WIRE_LIST] = {sizeof(struct wire_list), 0},
    [WIRE_WATCH] = {sizeof(struct wire_watch), 0},    [WIRE_OPENED] = {sizeof(struct wire_opened), 1},
    [WIRE_WORKER] = {sizeof(struct wire_worker), 2},  [WIRE_REFUSED] = {sizeof(struct wire_refused), 0},
    [WIRE_LISTED] = {sizeof(struct wire_listed), 0},  [WIRE_WATCHED] = {sizeof(struct wire_watched), 1},
    [WIRE_ASSIGN] = {sizeof(struct wire_assign), 3},  [WIRE_TAP] = {sizeof(struct wire_header), 1},
    [WIRE_READY] = {sizeof(struct wire_ready), 0},    [WIRE_PULSE] = {sizeof(struct wire_pulse), 0},
    [WIRE_START] = {sizeof(struct wire_start), 0},    [WIRE_STATE] = {sizeof(struct wire_state), 0},
    [WIRE_BELL] = {sizeof(struct wire_header), 0},    [WIRE_REPORT] = {sizeof(struct wire_report), 0},
    [WIRE_NOTE] = {sizeof(struct wire_note_text), 0}, [WIRE_COPY] = {sizeof(struct wire_copy), 0},
};

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(WIRE_FDS * sizeof(int))];
};

static void attach(struct msghdr *envelope, union control *control, const int *fds, uint32_t count)
{
    if (count == 0)
        return;
    memset(control, 0, sizeof *control);
    envelope->msg_control = control;
    envelope->msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *header = &control->header;
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
}

int wire_send(int socket, enum wire_kind kind, void *message, size_t bytes, const int *fds, uint32_t count)
{
    *(struct wire_header *)message = (struct wire_header){WIRE_MAGIC, WIRE_VERSION, kind, (uint32_t)bytes};
    struct iovec vector = {.iov_base = message, .iov_len = bytes};
    struct msghdr envelope = {.msg_iov = &vector, .msg_iovlen = 1};
    union control control;
    attach(&envelope, &control, fds, count);
    ssize_t sent;
    do
        sent = sendmsg(socket, &envelope, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    /* A kernel that has no memory for it now may have some later. */
    if (sent < 0)
        return errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM ? -EAGAIN : -errno;
    return 0;
}

/* ---- Receiving --------------------------------------------------------------------------------------------------- */

void wire_discard(struct wire_parcel *parcel)
{
    for (uint32_t i = 0; i < parcel->count; i++) {
        if (parcel->fds[i] >= 0)
            close(parcel->fds[i]);
    }
    parcel->count = 0;
}

static void collect(struct msghdr *envelope, struct wire_parcel *parcel)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(envelope);
    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return;
    parcel->count = (uint32_t)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(parcel->fds, CMSG_DATA(header), parcel->count * sizeof(int));
}

/* Where no descriptor is left, those of a message are missing; where a sender has put in too many, they are not. */
static bool misses_fds(const struct wire_parcel *parcel)
{
    const struct wire_header *header = &parcel->message.header;
    return header->kind < WIRE_KINDS && parcel->count < kinds_known[header->kind].fds;
}

static bool carries_fds(uint32_t kinds)
{
    for (uint32_t kind = 0; kind < WIRE_KINDS; kind++) {
        if ((kinds & WIRE_MASK(kind)) && kinds_known[kind].fds > 0)
            return true;
    }
    return false;
}

/* Of a message of `bytes` bytes that came whole. */
static int judge(const struct wire_parcel *parcel, uint32_t kinds, size_t bytes)
{
    const struct wire_header *header = &parcel->message.header;
    if (bytes < sizeof *header || header->magic != WIRE_MAGIC)
        return -EPROTO;
    if (header->version != WIRE_VERSION)
        return -EPROTONOSUPPORT;
    if (header->kind >= WIRE_KINDS || !(kinds & WIRE_MASK(header->kind)) || header->bytes != bytes ||
        bytes != kinds_known[header->kind].bytes || parcel->count != kinds_known[header->kind].fds)
        return -EPROTO;
    return 1;
}

int wire_receive(int socket, uint32_t kinds, struct wire_parcel *parcel)
{
    struct iovec vector = {.iov_base = &parcel->message, .iov_len = sizeof parcel->message};
    union control control;
    struct msghdr envelope = {.msg_iov = &vector, .msg_iovlen = 1};
    /* Without room for them the kernel keeps a peer's descriptors from coming in at all. */
    if (carries_fds(kinds)) {
        envelope.msg_control = &control;
        /* Not CMSG_SPACE, whose padding has room for one more, which a sender could fill. */
        envelope.msg_controllen = CMSG_LEN(WIRE_FDS * sizeof(int));
    }
    ssize_t bytes;
    bool reset = false;
    /* A peer that ends with something unread resets the connection; what it had said lies behind that error. */
    do
        bytes = recvmsg(socket, &envelope, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (bytes < 0 && (errno == EINTR || (errno == ECONNRESET && !reset && (reset = true))));
    /* What the kernel has no memory for now stays where it is. */
    if (bytes < 0)
        return errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM ? -EAGAIN : -errno;
    parcel->count = 0;
    collect(&envelope, parcel);
    int result = bytes == 0 ? 0 : judge(parcel, kinds, (size_t)bytes);
    const bool cut = envelope.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
    if (result == -EPROTO && (envelope.msg_flags & MSG_CTRUNC) && carries_fds(kinds) && misses_fds(parcel))
        result = -EMFILE;
    if (result != 1 || cut)
        wire_discard(parcel);
    /* An older version's message may well be longer than any of ours. */
    return cut && result == 1 ? -EPROTO : result;
}
