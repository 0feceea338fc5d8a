#include "json.h"

#include <stdint.h>
#include <string.h>

#include <libavutil/avstring.h>

void json_string(FILE *file, const char *text)
{
    const uint8_t *at = (const uint8_t *)text, *end = at + strlen(text);
    fputc('"', file);
    while (at < end) {
        const uint8_t *from = at;
        int32_t point;
        if (av_utf8_decode(&point, &at, end, AV_UTF8_FLAG_ACCEPT_NON_CHARACTERS) < 0)
            fputs("\\ufffd", file);
        else if (point == '"' || point == '\\')
            fprintf(file, "\\%c", (int)point);
        else if (point < ' ' || point == 127)
            fprintf(file, "\\u%04x", (unsigned)point);
        else
            fwrite(from, 1, (size_t)(at - from), file);
    }
    fputc('"', file);
}
