#include "run.h"

#include "instrument.h"
#include "stream.h"

#define PATIENCE 60000
#define INTERVAL 16667

static const struct {
    uint32_t width, height;
} sizes[] = {{320, 240}, {640, 480}, {1920, 1080}, {640, 480}, {320, 240}, {1920, 1080}};

static int32_t public_speed(int speed)
{
    return speed == 0 ? CULVERT_SPEED_SLOWEST : speed;
}

static void grow_and_shrink(uint32_t codec, int speed, uint32_t warm)
{
    struct culvert_config config = stream_config(codec, CULVERT_POLICY_BLOCK);
    config.speed = public_speed(speed);
    config.threads = 2;
    config.warm = warm;
    config.resize = CULVERT_RESIZE_AT_ONCE;
    config.floor = CULVERT_FLOOR_OVERSHOOT;
    config.flags = CULVERT_CONFIG_COARSE_STILLS;
    const culvert_session session = stream_open(&config);
    const uint32_t each = rounds(3);
    for (uint32_t i = 0; i < each * sizeof sizes / sizeof sizes[0]; i++) {
        const uint32_t width = sizes[i / each].width, height = sizes[i / each].height;
        ck_assert_int_eq(stream_submit(session, width, height, (int64_t)(i + 1) * INTERVAL, i, 0), 0);
        const struct stream_unit unit = stream_receive(session, PATIENCE);
        ck_assert_int_eq(unit.result, 0);
        ck_assert_uint_eq(unit.packet.coded_width, width);
        ck_assert_uint_eq(unit.packet.coded_height, height);
        ck_assert_int_eq((unit.packet.flags & CULVERT_PACKET_EPOCH) != 0, i % each == 0);
    }
    ck_assert_uint_eq(stream_stats(session).failed, 0);
    ck_assert_int_eq(culvert_close(session), 0);
}

START_TEST(vp9_grows_and_shrinks_at_every_speed)
{
    grow_and_shrink(CULVERT_CODEC_VP9, _i, _i % 2 == 0 ? 1 : 3);
}
END_TEST

START_TEST(vp8_grows_and_shrinks_at_every_speed)
{
    grow_and_shrink(CULVERT_CODEC_VP8, _i, _i % 2 == 0 ? 3 : 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("growth");
    TCase *middle = add_case(suite, "middle speeds"), *others = add_case(suite, "other speeds");
    tcase_set_timeout(middle, 600);
    tcase_set_timeout(others, 600);
    tcase_set_tags(others, "long");
    tcase_add_loop_test(middle, vp9_grows_and_shrinks_at_every_speed, 5, 7);
    tcase_add_loop_test(middle, vp8_grows_and_shrinks_at_every_speed, 5, 7);
    tcase_add_loop_test(others, vp9_grows_and_shrinks_at_every_speed, 0, 5);
    tcase_add_loop_test(others, vp9_grows_and_shrinks_at_every_speed, 7, 11);
    tcase_add_loop_test(others, vp8_grows_and_shrinks_at_every_speed, 0, 5);
    tcase_add_loop_test(others, vp8_grows_and_shrinks_at_every_speed, 7, 11);
    return suite;
}
