#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "frame/format.h"
#include "instrument.h"
#include "run.h"
#include "stream.h"

#define LARGEST 96 /* of a frame's sides */
#define PATIENCE 10000

/* ---- Host memory under watch ------------------------------------------------------------------------------------- */

#define PAGE ((size_t)4096)
#define ARENA ((size_t)1 << 30) /* of address space */
#define AT_ONCE 8               /* buffers of one call */
#define UNTOUCHED 0xa5

/* One memory, mapped twice. The library is given addresses in `theirs`, which nobody may access but during the call,
 * and for input then only read; the test looks through `ours`. Every buffer has pages of its own, ends where a page
 * begins that is never accessible, and is used for one call. */
static struct {
    uint8_t *theirs, *ours;
    size_t used;
    struct laid {
        size_t base, pages, size;
    } laid[AT_ONCE]; /* for the call to come */
    size_t count;
} arena;

static void open_arena(void)
{
    const int fd = memfd_create("border", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)ARENA), 0);
    void *theirs = mmap(NULL, ARENA, PROT_NONE, MAP_SHARED, fd, 0);
    void *ours = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert(theirs != MAP_FAILED && ours != MAP_FAILED);
    close(fd);
    memset(&arena, 0, sizeof arena);
    arena.theirs = theirs;
    arena.ours = ours;
}

static void close_arena(void)
{
    munmap(arena.theirs, ARENA);
    munmap(arena.ours, ARENA);
}

static void *lay(size_t size, int protection)
{
    const struct laid laid = {.base = arena.used, .pages = (size + PAGE - 1) & ~(PAGE - 1), .size = size};
    ck_assert_uint_lt(arena.count, AT_ONCE);
    arena.laid[arena.count++] = laid;
    arena.used += laid.pages + PAGE;
    ck_assert_uint_le(arena.used, ARENA);
    if (laid.pages > 0)
        ck_assert_int_eq(mprotect(arena.theirs + laid.base, laid.pages, protection), 0);
    memset(arena.ours + laid.base, UNTOUCHED, laid.pages);
    return arena.theirs + laid.base + laid.pages - size;
}

/* Our view of what was laid. */
static void *ours(const void *theirs)
{
    return arena.ours + ((const uint8_t *)theirs - arena.theirs);
}

static const void *in(const void *source, size_t size)
{
    const void *theirs = lay(size, PROT_READ);
    memcpy(ours(theirs), source, size);
    return theirs;
}

static void *out(size_t size)
{
    return lay(size, PROT_READ | PROT_WRITE);
}

/* A struct that says its size and is written to. */
static void *out_struct(uint32_t size)
{
    void *theirs = out(size);
    memcpy(ours(theirs), &size, sizeof size);
    return theirs;
}

/* One assertion for all: each costs a system call. */
static bool all_untouched(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != UNTOUCHED)
            return false;
    return true;
}

/* The call has returned: its memory is gone at once. */
static int shut(int result)
{
    for (size_t i = 0; i < arena.count; i++) {
        const struct laid *laid = &arena.laid[i];
        if (laid->pages > 0)
            ck_assert_int_eq(mprotect(arena.theirs + laid->base, laid->pages, PROT_NONE), 0);
        ck_assert_msg(all_untouched(arena.ours + laid->base, laid->pages - laid->size),
                      "a call wrote before its buffer");
    }
    arena.count = 0;
    return result;
}

/* ---- The calls over such memory ---------------------------------------------------------------------------------- */

static culvert_session border_open(uint32_t codec, uint32_t policy, const char *options)
{
    struct culvert_config config = stream_config(codec, policy);
    config.max_width = config.max_height = LARGEST;
    strcpy(config.options, options);
    const struct culvert_config *theirs = in(&config, sizeof config);
    culvert_session *session = out(sizeof *session);
    char *why = out(40);
    ck_assert_int_eq(shut(culvert_open(theirs, session, why, 40)), 0);
    ck_assert_str_eq(ours(why), "");
    return *(culvert_session *)ours(session);
}

static int border_submit(culvert_session session, const struct culvert_frame *frame, const void *pixels, size_t size)
{
    const struct culvert_frame *theirs = in(frame, sizeof *frame);
    const void *data = in(pixels, size);
    return shut(culvert_submit(session, theirs, data, size));
}

