#include "tools/input.h"

#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run.h"
#include "tools/parse.h"

#define HEADER "YUV4MPEG2 W4 H2 F60:1\n"
#define PIXELS "YYYYYYYYUUVV"
#define FRAME "FRAME\n" PIXELS

static struct input input;
static char why[INPUT_WHY];

/* The bytes as a file, from its beginning. */
static int file_of(const void *bytes, size_t size)
{
    const int fd = memfd_create("input", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static int open_text(const char *text)
{
    why[0] = '\0';
    return input_open_descriptor(&input, file_of(text, strlen(text)), "clip.y4m", NULL, why);
}

/* ---- Numbers */

START_TEST(a_number_is_digits_alone_within_its_limits)
{
    static const struct {
        const char *text;
        bool valid;
        uint32_t value;
    } rows[] = {
        {"1", false, 0},
        {"2", true, 2},
        {"7", true, 7},
        {"8", false, 0},
        {"", false, 0},
        {"+3", false, 0},
        {"-3", false, 0},
        {" 3", false, 0},
        {"3 ", false, 0},
        {"0x3", false, 0},
        {"003", true, 3},
        {"3.0", false, 0},
        {"4294967299", false, 0} /* 3, if it wrapped */,
        {"18446744073709551619", false, 0}, /* 3 too */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t value = 99;
        ck_assert_msg(parse_number(rows[i].text, 2, 7, &value) == rows[i].valid, "'%s'", rows[i].text);
        ck_assert_uint_eq(value, rows[i].valid ? rows[i].value : 99);
    }
}
END_TEST

START_TEST(a_rate_is_kept_exactly_and_lies_between_1_and_1000)
{
    static const struct {
        const char *text;
        uint32_t num, den; /* 0: refused */
    } rows[] = {
        {"60", 60, 1},
        {"1", 1, 1},
        {"1000", 1000, 1},
        {"1001", 0, 0},
        {"0", 0, 0},
        {"1/2", 0, 0},
        {"1000/1", 1000, 1},
        {"1001/1", 0, 0},
        {"60000/1001", 60000, 1001},
        {"ntsc", 30000, 1001},
        {"39375000/655171", 39375000, 655171},
        {"1000000000/999999999", 1000000000, 999999999},
        {"1000000001/1000000001", 0, 0},
        {"60/0", 0, 0},
        {"-60", 0, 0},
        {"sixty", 0, 0},
        {"", 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t num = 0, den = 0;
        ck_assert_msg(parse_rate(rows[i].text, &num, &den) == (rows[i].num != 0), "'%s'", rows[i].text);
        ck_assert_uint_eq(num, rows[i].num);
        ck_assert_uint_eq(den, rows[i].den);
    }
}
END_TEST

START_TEST(a_size_has_sides_from_2_to_16384)
{
    static const struct {
        const char *text;
        uint32_t width, height; /* 0: refused */
    } rows[] = {
        {"640x480", 640, 480}, {"2x2", 2, 2},       {"16384x16384", 16384, 16384},
        {"vga", 640, 480},     {"1x2", 0, 0},       {"2x1", 0, 0},
        {"16385x2", 0, 0},     {"2x16385", 0, 0},   {"640", 0, 0},
        {"640x", 0, 0},        {"640x480x2", 0, 0}, {"99999999999x2", 0, 0},
        {"-4x4", 0, 0},        {"", 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t width = 0, height = 0;
        ck_assert_msg(parse_size(rows[i].text, &width, &height) == (rows[i].width != 0), "'%s'", rows[i].text);
        ck_assert_uint_eq(width, rows[i].width);
        ck_assert_uint_eq(height, rows[i].height);
    }
}
END_TEST

#define NONE UINT32_MAX

START_TEST(aspects_and_levels_are_read_as_people_write_them)
{
    static const struct {
        const char *text;
        uint32_t num, den;
    } aspects[] = {{"4:3", 4, 3},  {"8:6", 4, 3},  {"16/9", 16, 9},   {"0:1", 0, 0},    {"4:0", 0, 0},
                   {"-4:3", 0, 0}, {"wide", 0, 0}, {"70000:1", 0, 0}, {"1:70000", 0, 0}};
    for (size_t i = 0; i < sizeof aspects / sizeof aspects[0]; i++) {
        uint32_t num = 0, den = 0;
        ck_assert_msg(parse_aspect(aspects[i].text, &num, &den) == (aspects[i].num != 0), "'%s'", aspects[i].text);
        ck_assert_uint_eq(num, aspects[i].num);
        ck_assert_uint_eq(den, aspects[i].den);
    }
    static const struct {
        const char *text;
        uint32_t level;
    } levels[] = {{"3.1", 31}, {"31", 31},   {"1b", 9},      {"9", 9},      {"4", 40}, {"0", 0},
                  {"7", NONE}, {"3.", NONE}, {"3.11", NONE}, {"3,1", NONE}, {"", NONE}};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        uint32_t level = NONE;
        ck_assert_msg(parse_level(levels[i].text, &level) == (levels[i].level != NONE), "'%s'", levels[i].text);
        ck_assert_uint_eq(level, levels[i].level);
    }
}
END_TEST

/* ---- Y4M headers */

START_TEST(a_header_says_size_rate_range_and_how_wide_it_is_shown)
{
    static const struct {
        const char *header;
        uint32_t width, height, num, den, range, aspect_num, aspect_den;
    } rows[] = {
        {"YUV4MPEG2 W4 H2 F60:1\n", 4, 2, 60, 1, CULVERT_RANGE_LIMITED, 0, 0},
        {"YUV4MPEG2 H2 W4\n", 4, 2, 0, 0, CULVERT_RANGE_LIMITED, 0, 0},
        {"YUV4MPEG2 W321 H239 F60000:1001 Ip A1:1 C420jpeg XYSCSS=420JPEG XCOLORRANGE=LIMITED\n", 321, 239, 60000, 1001,
         CULVERT_RANGE_LIMITED, 0, 0},
        {"YUV4MPEG2 W256 H224 F60:1 I? A7:6 C420mpeg2 XCOLORRANGE=FULL\n", 256, 224, 60, 1, CULVERT_RANGE_FULL, 4, 3},
        {"YUV4MPEG2 W16384 H16384 F60:1 C420paldv A0:0\n", 16384, 16384, 60, 1, CULVERT_RANGE_LIMITED, 0, 0},
        {"YUV4MPEG2 W2 H2 F0:0 C420  Xanything\n", 2, 2, 0, 0, CULVERT_RANGE_LIMITED, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(open_text(rows[i].header) == 0, "%s: %s", rows[i].header, why);
        ck_assert_uint_eq(input.frame.width, rows[i].width);
        ck_assert_uint_eq(input.frame.height, rows[i].height);
        ck_assert_uint_eq(input.frame.format, CULVERT_FORMAT_I420);
        ck_assert_uint_eq(input.fps_num, rows[i].num);
        ck_assert_uint_eq(input.fps_den, rows[i].den);
        ck_assert_uint_eq(input.frame.range, rows[i].range);
        ck_assert_uint_eq(input.frame.aspect_num, rows[i].aspect_num);
        ck_assert_uint_eq(input.frame.aspect_den, rows[i].aspect_den);
        input_close(&input);
    }
}
END_TEST

START_TEST(a_header_that_cannot_be_is_refused_with_the_files_name_and_the_reason)
{
    static const struct {
        const char *header, *reason;
    } rows[] = {
        {"", "empty"},
        {"\n", "not a Y4M file"},
        {"RIFF....AVI LIST", "not a Y4M file"},
        {"YUV4MPEG2", "cut short"},
        {"YUV4MPEG20 W4 H2\n", "not a Y4M file"},
        {"YUV4MPEG W4 H2\n", "not a Y4M file"},
        {"YUV4MPEG2\n", "no width"},
        {"YUV4MPEG2 H2\n", "no width"},
        {"YUV4MPEG2 W4\n", "no height"},
        {"YUV4MPEG2 W4 H2 F60:1", "cut short"},
        {"YUV4MPEG2 W1 H2\n", "'W1'"},
        {"YUV4MPEG2 W4 H1\n", "'H1'"},
        {"YUV4MPEG2 W16385 H2\n", "'W16385'"},
        {"YUV4MPEG2 W4294967300 H2\n", "'W4294967300'"}, /* 4, if it wrapped */
        {"YUV4MPEG2 W-4 H2\n", "'W-4'"},
        {"YUV4MPEG2 W H2\n", "'W'"},
        {"YUV4MPEG2 W4 H2x\n", "'H2x'"},
        {"YUV4MPEG2 W4 H2 F60\n", "'F60'"},
        {"YUV4MPEG2 W4 H2 F60:x\n", "'F60:x'"},
        {"YUV4MPEG2 W4 H2 F60:1 A1\n", "'A1'"},
        {"YUV4MPEG2 W4 H2 It\n", "interlaced"},
        {"YUV4MPEG2 W4 H2 Ib\n", "interlaced"},
        {"YUV4MPEG2 W4 H2 Im\n", "interlaced"},
        {"YUV4MPEG2 W4 H2 C422\n", "C422 is not 8-bit 4:2:0"},
        {"YUV4MPEG2 W4 H2 C444\n", "-pix_fmt yuv420p"},
        {"YUV4MPEG2 W4 H2 C444alpha\n", "C444alpha"},
        {"YUV4MPEG2 W4 H2 C411\n", "C411"},
        {"YUV4MPEG2 W4 H2 Cmono\n", "Cmono"},
        {"YUV4MPEG2 W4 H2 C420p10 XYSCSS=420P10\n", "C420p10"},
        {"YUV4MPEG2 W4 H2 C\n", "C is not"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(open_text(rows[i].header) == -1, "accepted: %s", rows[i].header);
        ck_assert_msg(strncmp(why, "clip.y4m: ", 10) == 0 && strstr(why, rows[i].reason), "%s: %s", rows[i].header,
                      why);
        ck_assert_ptr_null(strchr(why, '\n'));
    }
}
END_TEST

/* A header of `length` bytes, its line feed included. */
static int open_header_of(size_t length)
{
    char text[4096];
    ck_assert_uint_lt(length, sizeof text);
    memset(text, 'x', sizeof text);
    memcpy(text, "YUV4MPEG2 W4 H2 F60:1 X", 23);
    text[length - 1] = '\n';
    return input_open_descriptor(&input, file_of(text, sizeof text), "clip.y4m", NULL, why);
}

START_TEST(a_header_line_has_at_most_1023_bytes)
{
    ck_assert_int_eq(open_header_of(1023), 0);
    input_close(&input);
    ck_assert_int_eq(open_header_of(1024), -1);
    ck_assert_ptr_nonnull(strstr(why, "has no end"));
    ck_assert_int_eq(open_header_of(4000), -1);
}
END_TEST

START_TEST(a_garbage_file_is_refused_whatever_its_bytes)
{
    uint8_t bytes[5000];
    srand(1);
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)rand();
        if (round % 2)
            memcpy(bytes, "YUV4MPEG2 ", 10);
        ck_assert_int_eq(input_open_descriptor(&input, file_of(bytes, sizeof bytes), "clip.y4m", NULL, why), -1);
        ck_assert_uint_lt(strlen(why), INPUT_WHY);
    }
}
END_TEST

/* ---- Frames */

START_TEST(frames_come_until_the_end_and_the_end_stays)
{
    uint8_t data[12];
    ck_assert_int_eq(open_text(HEADER FRAME "FRAME Ip Xwhat=ever\nyyyyyyyyuuvv"), 0);
    ck_assert_uint_eq(input.bytes, 12);
    ck_assert_int_eq(input_read(&input, data, why), INPUT_FRAME);
    ck_assert_mem_eq(data, PIXELS, 12);
    ck_assert_int_eq(input_read(&input, data, why), INPUT_FRAME);
    ck_assert_mem_eq(data, "yyyyyyyyuuvv", 12);
    ck_assert_int_eq(input_read(&input, data, why), INPUT_END);
    ck_assert_int_eq(input_read(&input, data, why), INPUT_END);
    ck_assert_uint_eq(input.frames, 2);
    input_close(&input);
}
END_TEST

START_TEST(a_file_that_breaks_off_says_in_which_frame)
{
    static const struct {
        const char *text;
        enum input_result results[3];
        const char *reason;
    } rows[] = {
        {HEADER, {INPUT_END}, NULL},
        {HEADER FRAME "F", {INPUT_FRAME, INPUT_FAILED}, "frame 2 is cut short"},
        {HEADER FRAME "FRAME", {INPUT_FRAME, INPUT_FAILED}, "frame 2 is cut short"},
        {HEADER FRAME "FRAME\n", {INPUT_FRAME, INPUT_FAILED}, "frame 2 is cut short: 0 of its 12 bytes"},
        {HEADER FRAME "FRAME\nYYYYYYYYUUV", {INPUT_FRAME, INPUT_FAILED}, "frame 2 is cut short: 11 of its 12 bytes"},
        {HEADER FRAME "frame\n" PIXELS, {INPUT_FRAME, INPUT_FAILED}, "no frame begins where frame 2 should"},
        {HEADER FRAME "FRAMES\n" PIXELS, {INPUT_FRAME, INPUT_FAILED}, "no frame begins"},
        {HEADER FRAME "\n" FRAME, {INPUT_FRAME, INPUT_FAILED}, "no frame begins"},
        {HEADER "FRAME\nY" FRAME FRAME, {INPUT_FRAME, INPUT_FAILED}, "no frame begins"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t data[12];
        ck_assert_int_eq(open_text(rows[i].text), 0);
        for (size_t n = 0; n == 0 || rows[i].results[n - 1] == INPUT_FRAME; n++)
            ck_assert_msg(input_read(&input, data, why) == rows[i].results[n], "row %zu, frame %zu: %s", i, n, why);
        if (rows[i].reason)
            ck_assert_msg(strstr(why, rows[i].reason), "row %zu: %s", i, why);
        input_close(&input);
    }
}
END_TEST

START_TEST(a_frame_line_without_an_end_is_refused_after_1023_bytes)
{
    char text[8192] = HEADER "FRAME ";
    const size_t begin = strlen(text);
    uint8_t data[12];
    memset(text + begin, 'x', sizeof text - begin);
    ck_assert_int_eq(input_open_descriptor(&input, file_of(text, sizeof text), "clip.y4m", NULL, why), 0);
    ck_assert_int_eq(input_read(&input, data, why), INPUT_FAILED);
    ck_assert_uint_lt(input.source.consumed, 1100);
    input_close(&input);
}
END_TEST

START_TEST(frames_larger_than_the_buffer_come_whole_through_a_pipe_that_dribbles)
{
    enum { WIDTH = 321, HEIGHT = 239, BYTES = WIDTH * HEIGHT + 2 * 161 * 120, FRAMES = 3 };
    static uint8_t sent[FRAMES][BYTES], data[BYTES];
    int ends[2];
    for (size_t i = 0; i < FRAMES * (size_t)BYTES; i++)
        (&sent[0][0])[i] = (uint8_t)(i * 31 >> 3);
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        dprintf(ends[1], "YUV4MPEG2 W%d H%d F60:1\n", WIDTH, HEIGHT);
        for (int n = 0; n < FRAMES; n++) {
            dprintf(ends[1], "FRAME\n");
            for (size_t at = 0; at < BYTES; at += 7919)
                (void)!write(ends[1], sent[n] + at, BYTES - at < 7919 ? BYTES - at : 7919);
        }
        _exit(0);
    }
    close(ends[1]);
    ck_assert_int_eq(input_open_descriptor(&input, ends[0], "pipe", NULL, why), 0);
    ck_assert_uint_eq(input.bytes, BYTES);
    for (int n = 0; n < FRAMES; n++) {
        ck_assert_int_eq(input_read(&input, data, why), INPUT_FRAME);
        ck_assert_mem_eq(data, sent[n], BYTES);
    }
    ck_assert_int_eq(input_read(&input, data, why), INPUT_END);
    input_close(&input);
}
END_TEST

static void ignore(int number)
{
    (void)number;
}

START_TEST(a_signal_ends_an_input_that_waits)
{
    uint8_t data[12];
    int ends[2];
    const struct sigaction action = {.sa_handler = ignore};
    struct sigaction before;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], HEADER FRAME "FRAME\nYYY", 22 + 18 + 9), 22 + 18 + 9);
    ck_assert_int_eq(input_open_descriptor(&input, ends[0], "pipe", NULL, why), 0);
    ck_assert_int_eq(input_read(&input, data, why), INPUT_FRAME);
    sigaction(SIGALRM, &action, &before);
    ualarm(50000, 50000);
    ck_assert_int_eq(input_read(&input, data, why), INPUT_END);
    ualarm(0, 0);
    sigaction(SIGALRM, &before, NULL);
    input_close(&input);
    close(ends[1]);
}
END_TEST

