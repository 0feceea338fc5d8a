/* Encodes ten seconds of a moving picture that changes its size every second, as a game does:
 *
 *     cc encode.c -o encode $(pkg-config --cflags --libs culvert) && ./encode out.h264
 */
#include <culvert/culvert.h>
#include <stdio.h>
#include <stdlib.h>

#define FPS 60
#define SECONDS 10

static const uint32_t sizes[][2] = {{256, 224}, {320, 240}, {368, 240}, {512, 240}, {640, 480}};

static uint16_t pixels[640 * 480];
static uint8_t unit[4 << 20];

static void draw(uint32_t width, uint32_t height, uint32_t time)
{
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            pixels[y * width + x] = (uint16_t)((x + time) / 8 % 32 << 11 | (y + time / 2) / 4 % 64 << 5 | (x ^ y) % 32);
}

static int complain(const char *what, int error, const char *why)
{
    fprintf(stderr, "encode: %s: %s%s%s\n", what, culvert_strerror(error), *why ? ": " : "", why);
    return EXIT_FAILURE;
}

/* Writes every packet that is there within timeout_ms; returns what ended the loop. */
static int write_packets(culvert_session session, FILE *file, uint32_t timeout_ms)
{
    struct culvert_packet packet = {.size = sizeof packet};
    size_t bytes;
    int result;
    while ((result = culvert_receive(session, unit, sizeof unit, &bytes, &packet, timeout_ms)) == CULVERT_OK) {
        if (packet.flags & CULVERT_PACKET_EPOCH)
            printf("%6.2f s: %ux%u\n", (double)packet.pts / 1e6, packet.width, packet.height);
        fwrite(unit, 1, bytes, file);
    }
    return result;
}

/* The loop that the header shows. Packets are fetched in the same thread; a second one could do it as well. */
static int encode(culvert_session session, FILE *file)
{
    struct culvert_frame frame = {.size = sizeof frame, .format = CULVERT_FORMAT_RGB565};
    for (uint32_t i = 0; i < FPS * SECONDS; i++) {
        frame.width = sizes[i / FPS % 5][0];
        frame.height = sizes[i / FPS % 5][1];
        frame.pts = (int64_t)i * 1000000 / FPS;
        draw(frame.width, frame.height, i);
        int result;
        while ((result = culvert_submit(session, &frame, pixels, sizeof pixels)) == CULVERT_E_AGAIN)
            write_packets(session, file, 100);
        if (result < 0)
            return result;
        write_packets(session, file, 0);
    }
    culvert_finish(session);
    const int result = write_packets(session, file, CULVERT_WAIT_FOREVER);
    return result == CULVERT_EOS ? 0 : result;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "usage: encode OUT.h264\n"), 2;
    struct culvert_config config;
    culvert_config_defaults(&config, sizeof config);
    config.fps_num = FPS;
    config.fps_den = 1;
    config.policy = CULVERT_POLICY_BLOCK; /* a file wants every frame; a live stream the newest */

    char why[256];
    culvert_session session;
    int result = culvert_open(&config, &session, why, sizeof why);
    if (result < 0)
        return complain("open", result, why);
    FILE *file = fopen(argv[1], "wb");
    if (file == NULL)
        return perror(argv[1]), EXIT_FAILURE;
    result = encode(session, file);
    if (result < 0) {
        culvert_error_text(session, why, sizeof why);
        return complain("encode", result, why);
    }
    culvert_close(session);
    const int lost = ferror(file);
    if (fclose(file) == 0 && !lost)
        return EXIT_SUCCESS;
    return fprintf(stderr, "encode: %s: not all of it could be written: make room\n", argv[1]), EXIT_FAILURE;
}
