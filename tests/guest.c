#include "guest.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "stream.h"

#define PACE_MS 4

struct own_daemon its_daemon;

void guest_start(const char *const *options)
{
    own_daemon_create(&its_daemon);
    own_daemon_start(&its_daemon, options);
}

void guest_stop(void)
{
    own_daemon_remove(&its_daemon);
}

bool guest_has_children(uint32_t alive)
{
    const struct process_children children = process_children(its_daemon.pid);
    return children.alive == alive && children.zombies == 0;
}

struct culvert_config guest_config(const struct own_daemon *daemon, const char *name)
{
    struct culvert_config config = stream_config(CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST);
    snprintf(config.endpoint, sizeof config.endpoint, "%s", daemon->endpoint);
    snprintf(config.name, sizeof config.name, "%s", name);
    return config;
}

struct guest guest_open(const struct culvert_config *config)
{
    return (struct guest){.session = stream_open(config),
                          .width = GUEST_WIDTH,
                          .height = GUEST_HEIGHT,
                          .packet = {.size = sizeof(struct culvert_packet), .pts = -1}};
}

struct guest guest_of(const struct own_daemon *daemon, const char *name)
{
    const struct culvert_config config = guest_config(daemon, name);
    return guest_open(&config);
}

int guest_submit(struct guest *guest)
{
    const int result = stream_submit(guest->session, guest->width, guest->height, CULVERT_PTS_NOW, guest->submitted, 0);
    guest->submitted += result >= 0;
    return result;
}

static void check_packet(const struct culvert_packet *before, const struct culvert_packet *packet)
{
    ck_assert_int_gt(packet->pts, before->pts);
    ck_assert(before->pts < 0 || packet->duration == packet->pts - before->pts);
    ck_assert_uint_ge(packet->epoch, before->epoch);
    ck_assert(packet->epoch == before->epoch || (packet->flags & (CULVERT_PACKET_KEY | CULVERT_PACKET_EPOCH)) ==
                                                    (CULVERT_PACKET_KEY | CULVERT_PACKET_EPOCH));
    ck_assert(packet->frame > before->frame ||
              (packet->frame == before->frame && (packet->flags & CULVERT_PACKET_INSERTED)));
}

int guest_receive(struct guest *guest, uint32_t timeout_ms)
{
    const struct stream_unit unit = stream_receive(guest->session, timeout_ms);
    if (unit.result != 0)
        return unit.result;
    check_packet(&guest->packet, &unit.packet);
    guest->packet = unit.packet;
    guest->packets++;
    return 0;
}

/* A frame, and what comes within a short time. */
static void go_on(struct guest *guest)
{
    const int result = guest_submit(guest);
    ck_assert_msg(result >= 0 || result == CULVERT_E_AGAIN, "submit: %s", culvert_error_name(result));
    uint32_t patience = PACE_MS;
    int received;
    while ((received = guest_receive(guest, patience)) == 0)
        patience = 0;
    ck_assert_msg(received == CULVERT_E_AGAIN, "receive: %s", culvert_error_name(received));
}

void guest_flow(struct guest *guest)
{
    const uint32_t before = guest->submitted;
    ck_assert(COMES((go_on(guest), guest->packet.frame > before), GUEST_PATIENCE_MS));
}

void guest_reach(struct guest *guest, uint32_t epoch)
{
    ck_assert(COMES((go_on(guest), guest->packet.epoch >= epoch), GUEST_PATIENCE_MS));
    ck_assert_uint_eq(guest->packet.epoch, epoch);
}

struct culvert_stats guest_stats(const struct guest *guest)
{
    return stream_stats(guest->session);
}

struct culvert_stats guest_end(struct guest *guest)
{
    int result;
    ck_assert_int_eq(culvert_finish(guest->session), 0);
    while ((result = guest_receive(guest, GUEST_PATIENCE_MS)) == 0)
        continue;
    ck_assert_msg(result == CULVERT_EOS, "the stream ends with %s", culvert_error_name(result));
    const struct culvert_stats stats = stream_stats(guest->session);
    ck_assert_uint_eq(stats.submitted, guest->submitted);
    ck_assert_uint_eq(stats.settled, stats.submitted);
    ck_assert_uint_eq(stats.failed, 0);
    ck_assert_int_eq(culvert_close(guest->session), 0);
    return stats;
}