START_TEST(a_path_that_cannot_be_opened_or_read_says_so)
{
    ck_assert_int_eq(input_open(&input, "/nonexistent/clip.y4m", NULL, why), -1);
    ck_assert_str_eq(why, "/nonexistent/clip.y4m: cannot be opened: No such file or directory");
    ck_assert_int_eq(input_open(&input, "/", NULL, why), -1);
    ck_assert_str_eq(why, "/: cannot be read: Is a directory");
}
END_TEST

/* ---- Raw */

START_TEST(a_raw_frame_has_the_bytes_of_its_format)
{
    static const struct {
        const char *text;
        size_t bytes;
    } rows[] = {
        {"4x2:i420:60", 12}, {"4x2:nv12:60", 12},  {"3x3:i420:60", 17},   {"3x3:nv12:60", 17},     {"3x3:bgra:60", 36},
        {"3x3:rgba:60", 36}, {"3x3:xrgb8888", 36}, {"3x3:rgb565:60", 18}, {"3x3:0rgb1555:60", 18}, {"2x2:i420:60", 6},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct input_raw raw;
        uint8_t data[36], sent[40];
        memset(sent, (int)i + 1, sizeof sent);
        ck_assert_msg(raw_parse(rows[i].text, &raw), "%s", rows[i].text);
        ck_assert_int_eq(input_open_descriptor(&input, file_of(sent, rows[i].bytes), "raw", &raw, why), 0);
        ck_assert_uint_eq(input.bytes, rows[i].bytes);
        ck_assert_int_eq(input_read(&input, data, why), INPUT_FRAME);
        ck_assert_mem_eq(data, sent, rows[i].bytes);
        ck_assert_int_eq(input_read(&input, data, why), INPUT_END);
        input_close(&input);
    }
}
END_TEST

