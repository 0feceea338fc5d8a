/* A host that calls whatever it likes: several sessions of all codecs, whose sizes, rates, speeds and losses change at
 * every step, leases and peeks that outlive them, handles that are stale. */
#include <stdio.h>
#include <string.h>

#include "culvert/culvert.h"
#include "input.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SESSIONS 3
#define LOANS 6
#define STEPS_MOST 120
#define SIDE 96
#define PICTURE ((size_t)SIDE * SIDE * 4)
#define PATIENCE_MS 60000

struct stream {
    culvert_session session; /* stays when it is closed: then it is stale */
    bool open, inserted;     /* the last packet was */
    int64_t pts, packet_pts;
    uint32_t epoch;
};

static struct {
    struct input input;
    struct stream streams[SESSIONS];
    culvert_loan leases[LOANS], peeks[LOANS];
    struct culvert_frame leased[LOANS];
    uint8_t pixels[PICTURE + 256];
    uint8_t unit[1 << 20];
} host;

/* One of the table, by a byte. */
#define PICK(table) table[input_byte(&host.input) % (sizeof table / sizeof table[0])]

/* ---- What must hold ---------------------------------------------------------------------------------------------- */

static void check_result(int result)
{
    must(result >= CULVERT_E_DENIED && result <= CULVERT_EARLIER);
}

static void check_stats(const struct stream *stream)
{
    struct culvert_stats now = {.size = sizeof now};
    if (culvert_stats(stream->session, &now) != 0)
        return;
    must(now.settled == now.encoded + now.skipped + now.repeated + now.dropped + now.lost + now.failed);
    must(now.submitted >= now.settled && now.submitted - now.settled <= now.slots);
    must(now.reopened <= now.epochs && now.restarts == 0 && now.lost == 0);
}

/* Frames that come faster than declared may fall behind the packets that were inserted before them. */
static void check_time(struct stream *stream, const struct culvert_packet *packet)
{
    const bool inserted = packet->flags & CULVERT_PACKET_INSERTED;
    must(packet->pts > stream->packet_pts || !(packet->flags & CULVERT_PACKET_FIRST_SLICE) || inserted ||
         stream->inserted);
    stream->packet_pts = packet->pts;
    stream->inserted = inserted;
}

static void check_packet(struct stream *stream, const struct culvert_packet *packet, size_t bytes)
{
    must(packet->size == sizeof *packet && packet->epoch >= stream->epoch);
    must(packet->epoch == stream->epoch || (packet->flags & CULVERT_PACKET_KEY));
    must((bytes == 0) == ((packet->flags & CULVERT_PACKET_REPEATED) != 0));
    must(packet->width >= 2 && packet->width <= packet->coded_width && packet->coded_width % 2 == 0);
    must(packet->height >= 2 && packet->height <= packet->coded_height && packet->coded_height % 2 == 0);
    check_time(stream, packet);
    stream->epoch = packet->epoch;
}

/* ---- Sessions ---------------------------------------------------------------------------------------------------- */

static void close_stream(struct stream *stream)
{
    must(culvert_close(stream->session) == (stream->open ? 0 : CULVERT_E_HANDLE));
    stream->open = false;
}

static void open_stream(struct stream *stream)
{
    static const uint32_t codecs[] = {CULVERT_CODEC_H264, CULVERT_CODEC_VP8, CULVERT_CODEC_VP9, CULVERT_CODEC_NULL};
    static const char *const options[] = {"", "", "me=dia:subme=0", "deblock=0:trellis=1", "sharpness=3", "pixels=1"};
    struct input *const input = &host.input;
    char why[256] = "";
    if (stream->open)
        close_stream(stream);
    struct culvert_config config = {
        .size = sizeof config,
        .codec = PICK(codecs),
        .fps_num = 1 + input_byte(input),
        .fps_den = 1,
        .bitrate_kbps = input_u16(input),
        .speed = 6 + input_byte(input) % 5,
        .threads = 1 + input_byte(input) % 2,
        .max_width = SIDE,
        .max_height = SIDE,
        .policy = input_byte(input) % 3,
        .flags = input_byte(input) % 4,
        .resize = input_byte(input) % 3,
        .filter = input_byte(input) % 2,
        .warm = input_byte(input) % 5,
        .floor = input_byte(input) % 2,
        .layers = input_byte(input) % 4,
        .references = input_byte(input) % 8,
        .slices = input_byte(input) % 4,
        .keyint = input_byte(input) % 32,
    };
    snprintf(config.options, sizeof config.options, "%s", PICK(options));
    const int result = culvert_open(&config, &stream->session, why, sizeof why);
    check_result(result);
    stream->open = result == 0;
    stream->pts = 0;
    stream->packet_pts = -1;
    stream->epoch = 0;
}