static int border_commit(culvert_session session, const struct culvert_frame *frame, const void *pixels, size_t size)
{
    culvert_loan *loan = out(sizeof *loan);
    void **data = out(sizeof *data);
    size_t *leased = out(sizeof *leased);
    const int result = shut(culvert_lease(session, frame->format, frame->width, frame->height, loan, data, leased));
    ck_assert_int_eq(result, 0);
    ck_assert_uint_eq(*(size_t *)ours(leased), size);
    memcpy(*(void **)ours(data), pixels, size);
    const struct culvert_frame *theirs = in(frame, sizeof *frame);
    return shut(culvert_commit(*(culvert_loan *)ours(loan), theirs));
}

/* What receive and encode write to. */
struct outputs {
    uint8_t *buffer;
    size_t *bytes;
    struct culvert_packet *packet;
};

static struct outputs lay_outputs(size_t capacity)
{
    return (struct outputs){
        .buffer = out(capacity),
        .bytes = out(sizeof(size_t)),
        .packet = out_struct(sizeof(struct culvert_packet)),
    };
}

/* First with a buffer that is a byte too small, then with one that fits. */
static int border_receive(culvert_session session, struct culvert_packet *packet)
{
    struct outputs o = lay_outputs(0);
    const int result = shut(culvert_receive(session, o.buffer, 0, o.bytes, o.packet, PATIENCE));
    ck_assert_int_ne(result, CULVERT_OK);
    if (result != CULVERT_E_BUFFER)
        return result;
    const size_t needed = *(size_t *)ours(o.bytes);
    o = lay_outputs(needed - 1);
    ck_assert_int_eq(shut(culvert_receive(session, o.buffer, needed - 1, o.bytes, o.packet, 0)), CULVERT_E_BUFFER);
    o = lay_outputs(needed);
    ck_assert_int_eq(shut(culvert_receive(session, o.buffer, needed, o.bytes, o.packet, 0)), 0);
    ck_assert_uint_eq(*(size_t *)ours(o.bytes), needed);
    *packet = *(struct culvert_packet *)ours(o.packet);
    return 0;
}

static int border_peek(culvert_session session, struct culvert_packet *copy)
{
    culvert_loan *loan = out(sizeof *loan);
    const void **data = out(sizeof *data);
    size_t *bytes = out(sizeof *bytes);
    struct culvert_packet *packet = out_struct(sizeof *packet);
    const int result = shut(culvert_peek(session, loan, data, bytes, packet, PATIENCE));
    if (result < 0)
        return result;
    ck_assert_uint_gt(*(size_t *)ours(bytes), 0);
    *copy = *(struct culvert_packet *)ours(packet);
    return culvert_release(*(culvert_loan *)ours(loan));
}

static int border_encode(culvert_session session, const struct culvert_frame *frame, const void *pixels, size_t size,
                         struct culvert_packet *packet)
{
    const struct culvert_frame *theirs = in(frame, sizeof *frame);
    const void *data = in(pixels, size);
    const struct outputs o = lay_outputs(65536);
    const int result = shut(culvert_encode(session, theirs, data, size, o.buffer, 65536, o.bytes, o.packet, PATIENCE));
    *packet = *(struct culvert_packet *)ours(o.packet);
    return result;
}

static void border_control(culvert_session session)
{
    uint32_t *number = out(sizeof *number);
    ck_assert_int_ge(shut(culvert_set_bitrate(session, 900, number)), 0);
    const uint32_t first = *(uint32_t *)ours(number);
    number = out(sizeof *number);
    ck_assert_int_ge(shut(culvert_set_framerate(session, 50, 1, number)), 0);
    number = out(sizeof *number);
    ck_assert_int_ge(shut(culvert_set_speed(session, 9, number)), 0);
    number = out(sizeof *number);
    ck_assert_int_eq(shut(culvert_request_keyframe(session, number)), 0);
    number = out(sizeof *number);
    ck_assert_int_eq(shut(culvert_report_loss(session, 0, number)), 0);
    number = out(sizeof *number);
    ck_assert_int_eq(shut(culvert_pause(session, number)), 0);
    number = out(sizeof *number);
    ck_assert_int_eq(shut(culvert_resume(session, number)), 0);
    ck_assert_uint_eq(*(uint32_t *)ours(number), first + 6);
}

