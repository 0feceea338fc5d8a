#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "stream.h"

#define BARS 8
#define WIDTH 320
#define HEIGHT 240
#define TOLERANCE 6.0

static const uint8_t bars[BARS][3] = {{255, 255, 255}, {255, 255, 0}, {0, 255, 255}, {0, 255, 0},
                                      {255, 0, 255},   {255, 0, 0},   {0, 0, 255},   {0, 0, 0}};

static const uint8_t *bar_at(size_t x)
{
    return bars[x * BARS / WIDTH];
}

/* R'G'B' to Y'CbCr by the definition (Rec. ITU-T H.273, equations 38 to 45), rounded. */
static void to_yuv(const uint8_t rgb[3], bool bt709, bool full, uint8_t yuv[3])
{
    const double kr = bt709 ? 0.2126 : 0.299, kb = bt709 ? 0.0722 : 0.114;
    const double r = rgb[0] / 255.0, g = rgb[1] / 255.0, b = rgb[2] / 255.0;
    const double y = kr * r + (1 - kr - kb) * g + kb * b;
    const double cb = (b - y) / (2 * (1 - kb)), cr = (r - y) / (2 * (1 - kr));
    const double values[3] = {full ? 255 * y : 16 + 219 * y, 128 + (full ? 255 : 224) * cb,
                              128 + (full ? 255 : 224) * cr};
    for (int i = 0; i < 3; i++)
        yuv[i] = (uint8_t)lround(values[i] < 0 ? 0 : values[i] > 255 ? 255 : values[i]);
}

static void paint_yuv(uint8_t *data, bool interleaved, bool bt709, bool full)
{
    uint8_t *chroma = data + WIDTH * HEIGHT;
    for (size_t y = 0; y < HEIGHT; y++)
        for (size_t x = 0; x < WIDTH; x++) {
            uint8_t yuv[3];
            to_yuv(bar_at(x), bt709, full, yuv);
            const size_t at = y / 2 * (WIDTH / 2) + x / 2;
            data[y * WIDTH + x] = yuv[0];
            chroma[interleaved ? 2 * at : at] = yuv[1];
            chroma[interleaved ? 2 * at + 1 : at + WIDTH * HEIGHT / 4] = yuv[2];
        }
}

static void paint_rgb(uint8_t *data, uint32_t format)
{
    for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
        const uint8_t *c = bar_at(i % WIDTH);
        const uint32_t xrgb = (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
        const uint16_t rgb565 = (uint16_t)(c[0] >> 3 << 11 | c[1] >> 2 << 5 | c[2] >> 3);
        const uint16_t rgb555 = (uint16_t)(c[0] >> 3 << 10 | c[1] >> 3 << 5 | c[2] >> 3);
        const uint8_t bgra[4] = {c[2], c[1], c[0], 7}, rgba[4] = {c[0], c[1], c[2], 7};
        switch (format) {
        case CULVERT_FORMAT_BGRA:
            memcpy(data + 4 * i, bgra, 4);
            break;
        case CULVERT_FORMAT_RGBA:
            memcpy(data + 4 * i, rgba, 4);
            break;
        case CULVERT_FORMAT_XRGB8888:
            memcpy(data + 4 * i, &xrgb, 4);
            break;
        case CULVERT_FORMAT_RGB565:
            memcpy(data + 2 * i, &rgb565, 2);
            break;
        default:
            memcpy(data + 2 * i, &rgb555, 2);
        }
    }
}

static const struct {
    uint32_t format, matrix, range;
} kinds[] = {
    {CULVERT_FORMAT_BGRA, 0, 0},   {CULVERT_FORMAT_RGBA, 0, 0},     {CULVERT_FORMAT_XRGB8888, 0, 0},
    {CULVERT_FORMAT_RGB565, 0, 0}, {CULVERT_FORMAT_0RGB1555, 0, 0}, {CULVERT_FORMAT_I420, 0, 0},
    {CULVERT_FORMAT_I420, 1, 0},   {CULVERT_FORMAT_I420, 0, 1},     {CULVERT_FORMAT_I420, 1, 1},
    {CULVERT_FORMAT_NV12, 0, 0},   {CULVERT_FORMAT_NV12, 1, 0},     {CULVERT_FORMAT_NV12, 0, 1},
    {CULVERT_FORMAT_NV12, 1, 1},
};
#define KINDS (int)(sizeof kinds / sizeof kinds[0])

/* Encodes one frame of bars into a file of its own. */
static void encode_bars(int kind, const char *path)
{
    struct culvert_config config = stream_config(CULVERT_CODEC_H264, CULVERT_POLICY_BLOCK);
    config.bitrate_kbps = 50000;
    config.burst_ms = 1000;
    culvert_session session = stream_open(&config);
    static uint8_t data[4 * WIDTH * HEIGHT], unit[1 << 20];
    const struct culvert_frame frame = {.size = sizeof frame,
                                        .format = kinds[kind].format,
                                        .width = WIDTH,
                                        .height = HEIGHT,
                                        .matrix = kinds[kind].matrix,
                                        .range = kinds[kind].range};
    if (frame.format == CULVERT_FORMAT_I420 || frame.format == CULVERT_FORMAT_NV12)
        paint_yuv(data, frame.format == CULVERT_FORMAT_NV12, frame.matrix, frame.range);
    else
        paint_rgb(data, frame.format);
    size_t bytes;
    ck_assert_int_eq(culvert_encode(session, &frame, data, sizeof data, unit, sizeof unit, &bytes, NULL, 20000), 0);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(unit, 1, bytes, file), bytes);
    fclose(file);
    culvert_close(session);
}

START_TEST(colour_bars_come_back_as_they_were)
{
    char path[] = "/tmp/culvert-bars-XXXXXX", command[256];
    static uint8_t rgb[3 * WIDTH * HEIGHT];
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    encode_bars(_i, path);
    /* ffmpeg converts by what the stream says of itself. */
    snprintf(command, sizeof command,
             "ffmpeg -v error -f h264 -i %s -sws_flags accurate_rnd -f rawvideo -pix_fmt rgb24 -", path);
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    const size_t got = fread(rgb, 1, sizeof rgb, pipe);
    ck_assert_int_eq(pclose(pipe), 0);
    unlink(path);
    ck_assert_uint_eq(got, sizeof rgb);
    for (size_t bar = 0; bar < BARS; bar++) {
        const uint8_t *at = rgb + 3 * (HEIGHT / 2 * WIDTH + bar * WIDTH / BARS + WIDTH / BARS / 2);
        for (size_t c = 0; c < 3; c++)
            ck_assert_msg(fabs((double)at[c] - bars[bar][c]) <= TOLERANCE,
                          "format %u, matrix %u, range %u, bar %zu: %u %u %u came back as %u %u %u", kinds[_i].format,
                          kinds[_i].matrix, kinds[_i].range, bar, bars[bar][0], bars[bar][1], bars[bar][2], at[0],
                          at[1], at[2]);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("colour");
    TCase *tcase = tcase_create("bars");
    tcase_set_timeout(tcase, 60);
    /* Without a decoder there is nothing to prove: a suite without tests counts as skipped. */
    if (system("command -v ffmpeg >/dev/null") == 0)
        tcase_add_loop_test(tcase, colour_bars_come_back_as_they_were, 0, KINDS);
    suite_add_tcase(suite, tcase);
    return suite;
}