/* All that it was given is accounted for in the end. */
static void end_stream(struct stream *stream)
{
    size_t bytes;
    struct culvert_packet packet = {.size = sizeof packet};
    struct culvert_stats stats = {.size = sizeof stats};
    int result;
    must(culvert_finish(stream->session) == 0);
    while ((result = culvert_receive(stream->session, host.unit, sizeof host.unit, &bytes, &packet, PATIENCE_MS)) ==
               0 ||
           result == CULVERT_E_CODEC)
        if (result == 0)
            check_packet(stream, &packet, bytes);
    must(result == CULVERT_EOS && culvert_stats(stream->session, &stats) == 0 && stats.settled == stats.submitted);
    close_stream(stream);
}

/* ---- Frames ------------------------------------------------------------------------------------------------------ */

static struct culvert_frame frame_of(struct stream *stream)
{
    static const uint32_t formats[] = {CULVERT_FORMAT_I420,     CULVERT_FORMAT_NV12,   CULVERT_FORMAT_BGRA,
                                       CULVERT_FORMAT_XRGB8888, CULVERT_FORMAT_RGB565, CULVERT_FORMAT_0RGB1555};
    static const uint32_t sides[] = {2, 3, 16, 17, 32, 48, 64, 65, 95, 96, 97};
    struct input *const input = &host.input;
    stream->pts += 1 + input_u16(input);
    return (struct culvert_frame){
        .size = sizeof(struct culvert_frame),
        .format = PICK(formats),
        .width = PICK(sides),
        .height = PICK(sides),
        .pts = stream->pts,
        .rotation = input_byte(input) % 4 * 90,
        .flip = input_byte(input) % 4,
        .flags = input_byte(input) % 4,
    };
}

static void encode(struct stream *stream)
{
    size_t bytes;
    struct culvert_packet packet = {.size = sizeof packet};
    const struct culvert_frame frame = frame_of(stream);
    const int result = culvert_encode(stream->session, &frame, host.pixels + input_byte(&host.input), PICTURE,
                                      host.unit, sizeof host.unit, &bytes, &packet, PATIENCE_MS);
    check_result(result);
    must(result != CULVERT_E_TIMEOUT && (stream->open || result < 0));
    if (result == 0 || result == CULVERT_EARLIER)
        check_packet(stream, &packet, bytes);
}

static void submit(struct stream *stream)
{
    const struct culvert_frame frame = frame_of(stream);
    check_result(culvert_submit(stream->session, &frame, host.pixels + input_byte(&host.input), PICTURE));
}

static void receive(struct stream *stream)
{
    size_t bytes;
    struct culvert_packet packet = {.size = sizeof packet};
    const size_t capacity = input_byte(&host.input) % 8 == 0 ? 16 : sizeof host.unit;
    const int result = culvert_receive(stream->session, host.unit, capacity, &bytes, &packet,
                                       input_byte(&host.input) % 4);
    check_result(result);
    if (result == 0)
        check_packet(stream, &packet, bytes);
}

/* ---- Loans ------------------------------------------------------------------------------------------------------- */

static void lease(struct stream *stream)
{
    const unsigned place = input_byte(&host.input) % LOANS;
    const struct culvert_frame frame = frame_of(stream);
    void *pixels;
    size_t bytes;
    check_result(culvert_abandon(host.leases[place]));
    host.leases[place] = 0;
    const int result = culvert_lease(stream->session, frame.format, frame.width, frame.height, &host.leases[place],
                                     &pixels, &bytes);
    check_result(result);
    if (result == 0)
        memset(pixels, input_byte(&host.input), bytes);
    host.leased[place] = frame;
}

