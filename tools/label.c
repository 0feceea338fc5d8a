#include "label.h"

#include <locale.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#include <libavutil/avstring.h>

/* Marks of a bare width of 0 that no accent is: of direction, of joining, of nothing visible (Unicode's Cf, and its
 * line separators). */
static bool is_format(int32_t point)
{
    static const struct {
        int32_t first, last;
    } ranges[] = {
        {0xad, 0xad},     {0x600, 0x605},   {0x61c, 0x61c},     {0x6dd, 0x6dd},     {0x70f, 0x70f},
        {0x180b, 0x180f}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},   {0xfe00, 0xfe0f},
        {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0x110bd, 0x110bd}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    }
    return false;
}

/* The C library's widths, whatever the locale is that the command runs in; -1: not to be printed. */
static int columns(int32_t point)
{
    static locale_t unicode;
    if (point < 127)
        return point >= ' ' ? 1 : -1;
    if (!unicode)
        unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!unicode || is_format(point))
        return -1;
    const locale_t before = uselocale(unicode);
    const int width = wcwidth((wchar_t)point);
    uselocale(before);
    return width;
}

struct glyph {
    const uint8_t *bytes;
    size_t length;
    size_t columns; /* 0: it goes onto the one before */
};

/* The next one, or false at the end. */
static bool next(const uint8_t **at, const uint8_t *end, bool first, struct glyph *glyph)
{
    static const uint8_t substitute[] = {'?'};
    if (*at >= end)
        return false;
    const uint8_t *from = *at;
    int32_t point;
    const bool valid = av_utf8_decode(&point, at, end, 0) >= 0;
    const int width = valid ? columns(point) : -1;
    *glyph = width < 0 || (width == 0 && first) ? (struct glyph){substitute, 1, 1}
                                                : (struct glyph){from, (size_t)(*at - from), (size_t)width};
    return true;
}

/* Columns of as many whole characters as there is room for; *bytes: where they end. */
static size_t fit(const char *text, size_t room, size_t *bytes)
{
    const uint8_t *begin = (const uint8_t *)text, *at = begin, *end = begin + strlen(text);
    struct glyph glyph;
    size_t taken = 0;
    *bytes = 0;
    while (next(&at, end, taken == 0, &glyph) && taken + glyph.columns <= room) {
        taken += glyph.columns;
        *bytes = (size_t)(at - begin);
    }
    return taken;
}

size_t label_width(const char *text)
{
    size_t bytes;
    return fit(text, SIZE_MAX / 2, &bytes);
}

static void print(FILE *file, const char *text, size_t bytes)
{
    const uint8_t *at = (const uint8_t *)text, *end = at + bytes;
    struct glyph glyph;
    for (bool first = true; next(&at, end, first, &glyph); first = false)
        fwrite(glyph.bytes, 1, glyph.length, file);
}

void label_print(FILE *file, const char *text, size_t width, int right)
{
    size_t bytes, taken = fit(text, width, &bytes);
    const bool cut = text[bytes] != '\0' && width > 0;
    if (cut)
        taken = fit(text, width - 1, &bytes) + 1;
    const int blank = (int)(width - taken);
    fprintf(file, "%*s", right ? blank : 0, "");
    print(file, text, bytes);
    fprintf(file, "%s%*s", cut ? "+" : "", right ? 0 : blank, "");
}
