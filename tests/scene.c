#include "scene.h"

#include <check.h>
#include <string.h>

#include "stream.h"
#include "trial_codec.h"

#define INTERVAL 16667

struct scene scene;
static struct codec codec;

void scene_open(void)
{
    codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    const struct culvert_config config = stream_config(codec.id, CULVERT_POLICY_BLOCK);
    scene = (struct scene){.session = stream_open_with(&codec, &config)};
}

void scene_close(void)
{
    ck_assert_int_eq(culvert_close(scene.session), 0);
}

int64_t scene_tick(void)
{
    return (int64_t)++scene.ticks * INTERVAL;
}

void scene_receive(uint32_t seed)
{
    const struct stream_unit unit = stream_receive(scene.session, PATIENCE);
    ck_assert_int_eq(unit.result, 0);
    ck_assert_uint_eq(unit.packet.frame, ++scene.frames);
    if (seed != 0)
        ck_assert_uint_eq(trial_parse(unit.data, unit.bytes).checksum, trial_checksum(WIDTH, HEIGHT, seed));
}

void scene_go_on(void)
{
    ck_assert_uint_eq(stream_stats(scene.session).submitted, scene.frames);
    ck_assert_int_eq(stream_receive(scene.session, 0).result, CULVERT_E_AGAIN);
    const int64_t pts = scene_tick();
    ck_assert_int_eq(stream_submit(scene.session, WIDTH, HEIGHT, pts, scene.ticks, 0), 0);
    scene_receive(scene.ticks);
}

void scene_named(const char *named)
{
    char text[256];
    ck_assert_int_eq(culvert_error_text(scene.session, text, sizeof text), 0);
    ck_assert_msg(strstr(text, named) != NULL, "\"%s\" does not name %s", text, named);
}