static void commit(struct stream *stream)
{
    const unsigned place = input_byte(&host.input) % LOANS;
    host.leased[place].pts = ++stream->pts;
    const int result = culvert_commit(host.leases[place], &host.leased[place]);
    check_result(result);
    if (result == 0 || result == CULVERT_E_HANDLE)
        host.leases[place] = 0;
}

static void peek(struct stream *stream)
{
    const unsigned place = input_byte(&host.input) % LOANS;
    struct culvert_packet packet = {.size = sizeof packet};
    const void *data;
    size_t bytes;
    check_result(culvert_release(host.peeks[place]));
    host.peeks[place] = 0;
    const int result = culvert_peek(stream->session, &host.peeks[place], &data, &bytes, &packet, 0);
    check_result(result);
    if (result != 0)
        return;
    check_packet(stream, &packet, bytes);
    memcpy(host.unit, data, bytes < sizeof host.unit ? bytes : sizeof host.unit);
}

static void give_back_all(void)
{
    for (unsigned i = 0; i < LOANS; i++) {
        check_result(culvert_abandon(host.leases[i]));
        check_result(culvert_release(host.peeks[i]));
        host.leases[i] = host.peeks[i] = 0;
    }
}

/* ---- Control ----------------------------------------------------------------------------------------------------- */

static void control(struct stream *stream)
{
    struct input *const input = &host.input;
    const culvert_session session = stream->session;
    uint32_t number;
    switch (input_byte(input) % 7) {
    case 0:
        check_result(
            culvert_set_bitrate(session, input_byte(input) % 2 ? input_u16(input) : input_value(input), &number));
        break;
    case 1:
        check_result(culvert_set_framerate(session, input_u16(input), 1 + input_byte(input), NULL));
        break;
    case 2:
        check_result(culvert_set_speed(session, (int8_t)input_byte(input) % 12, &number));
        break;
    case 3:
        check_result(culvert_request_keyframe(session, &number));
        break;
    case 4:
        check_result(culvert_report_loss(session, stream->packet_pts - input_u16(input), &number));
        break;
    case 5:
        check_result(culvert_pause(session, NULL));
        break;
    default:
        check_result(culvert_resume(session, &number));
    }
}

static void ask(const struct stream *stream)
{
    char text[512];
    size_t needed;
    check_stats(stream);
    check_result(culvert_params(stream->session, text, input_byte(&host.input), &needed));
    check_result(culvert_error_text(stream->session, text, sizeof text));
    check_result(culvert_log_read(text, sizeof text));
}

/* ---- All of it --------------------------------------------------------------------------------------------------- */

static void step(void)
{
    static void (*const frequent[])(struct stream * stream) = {encode, encode,  encode, control, control,
                                                               submit, receive, lease,  commit,  peek};
    struct stream *const stream = &host.streams[input_byte(&host.input) % SESSIONS];
    const uint8_t choice = input_byte(&host.input);
    if (choice < 240)
        frequent[choice % (sizeof frequent / sizeof frequent[0])](stream);
    else if (choice < 244)
        open_stream(stream);
    else if (choice < 246)
        close_stream(stream);
    else if (choice < 248)
        check_result(culvert_finish(stream->session));
    else
        ask(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    host.input = (struct input){data, size};
    for (unsigned i = 0; i < sizeof host.pixels; i++)
        host.pixels[i] = (uint8_t)(i * 7 + (i >> 8) * 13);
    open_stream(&host.streams[0]);
    for (unsigned i = 0; i < STEPS_MOST && !input_is_over(&host.input); i++)
        step();
    for (unsigned i = 0; i < SESSIONS; i++) {
        check_stats(&host.streams[i]);
        if (host.streams[i].open)
            end_stream(&host.streams[i]);
        else
            close_stream(&host.streams[i]);
    }
    give_back_all();
    return 0;
}
