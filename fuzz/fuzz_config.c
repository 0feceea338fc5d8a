/* The settings of a session: words of the config set to edges and to anything, and the codec's options as text. What
 * opens encodes two frames. */
#include <stdio.h>
#include <string.h>

#include "culvert/culvert.h"
#include "input.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIDE 64
#define WHY 256
#define CHANGES_MOST 12
#define PATIENCE_MS 60000
#define SIZE_MOST 4096 /* that a host may say its struct has */

static const uint32_t codecs[] = {CULVERT_CODEC_H264, CULVERT_CODEC_VP8, CULVERT_CODEC_VP9, CULVERT_CODEC_NULL};

static struct culvert_config settings(struct input *input)
{
    struct culvert_config config;
    uint32_t words[sizeof config / sizeof(uint32_t)];
    must(culvert_config_defaults(&config, sizeof config) == 0);
    config.codec = codecs[input_byte(input) % 4];
    config.fps_num = 60;
    config.fps_den = 1;
    config.max_width = config.max_height = SIDE;
    memcpy(words, &config, sizeof config);
    for (unsigned i = input_byte(input) % CHANGES_MOST; i > 0; i--) {
        const unsigned word = input_byte(input) % (sizeof words / sizeof words[0]);
        words[word] = input_value(input);
    }
    memcpy(&config, words, sizeof config);
    /* Whoever listens at some path is no part of this. */
    config.endpoint[0] = '\0';
    if (input_byte(input) % 4 != 0)
        memset(config.options, 0, sizeof config.options);
    const size_t length = strnlen(config.options, sizeof config.options);
    input_bytes(input, config.options + length, sizeof config.options - length);
    return config;
}

static void encode(culvert_session session, uint32_t number)
{
    static uint8_t pixels[SIDE * SIDE * 4], unit[1 << 20];
    struct culvert_packet packet = {.size = sizeof packet};
    const struct culvert_frame frame = {.size = sizeof frame,
                                        .format = CULVERT_FORMAT_BGRA,
                                        .width = SIDE - 16 * number,
                                        .height = SIDE / 2,
                                        .pts = number * INT64_C(16667)};
    size_t bytes = 0;
    pixels[number] ^= 0x55;
    const int result = culvert_encode(session, &frame, pixels, sizeof pixels, unit, sizeof unit, &bytes, &packet,
                                      PATIENCE_MS);
    must(result != CULVERT_E_TIMEOUT && strcmp(culvert_strerror(result), culvert_strerror(1000)) != 0);
    must(result != 0 || (bytes <= sizeof unit && packet.size == sizeof packet));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    static union {
        struct culvert_config config;
        uint8_t room[SIZE_MOST];
    } theirs;
    culvert_session session = 0;
    char why[WHY] = "";
    theirs.config = settings(&input);
    const size_t behind = sizeof theirs.config + input_byte(&input);
    theirs.room[behind] = input_byte(&input) % 2;
    const int result = culvert_open(&theirs.config, &session, why, sizeof why);
    memset(&theirs, 0, sizeof theirs);
    if (result < 0) {
        must_be_a_line(why, sizeof why);
        must(session == 0);
        return 0;
    }
    must(result == 0 && session != 0 && why[0] == '\0');
    encode(session, 0);
    encode(session, 1);
    must(culvert_close(session) == 0);
    must(culvert_close(session) == CULVERT_E_HANDLE);
    return 0;
}