START_TEST(raw_frames_carry_what_was_said_of_them)
{
    struct input_raw raw;
    ck_assert(raw_parse("256x224:rgb565:39375000/655171", &raw));
    ck_assert_int_eq(input_open_descriptor(&input, file_of("", 0), "raw", &raw, why), 0);
    ck_assert_uint_eq(input.frame.size, sizeof input.frame);
    ck_assert_uint_eq(input.frame.format, CULVERT_FORMAT_RGB565);
    ck_assert_uint_eq(input.frame.width, 256);
    ck_assert_uint_eq(input.frame.height, 224);
    ck_assert_uint_eq(input.fps_num, 39375000);
    ck_assert_uint_eq(input.fps_den, 655171);
    input_close(&input);
}
END_TEST

START_TEST(a_raw_description_that_is_not_one_is_refused)
{
    static const char *const rows[] = {
        "",
        "640x480",
        ":rgb565:60",
        "640x480:",
        "640x480:rgb24:60",
        "640x480:RGB565:60",
        "1x480:bgra",
        "640x16385:bgra",
        "640x480:bgra:",
        "640x480:bgra:0",
        "640x480:bgra:x",
        "640x480:bgra:1001",
        "640:bgra:60",
        "640x480:bgra:60:x",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct input_raw raw = {.width = 99};
        ck_assert_msg(!raw_parse(rows[i], &raw), "accepted: %s", rows[i]);
        ck_assert_uint_eq(raw.width, 99);
    }
}
END_TEST