static void border_insight(culvert_session session)
{
    struct culvert_stats *stats = out_struct(sizeof *stats);
    ck_assert_int_eq(shut(culvert_stats(session, stats)), 0);
    ck_assert_uint_gt(((struct culvert_stats *)ours(stats))->packets, 0);

    size_t *needed = out(sizeof *needed);
    ck_assert_int_eq(shut(culvert_params(session, out(0), 0, needed)), CULVERT_E_BUFFER);
    const size_t length = *(size_t *)ours(needed);
    char *text = out(length);
    ck_assert_int_eq(shut(culvert_params(session, text, length, out(sizeof *needed))), 0);
    ck_assert_uint_eq(strlen(ours(text)), length - 1);

    for (size_t size = 1; size < 300; size += 99) {
        text = out(size);
        ck_assert_int_eq(shut(culvert_error_text(session, text, size)), 0);
        ck_assert_ptr_nonnull(memchr(ours(text), '\0', size));
    }
    text = out(256);
    const int result = shut(culvert_log_read(text, 256));
    ck_assert(result == 0 || result == CULVERT_E_AGAIN);

    int *fd = out(sizeof *fd);
    ck_assert_int_eq(shut(culvert_fd(session, fd)), 0);
    ck_assert_int_eq(close(*(int *)ours(fd)), 0);
}

/* ---- Streams ----------------------------------------------------------------------------------------------------- */

static const uint32_t codecs[] = {CULVERT_CODEC_NULL, CULVERT_CODEC_H264};

static const struct {
    uint32_t width, height, rotation;
} sizes[] = {{64, 48, 0}, {33, 17, 0}, {2, 2, 0}, {LARGEST, LARGEST, 0}, {48, 64, 90}, {95, 3, 270}};
#define SIZES (sizeof sizes / sizeof sizes[0])

static struct culvert_frame frame_of(uint32_t format, size_t size, int64_t number)
{
    struct culvert_frame frame = stream_frame(sizes[size].width, sizes[size].height, number * 16667);
    frame.format = format;
    frame.rotation = sizes[size].rotation;
    return frame;
}

static size_t tight_bytes(const struct culvert_frame *frame)
{
    struct layout layout;
    format_tight(format_find(frame->format), frame->width, frame->height, &layout);
    return layout.bytes;
}

static void check_packet(const struct culvert_packet *packet, const struct culvert_frame *frame)
{
    const bool lies = frame->rotation % 180 != 0;
    ck_assert_int_eq(packet->pts, frame->pts);
    ck_assert_uint_eq(packet->width, lies ? frame->height : frame->width);
    ck_assert_uint_eq(packet->height, lies ? frame->width : frame->height);
}

/* One frame by each way in and each way out. */
static void run_frames(culvert_session session, uint32_t format, size_t size, int64_t *number)
{
    struct culvert_frame frames[3];
    uint8_t *pixels[3];
    for (size_t i = 0; i < 3; i++) {
        frames[i] = frame_of(format, size, ++*number);
        pixels[i] = stream_pixels(LARGEST, LARGEST, (uint32_t)*number);
    }
    const size_t bytes = tight_bytes(&frames[0]);
    ck_assert_int_eq(border_submit(session, &frames[0], pixels[0], bytes), 0);
    ck_assert_int_eq(border_commit(session, &frames[1], pixels[1], bytes), 0);
    struct culvert_packet packet;
    ck_assert_int_eq(border_receive(session, &packet), 0);
    check_packet(&packet, &frames[0]);
    ck_assert_int_eq(border_peek(session, &packet), 0);
    check_packet(&packet, &frames[1]);
    ck_assert_int_eq(border_encode(session, &frames[2], pixels[2], bytes, &packet), 0);
    check_packet(&packet, &frames[2]);
    ck_assert_int_eq(border_submit(session, &frames[2], pixels[2], bytes), CULVERT_E_PTS);
    for (size_t i = 0; i < 3; i++)
        free(pixels[i]);
}

