#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libavutil/rational.h>

#include "parse.h"

/* A header that mjpegtools or FFmpeg writes stays below 256 bytes. */
#define LINE_BYTES 1024

static const char magic[] = "YUV4MPEG2";
static const char mark[] = "FRAME";

/* What the tags said. */
struct header {
    const char *colour;
    char interlace;
    uint32_t sample_num, sample_den;
};

static bool starts(const char *line, const char *word)
{
    const size_t length = strlen(word);
    return strncmp(line, word, length) == 0 && (line[length] == ' ' || line[length] == '\0');
}

static bool read_tag(struct input *input, struct header *header, const char *tag)
{
    struct culvert_frame *frame = &input->frame;
    switch (tag[0]) {
    case 'W':
        return parse_number(tag + 1, 2, 16384, &frame->width);
    case 'H':
        return parse_number(tag + 1, 2, 16384, &frame->height);
    case 'F':
        return parse_pair(tag + 1, ':', &input->fps_num, &input->fps_den);
    case 'A':
        return parse_pair(tag + 1, ':', &header->sample_num, &header->sample_den);
    case 'I':
        header->interlace = tag[1];
        return true;
    case 'C':
        header->colour = tag + 1;
        return true;
    default:
        if (strcmp(tag, "XCOLORRANGE=FULL") == 0)
            frame->range = CULVERT_RANGE_FULL;
        return true;
    }
}

static int refuse(const struct input *input, char why[INPUT_WHY], const char *format, const char *detail)
{
    const int length = snprintf(why, INPUT_WHY, "%.300s: ", input->name);
    snprintf(why + length, INPUT_WHY - (size_t)length, format, detail);
    return -1;
}

static int read_header(struct input *input, struct header *header, char *line, char why[INPUT_WHY])
{
    char *rest = line;
    (void)strsep(&rest, " "); /* its mark, which brought it here */
    for (const char *tag; (tag = strsep(&rest, " "));) {
        if (!read_tag(input, header, tag))
            return refuse(input, why, "its Y4M header says '%.40s', which is not valid or out of range", tag);
    }
    if (!input->frame.width || !input->frame.height)
        return refuse(input, why, "its Y4M header states no %s", input->frame.width ? "height" : "width");
    return 0;
}

static int check_sampling(const struct input *input, const struct header *header, char why[INPUT_WHY])
{
    static const char *const accepted[] = {"420", "420jpeg", "420mpeg2", "420paldv"};
    if (header->interlace != 'p' && header->interlace != '?')
        return refuse(input, why, "it is interlaced: deinterlace it with 'ffmpeg -i IN -vf yadif OUT.y4m'%s", "");
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        if (strcmp(header->colour, accepted[i]) == 0)
            return 0;
    }
    return refuse(input, why, "C%.40s is not 8-bit 4:2:0: convert it with 'ffmpeg -i IN -pix_fmt yuv420p OUT.y4m'",
                  header->colour);
}

static void set_aspect(struct culvert_frame *frame, const struct header *header)
{
    if (header->sample_num == header->sample_den || !header->sample_num || !header->sample_den)
        return;
    int num, den;
    av_reduce(&num, &den, (int64_t)frame->width * header->sample_num, (int64_t)frame->height * header->sample_den,
              UINT16_MAX);
    frame->aspect_num = num > 0 && den > 0 ? (uint32_t)num : 0;
    frame->aspect_den = num > 0 && den > 0 ? (uint32_t)den : 0;
}

int y4m_begin(struct input *input, char why[INPUT_WHY])
{
    char line[LINE_BYTES];
    struct header header = {.colour = "420jpeg", .interlace = '?'};
    const enum source_result result = source_line(&input->source, line, sizeof line);
    if (input->source.error)
        return refuse(input, why, "cannot be read: %s", strerror(input->source.error));
    if (result == SOURCE_END && line[0] == '\0')
        return refuse(input, why, "it is empty%s", "");
    if (!starts(line, magic))
        return refuse(input, why,
                      "it is not a Y4M file: make one with 'ffmpeg -i IN -pix_fmt yuv420p OUT.y4m'%s, "
                      "or say what it holds with --raw",
                      "");
    if (result != SOURCE_LINE)
        return refuse(input, why, "its Y4M header %s", result == SOURCE_LONG ? "has no end" : "is cut short");
    if (read_header(input, &header, line, why) < 0 || check_sampling(input, &header, why) < 0)
        return -1;
    input->frame.format = CULVERT_FORMAT_I420;
    input->bytes = raw_bytes(CULVERT_FORMAT_I420, input->frame.width, input->frame.height);
    set_aspect(&input->frame, &header);
    return 0;
}

enum input_result y4m_mark(struct input *input, char why[INPUT_WHY])
{
    char line[LINE_BYTES];
    const enum source_result result = source_line(&input->source, line, sizeof line);
    if (input->source.error == EINTR || (result == SOURCE_END && line[0] == '\0' && !input->source.error))
        return INPUT_END;
    if (result == SOURCE_LINE && starts(line, mark))
        return INPUT_FRAME;
    char number[32];
    snprintf(number, sizeof number, "%llu", (unsigned long long)input->frames + 1);
    if (input->source.error)
        refuse(input, why, "cannot be read: %s", strerror(input->source.error));
    else if (result == SOURCE_END && strncmp(line, mark, strlen(line)) == 0)
        refuse(input, why, "frame %s is cut short", number);
    else
        refuse(input, why, "no frame begins where frame %s should: the file is damaged or has another size", number);
    return INPUT_FAILED;
}
