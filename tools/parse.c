#include "parse.h"

#include <string.h>

#include <libavutil/log.h> /* av_parse_ratio_quiet needs it */
#include <libavutil/parseutils.h>
#include <libavutil/rational.h>

#define FRACTION_MAX 1000000000u
#define SIDE_MAX 16384

static bool number(const char *text, size_t length, uint32_t most, uint32_t *value)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        sum = sum * 10 + (uint64_t)(text[i] - '0');
        if (sum > most)
            return false;
    }
    if (length == 0)
        return false;
    *value = (uint32_t)sum;
    return true;
}

bool parse_number(const char *text, uint32_t least, uint32_t most, uint32_t *value)
{
    uint32_t parsed;
    if (!number(text, strlen(text), most, &parsed) || parsed < least)
        return false;
    *value = parsed;
    return true;
}

bool parse_pair(const char *text, char separator, uint32_t *first, uint32_t *second)
{
    const char *at = strchr(text, separator);
    uint32_t left, right;
    if (!at || !number(text, (size_t)(at - text), FRACTION_MAX, &left) ||
        !number(at + 1, strlen(at + 1), FRACTION_MAX, &right))
        return false;
    *first = left;
    *second = right;
    return true;
}

bool rate_valid(uint32_t num, uint32_t den)
{
    return den > 0 && num >= den && (uint64_t)num <= (uint64_t)den * 1000;
}

bool parse_rate(const char *text, uint32_t *num, uint32_t *den)
{
    uint32_t n, d;
    /* FFmpeg's parser would round a fraction of large numbers, such as the NES's 39375000/655171. */
    if (!parse_pair(text, '/', &n, &d)) {
        if (strchr(text, '/'))
            return false;
        AVRational rate;
        if (av_parse_video_rate(&rate, text) < 0)
            return false;
        n = (uint32_t)rate.num;
        d = (uint32_t)rate.den;
    }
    if (!rate_valid(n, d))
        return false;
    *num = n;
    *den = d;
    return true;
}

bool parse_size(const char *text, uint32_t *width, uint32_t *height)
{
    int w, h;
    if (av_parse_video_size(&w, &h, text) < 0 || w < 2 || h < 2 || w > SIDE_MAX || h > SIDE_MAX)
        return false;
    *width = (uint32_t)w;
    *height = (uint32_t)h;
    return true;
}

bool parse_aspect(const char *text, uint32_t *num, uint32_t *den)
{
    AVRational aspect;
    uint32_t n, d;
    if (parse_pair(text, ':', &n, &d) && (n > UINT16_MAX || d > UINT16_MAX))
        return false;
    if (av_parse_ratio_quiet(&aspect, text, UINT16_MAX) < 0 || aspect.num <= 0 || aspect.den <= 0)
        return false;
    *num = (uint32_t)aspect.num;
    *den = (uint32_t)aspect.den;
    return true;
}

bool parse_level(const char *text, uint32_t *level)
{
    if (strcmp(text, "0") == 0) {
        *level = 0;
        return true;
    }
    if (strcmp(text, "1b") == 0) {
        *level = 9;
        return true;
    }
    if (strlen(text) == 3 && text[1] == '.') {
        const char digits[] = {text[0], text[2], '\0'};
        return parse_number(digits, 10, 99, level);
    }
    uint32_t whole;
    if (parse_number(text, 1, 6, &whole)) {
        *level = whole * 10;
        return true;
    }
    return parse_number(text, 9, 99, level);
}

bool parse_time(const char *text, uint32_t least, uint32_t most, int64_t *time)
{
    int64_t parsed;
    if (av_parse_time(&parsed, text, 1) < 0 || parsed < (int64_t)least * 1000 || parsed > (int64_t)most * 1000)
        return false;
    *time = parsed;
    return true;
}