START_TEST(a_stream_goes_on_while_all_memory_that_was_ever_passed_is_gone)
{
    int64_t number = 0;
    open_arena();
    const culvert_session session = border_open(codecs[_i], CULVERT_POLICY_BLOCK,
                                                codecs[_i] == CULVERT_CODEC_NULL ? "pixels=1" : "me=dia");
    for (uint32_t pass = rounds(3); pass > 0; pass--)
        for (uint32_t format = CULVERT_FORMAT_I420; format <= CULVERT_FORMAT_0RGB1555; format++) {
            for (size_t size = 0; size < SIZES; size++)
                run_frames(session, format, size, &number);
            border_insight(session);
        }
    border_control(session);
    const struct culvert_frame last = frame_of(CULVERT_FORMAT_RGB565, 0, ++number);
    uint8_t *pixels = stream_pixels(LARGEST, LARGEST, 1);
    ck_assert_int_eq(border_submit(session, &last, pixels, tight_bytes(&last)), 0);
    free(pixels);
    ck_assert_int_eq(culvert_finish(session), 0);
    struct culvert_packet packet;
    int result;
    while ((result = border_receive(session, &packet)) == 0) {
    }
    ck_assert_int_eq(result, CULVERT_EOS);
    check_packet(&packet, &last);
    ck_assert_int_eq(culvert_close(session), 0);
    close_arena();
}
END_TEST

START_TEST(pixels_are_read_to_the_end_of_the_last_row_and_no_further)
{
    open_arena();
    const culvert_session session = border_open(CULVERT_CODEC_NULL, CULVERT_POLICY_BLOCK, "");
    uint8_t *pixels = stream_pixels(4 * LARGEST, LARGEST, 1);
    int64_t number = 0;
    for (uint32_t format = CULVERT_FORMAT_I420; format <= CULVERT_FORMAT_0RGB1555; format++)
        for (size_t size = 0; size < SIZES; size++)
            for (uint32_t more = 0; more < 40; more += 13) {
                struct culvert_frame frame = frame_of(format, size, ++number);
                struct layout layout;
                format_tight(format_find(format), frame.width, frame.height, &layout);
                for (uint32_t plane = 0; plane < format_find(format)->planes; plane++)
                    frame.stride[plane] = (uint32_t)layout.stride[plane] + more;
                char why[256];
                ck_assert_int_eq(format_layout(format_find(format), &frame, SIZE_MAX, &layout, why, sizeof why), 0);
                frame.flags = CULVERT_FRAME_KEY;
                frame.flip = more % 4;
                ck_assert_int_eq(border_submit(session, &frame, pixels, layout.bytes), 0);
                struct culvert_packet packet;
                ck_assert_int_eq(border_receive(session, &packet), 0);
                check_packet(&packet, &frame);
                ck_assert_int_eq(border_submit(session, &frame, pixels, layout.bytes - 1), CULVERT_E_PTS);
                frame.pts++;
                ck_assert_int_eq(border_submit(session, &frame, pixels, layout.bytes - 1), CULVERT_E_ARGUMENT);
            }
    free(pixels);
    ck_assert_int_eq(culvert_close(session), 0);
    close_arena();
}
END_TEST

/* ---- Structs and texts ------------------------------------------------------------------------------------------- */

static const void *in_struct(const void *source, size_t known, uint32_t size)
{
    const uint8_t *theirs = lay(size, PROT_READ);
    memset(ours(theirs), 0, size);
    memcpy(ours(theirs), source, size < known ? size : known);
    memcpy(ours(theirs), &size, sizeof size);
    return theirs;
}

static bool untouched(const void *theirs, size_t from, size_t to)
{
    return to <= from || all_untouched((const uint8_t *)ours(theirs) + from, to - from);
}

/* Sizes of structs as other versions knew or will know them. */
static const struct {
    uint32_t config, frame, packet, stats;
} versions[] = {
    {16, 48, 8, 8},
    {32, 72, 24, 16},
    {sizeof(struct culvert_config), sizeof(struct culvert_frame), sizeof(struct culvert_packet),
     sizeof(struct culvert_stats)},
    {sizeof(struct culvert_config) + 8, sizeof(struct culvert_frame) + 8, sizeof(struct culvert_packet) + 8,
     sizeof(struct culvert_stats) + 8},
    {4096, 4096, 4096, 4096},
};
#define VERSIONS ((int)(sizeof versions / sizeof versions[0]))

