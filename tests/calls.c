#include "calls.h"

#include <string.h>

#include "culvert/culvert.h"

#define SIDE 16
#define BEFORE 0x5a /* in every byte of an output that must stay as it is */

static const uint8_t pixels[4 * SIDE * SIDE];

static struct culvert_frame good_frame(void)
{
    return (struct culvert_frame){.size = sizeof(struct culvert_frame),
                                  .format = CULVERT_FORMAT_BGRA,
                                  .width = SIDE,
                                  .height = SIDE,
                                  .pts = CULVERT_PTS_NOW};
}

/* What a call writes to: all of it is one struct, so that one look shows whether anything was. */
struct outputs {
    struct culvert_packet packet;
    struct culvert_stats stats;
    uint8_t buffer[4096];
    char text[4096];
    const void *packet_data;
    void *lease_data;
    size_t bytes;
    uint32_t number;
    int fd;
};

static void prepare(struct outputs *out)
{
    memset(out, BEFORE, sizeof *out);
    out->packet.size = sizeof out->packet;
    out->stats.size = sizeof out->stats;
}

static int judge(const struct outputs *out, int result)
{
    struct outputs before;
    prepare(&before);
    return result < 0 && memcmp(out, &before, sizeof before) != 0 ? CALL_TOUCHED : result;
}

#define OUTPUTS(name)    \
    struct outputs name; \
    prepare(&name)

static int submit(uint32_t session)
{
    const struct culvert_frame frame = good_frame();
    return culvert_submit(session, &frame, pixels, sizeof pixels);
}

static int lease(uint32_t session)
{
    OUTPUTS(out);
    return judge(&out,
                 culvert_lease(session, CULVERT_FORMAT_BGRA, SIDE, SIDE, &out.number, &out.lease_data, &out.bytes));
}

static int encode(uint32_t session)
{
    OUTPUTS(out);
    const struct culvert_frame frame = good_frame();
    return judge(&out, culvert_encode(session, &frame, pixels, sizeof pixels, out.buffer, sizeof out.buffer, &out.bytes,
                                      &out.packet, 1));
}

static int receive(uint32_t session)
{
    OUTPUTS(out);
    return judge(&out, culvert_receive(session, out.buffer, sizeof out.buffer, &out.bytes, &out.packet, 0));
}

static int peek(uint32_t session)
{
    OUTPUTS(out);
    return judge(&out, culvert_peek(session, &out.number, &out.packet_data, &out.bytes, &out.packet, 0));
}

static int fd(uint32_t session)
{
    OUTPUTS(out);
    return judge(&out, culvert_fd(session, &out.fd));
}

static int set_bitrate(uint32_t session)
{
    OUTPUTS(out);
    return judge(&out, culvert_set_bitrate(session, 1000, &out.number));
}

static int set_framerate(uint32_t session)
{
    OUTPUTS(out);
    return judge(&out, culvert_set_framerate(session, 30, 1, &out.number));
}

static int set_speed(uint32_t session)
{
    OUTPUTS(out);
    return judge(&out, culvert_set_speed(session, 9, &out.number));
}

static int report_loss(uint32_t session)
{
    OUTPUTS(out);
    return judge(&out, culvert_report_loss(session, 0, &out.number));
}

static int request_keyframe(uint32_t session)
{
    OUTPUTS(out);
    return judge(&out, culvert_request_keyframe(session, &out.number));
}

static int pause(uint32_t session)
{
    OUTPUTS(out);
    return judge(&out, culvert_pause(session, &out.number));
}

static int resume(uint32_t session)
{
    OUTPUTS(out);
    return judge(&out, culvert_resume(session, &out.number));
}

static int stats(uint32_t session)
{
    OUTPUTS(out);
    return judge(&out, culvert_stats(session, &out.stats));
}

static int params(uint32_t session)
{
    OUTPUTS(out);
    return judge(&out, culvert_params(session, out.text, sizeof out.text, &out.bytes));
}

static int error_text(uint32_t session)
{
    OUTPUTS(out);
    return judge(&out, culvert_error_text(session, out.text, sizeof out.text));
}

static int commit(uint32_t loan)
{
    const struct culvert_frame frame = good_frame();
    return culvert_commit(loan, &frame);
}

const struct call calls[] = {
    {"submit", submit, false},
    {"lease", lease, false},
    {"encode", encode, false},
    {"receive", receive, false},
    {"peek", peek, false},
    {"fd", fd, false},
    {"set_bitrate", set_bitrate, false},
    {"set_framerate", set_framerate, false},
    {"set_speed", set_speed, false},
    {"request_keyframe", request_keyframe, false},
    {"report_loss", report_loss, false},
    {"pause", pause, false},
    {"resume", resume, false},
    {"stats", stats, false},
    {"params", params, false},
    {"error_text", error_text, false},
    {"finish", culvert_finish, false},
    {"close", culvert_close, false},
    {"commit", commit, true},
    {"abandon", culvert_abandon, true},
    {"release", culvert_release, true},
};
const size_t calls_count = sizeof calls / sizeof calls[0];