START_TEST(raw_bytes_that_are_no_whole_frame_are_an_error)
{
    const struct input_raw raw = {.format = CULVERT_FORMAT_I420, .width = 2, .height = 2};
    uint8_t data[6];
    ck_assert_int_eq(input_open_descriptor(&input, file_of("yyyyuvyyyyu", 11), "raw", &raw, why), 0);
    ck_assert_int_eq(input_read(&input, data, why), INPUT_FRAME);
    ck_assert_int_eq(input_read(&input, data, why), INPUT_FAILED);
    ck_assert_str_eq(why, "raw: frame 2 is cut short: 5 of its 6 bytes are there");
    input_close(&input);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("input");
    TCase *numbers = tcase_create("numbers"), *y4m = tcase_create("y4m"), *raw = tcase_create("raw");
    tcase_add_test(numbers, a_number_is_digits_alone_within_its_limits);
    tcase_add_test(numbers, a_rate_is_kept_exactly_and_lies_between_1_and_1000);
    tcase_add_test(numbers, a_size_has_sides_from_2_to_16384);
    tcase_add_test(numbers, aspects_and_levels_are_read_as_people_write_them);
    suite_add_tcase(suite, numbers);
    tcase_add_test(y4m, a_header_says_size_rate_range_and_how_wide_it_is_shown);
    tcase_add_test(y4m, a_header_that_cannot_be_is_refused_with_the_files_name_and_the_reason);
    tcase_add_test(y4m, a_header_line_has_at_most_1023_bytes);
    tcase_add_test(y4m, a_garbage_file_is_refused_whatever_its_bytes);
    tcase_add_test(y4m, frames_come_until_the_end_and_the_end_stays);
    tcase_add_test(y4m, a_file_that_breaks_off_says_in_which_frame);
    tcase_add_test(y4m, a_frame_line_without_an_end_is_refused_after_1023_bytes);
    tcase_add_test(y4m, frames_larger_than_the_buffer_come_whole_through_a_pipe_that_dribbles);
    tcase_add_test(y4m, a_signal_ends_an_input_that_waits);
    tcase_add_test(y4m, a_path_that_cannot_be_opened_or_read_says_so);
    suite_add_tcase(suite, y4m);
    tcase_add_test(raw, a_raw_frame_has_the_bytes_of_its_format);
    tcase_add_test(raw, raw_frames_carry_what_was_said_of_them);
    tcase_add_test(raw, a_raw_description_that_is_not_one_is_refused);
    tcase_add_test(raw, raw_bytes_that_are_no_whole_frame_are_an_error);
    suite_add_tcase(suite, raw);
    return suite;
}
