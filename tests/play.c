#include "play.h"

#include <check.h>
#include <time.h>

struct culvert_config play_config(const struct codec *codec)
{
    struct culvert_config config = stream_config(codec->id, CULVERT_POLICY_BLOCK);
    config.slots = 16;
    config.flags = 0;
    config.floor = CULVERT_FLOOR_DROP;
    return config;
}

culvert_session play_open(const struct codec *codec)
{
    struct culvert_config config = stream_config(codec->id, CULVERT_POLICY_BLOCK);
    config.slots = 16;
    return stream_open_with(codec, &config);
}

void play_submit(culvert_session session, uint32_t number, uint32_t flags)
{
    ck_assert_int_eq(stream_submit(session, WIDTH, HEIGHT, PTS(number), number, flags), 0);
}

void play_sized(culvert_session session, uint32_t number, uint32_t width, uint32_t height)
{
    ck_assert_int_eq(stream_submit(session, width, height, PTS(number), number, 0), 0);
}

void play_same(culvert_session session, uint32_t number)
{
    struct culvert_frame same = stream_frame(0, 0, PTS(number));
    same.flags = CULVERT_FRAME_SAME;
    ck_assert_int_eq(culvert_submit(session, &same, NULL, 0), 0);
}

struct culvert_packet play_unit(culvert_session session, uint64_t frame, uint32_t flags, struct trial_unit *unit)
{
    const struct stream_unit received = stream_receive(session, PATIENCE);
    ck_assert_msg(received.result == 0, "frame %u: %s", (unsigned)frame, culvert_error_name(received.result));
    ck_assert_uint_eq(received.packet.frame, frame);
    ck_assert_msg(received.packet.flags == (flags | SLICES), "frame %u: flags %#x, not %#x", (unsigned)frame,
                  received.packet.flags, flags | SLICES);
    if (received.bytes > 0 && unit != NULL)
        *unit = trial_parse(received.data, received.bytes);
    return received.packet;
}

struct culvert_packet play_expect(culvert_session session, uint64_t frame, uint32_t flags)
{
    return play_unit(session, frame, flags, NULL);
}

struct culvert_packet play_pass(culvert_session session, uint32_t number, uint32_t flags)
{
    play_submit(session, number, 0);
    return play_expect(session, number, flags);
}

void play_quiet(culvert_session session)
{
    ck_assert_int_eq(stream_receive(session, 60).result, CULVERT_E_AGAIN);
}

void play_sleep(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

void play_settled(culvert_session session, uint64_t count)
{
    while (stream_stats(session).settled < count)
        play_sleep(1);
}

void play_open_encoders(culvert_session session, uint32_t count)
{
    while (stream_stats(session).open_encoders != count)
        play_sleep(1);
}