START_TEST(a_struct_of_any_version_is_touched_within_its_own_size)
{
    const struct culvert_config config = {.codec = CULVERT_CODEC_NULL, .fps_num = 60, .fps_den = 1};
    const struct culvert_frame frame = frame_of(CULVERT_FORMAT_BGRA, 0, 1);
    uint8_t *pixels = stream_pixels(LARGEST, LARGEST, 1);
    const uint32_t packet_size = versions[_i].packet, stats_size = versions[_i].stats;
    open_arena();
    const struct culvert_config *c = in_struct(&config, sizeof config, versions[_i].config);
    culvert_session *handle = out(sizeof *handle);
    ck_assert_int_eq(shut(culvert_open(c, handle, NULL, 0)), 0);
    const culvert_session session = *(culvert_session *)ours(handle);

    const struct culvert_frame *f = in_struct(&frame, sizeof frame, versions[_i].frame);
    const void *data = in(pixels, tight_bytes(&frame));
    ck_assert_int_eq(shut(culvert_submit(session, f, data, tight_bytes(&frame))), 0);

    struct outputs o = {.buffer = out(4096), .bytes = out(sizeof(size_t)), .packet = out_struct(packet_size)};
    ck_assert_int_eq(shut(culvert_receive(session, o.buffer, 4096, o.bytes, o.packet, PATIENCE)), 0);
    ck_assert_uint_eq(*(uint32_t *)ours(o.packet), packet_size);
    ck_assert(untouched(o.packet, sizeof(struct culvert_packet), packet_size));
    ck_assert(!untouched(o.packet, 4, 8));

    struct culvert_stats *stats = out_struct(stats_size);
    ck_assert_int_eq(shut(culvert_stats(session, stats)), 0);
    ck_assert_uint_eq(*(uint32_t *)ours(stats), stats_size);
    ck_assert(untouched(stats, sizeof *stats, stats_size));
    ck_assert(!untouched(stats, 4, 8));
    free(pixels);
    ck_assert_int_eq(culvert_close(session), 0);
    close_arena();
}
END_TEST

START_TEST(defaults_fill_a_config_of_any_version)
{
    static const size_t config_sizes[] = {16, 24, sizeof(struct culvert_config), sizeof(struct culvert_config) + 8};
    open_arena();
    for (size_t i = 0; i < sizeof config_sizes / sizeof config_sizes[0]; i++) {
        struct culvert_config *config = out(config_sizes[i]);
        ck_assert_int_eq(shut(culvert_config_defaults(config, config_sizes[i])), 0);
        ck_assert_uint_eq(*(uint32_t *)ours(config), config_sizes[i]);
        ck_assert_uint_eq(((struct culvert_config *)ours(config))->fps_num, 0);
    }
    close_arena();
}
END_TEST

START_TEST(a_text_is_cut_to_its_buffer)
{
    struct culvert_config config = stream_config(CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST);
    strcpy(config.options, "no-such-option=1");
    open_arena();
    for (size_t size = 0; size < 300; size += 13) {
        const struct culvert_config *theirs = in(&config, sizeof config);
        culvert_session *session = out(sizeof *session);
        char *why = out(size);
        ck_assert_int_eq(shut(culvert_open(theirs, session, why, size)), CULVERT_E_OPTION);
        ck_assert(untouched(session, 0, sizeof *session));
        ck_assert(size == 0 || memchr(ours(why), '\0', size) != NULL);

        char *version = out(size);
        const int result = shut(culvert_codec_version(CULVERT_CODEC_NULL, version, size));
        ck_assert(result == 0 || (result == CULVERT_E_BUFFER && untouched(version, 0, size)));
    }
    close_arena();
}
END_TEST

Suite *test_suite(void)
{
    const int count = culvert_has_codec(CULVERT_CODEC_H264) ? 2 : 1;
    Suite *suite = suite_create("border");
    TCase *streams = tcase_create("streams");
    tcase_set_timeout(streams, 60);
    tcase_add_loop_test(streams, a_stream_goes_on_while_all_memory_that_was_ever_passed_is_gone, 0, count);
    tcase_add_test(streams, pixels_are_read_to_the_end_of_the_last_row_and_no_further);
    suite_add_tcase(suite, streams);

    TCase *structs = tcase_create("structs");
    tcase_set_timeout(structs, 60);
    tcase_add_loop_test(structs, a_struct_of_any_version_is_touched_within_its_own_size, 0, VERSIONS);
    tcase_add_test(structs, defaults_fill_a_config_of_any_version);
    tcase_add_test(structs, a_text_is_cut_to_its_buffer);
    suite_add_tcase(suite, structs);
    return suite;
}
