#include "exposition.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MOST 128
#define SERIES_MOST 512
#define SERIES 1024

enum type { COUNTER, GAUGE, HISTOGRAM, TYPES };

static const char *const type_names[TYPES] = {"counter", "gauge", "histogram"};

struct sample {
    char name[NAME_MOST], labels[SERIES_MOST]; /* without le */
    double le, value;
};

struct reader {
    const char *at;
    uint32_t line;
    char families[SERIES][NAME_MOST], series[SERIES][SERIES_MOST];
    uint32_t family_count, series_count;
    enum type type;
    bool open;            /* HELP came, TYPE must be next */
    struct sample bucket; /* the last one; its value is what the next may not fall below */
    bool in_buckets;
    char *why;
    size_t why_size;
};

static bool wrong(struct reader *reader, const char *what)
{
    snprintf(reader->why, reader->why_size, "line %u: %s", reader->line, what);
    return false;
}

static bool starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool take(struct reader *reader, const char *expected)
{
    if (!starts(reader->at, expected))
        return false;
    reader->at += strlen(expected);
    return true;
}

static bool take_name(struct reader *reader, char *name, bool colons)
{
    size_t length = 0;
    while (isalnum((unsigned char)reader->at[length]) || reader->at[length] == '_' ||
           (colons && reader->at[length] == ':'))
        length++;
    if (length == 0 || length >= NAME_MOST || isdigit((unsigned char)reader->at[0]))
        return false;
    memcpy(name, reader->at, length);
    name[length] = '\0';
    reader->at += length;
    return true;
}

/* Between quotes; \\, \" and \n are the escapes that there are. */
static bool take_quoted(struct reader *reader, char *value, size_t size)
{
    size_t length = 0;
    if (!take(reader, "\""))
        return false;
    for (; *reader->at != '"'; reader->at++) {
        if (*reader->at == '\0' || *reader->at == '\n' || length + 2 >= size)
            return false;
        if (*reader->at == '\\' && strchr("\\\"n", reader->at[1]) == NULL)
            return false;
        if (*reader->at == '\\')
            value[length++] = *reader->at++;
        value[length++] = *reader->at;
    }
    value[length] = '\0';
    reader->at++;
    return true;
}

static bool take_number(struct reader *reader, double *value)
{
    char *end;
    if (strchr("+-.0123456789", *reader->at) == NULL)
        return false;
    *value = strtod(reader->at, &end);
    const bool taken = end != reader->at && !isnan(*value);
    reader->at = end;
    return taken;
}

static bool take_label(struct reader *reader, struct sample *sample)
{
    char name[NAME_MOST], value[NAME_MOST], *end;
    if (!take_name(reader, name, false) || !take(reader, "=") || !take_quoted(reader, value, sizeof value))
        return false;
    if (strcmp(name, "le") == 0) {
        sample->le = strtod(value, &end);
        return *end == '\0' && end != value && !isnan(sample->le);
    }
    const size_t used = strlen(sample->labels);
    char again[NAME_MOST + 3];
    snprintf(again, sizeof again, ",%s=", name);
    if (strstr(sample->labels, again) != NULL)
        return false;
    const int added = snprintf(sample->labels + used, SERIES_MOST - used, ",%s=\"%s\"", name, value);
    return added > 0 && (size_t)added < SERIES_MOST - used;
}

static bool take_labels(struct reader *reader, struct sample *sample)
{
    if (!take(reader, "{"))
        return true;
    do {
        if (!take_label(reader, sample))
            return false;
    } while (take(reader, ","));
    return take(reader, "}");
}

static bool take_help(struct reader *reader)
{
    char *name = reader->families[reader->family_count];
    if (reader->open || reader->in_buckets)
        return wrong(reader, "a family begins before the one above is whole");
    if (reader->family_count == SERIES || !take_name(reader, name, true) || !take(reader, " "))
        return wrong(reader, "HELP without a name");
    for (uint32_t i = 0; i < reader->family_count; i++)
        if (strcmp(reader->families[i], name) == 0)
            return wrong(reader, "the family was there before");
    if (*reader->at == '\n')
        return wrong(reader, "HELP without a text");
    for (; *reader->at != '\n' && *reader->at != '\0'; reader->at++)
        if (*reader->at == '\\' || (unsigned char)*reader->at < ' ')
            return wrong(reader, "HELP with a special character");
    reader->family_count++;
    return reader->open = true;
}

static bool take_type(struct reader *reader)
{
    char name[NAME_MOST], type[NAME_MOST];
    if (!reader->open || !take_name(reader, name, true) || !take(reader, " ") || !take_name(reader, type, false))
        return wrong(reader, "TYPE must follow HELP and name a type");
    if (strcmp(name, reader->families[reader->family_count - 1]) != 0)
        return wrong(reader, "TYPE of another family than HELP");
    for (reader->type = 0; reader->type < TYPES && strcmp(type, type_names[reader->type]) != 0;)
        reader->type++;
    if (reader->type == TYPES)
        return wrong(reader, "an unknown type");
    const size_t length = strlen(name);
    const bool total = length > 6 && strcmp(name + length - 6, "_total") == 0;
    if (total != (reader->type == COUNTER))
        return wrong(reader, "counters, and they alone, end in _total");
    reader->open = false;
    return true;
}

static bool check_bucket(struct reader *reader, const struct sample *sample)
{
    struct sample *last = &reader->bucket;
    if (isnan(sample->le))
        return wrong(reader, "a bucket without le");
    if (reader->in_buckets && (strcmp(last->labels, sample->labels) != 0 || !isfinite(last->le)))
        return wrong(reader, "buckets must end with +Inf, sum and count before others begin");
    if (reader->in_buckets && (sample->le <= last->le || sample->value < last->value))
        return wrong(reader, "le and the buckets' counts must rise");
    *last = *sample;
    return reader->in_buckets = true;
}

static bool check_histogram(struct reader *reader, const struct sample *sample, const char *suffix)
{
    if (strcmp(suffix, "_bucket") == 0)
        return check_bucket(reader, sample);
    if (!reader->in_buckets || strcmp(reader->bucket.labels, sample->labels) != 0 || !isinf(reader->bucket.le))
        return wrong(reader, "sum and count must follow the bucket +Inf");
    if (strcmp(suffix, "_sum") == 0)
        return true;
    if (strcmp(suffix, "_count") != 0 || sample->value != reader->bucket.value)
        return wrong(reader, "the count is not that of the bucket +Inf");
    reader->in_buckets = false;
    return true;
}

static bool check_kind(struct reader *reader, const struct sample *sample)
{
    const char *family = reader->family_count > 0 ? reader->families[reader->family_count - 1] : "\n";
    if (reader->open || !starts(sample->name, family))
        return wrong(reader, "a sample of another family");
    const char *suffix = sample->name + strlen(family);
    if (reader->type == HISTOGRAM)
        return check_histogram(reader, sample, suffix);
    if (*suffix != '\0' || !isnan(sample->le))
        return wrong(reader, "a sample of another family, or with le");
    return reader->type == GAUGE || sample->value >= 0 || wrong(reader, "a counter below 0");
}

static bool check_new(struct reader *reader, const char *series, size_t length)
{
    if (reader->series_count == SERIES || length >= SERIES_MOST)
        return wrong(reader, "too much");
    char *own = reader->series[reader->series_count];
    memcpy(own, series, length);
    own[length] = '\0';
    for (uint32_t i = 0; i < reader->series_count; i++)
        if (strcmp(reader->series[i], own) == 0)
            return wrong(reader, "the series was there before");
    reader->series_count++;
    return true;
}

static bool take_sample(struct reader *reader)
{
    const char *begin = reader->at;
    struct sample sample = {.le = NAN};
    if (!take_name(reader, sample.name, true) || !take_labels(reader, &sample))
        return wrong(reader, "no name, or bad labels");
    const size_t length = (size_t)(reader->at - begin);
    if (!take(reader, " ") || !take_number(reader, &sample.value))
        return wrong(reader, "no value after one space");
    return check_new(reader, begin, length) && check_kind(reader, &sample);
}

static bool take_line(struct reader *reader)
{
    reader->line++;
    if (take(reader, "# HELP ")   ? !take_help(reader)
        : take(reader, "# TYPE ") ? !take_type(reader)
                                  : !take_sample(reader))
        return false;
    return take(reader, "\n") || wrong(reader, "more behind the end, or no line end");
}

bool exposition_check(const char *text, char *why, size_t size)
{
    static struct reader reader;
    memset(&reader, 0, sizeof reader);
    reader.at = text;
    reader.why = why;
    reader.why_size = size;
    while (*reader.at != '\0')
        if (!take_line(&reader))
            return false;
    if (reader.open || reader.in_buckets || reader.series_count == 0)
        return wrong(&reader, "the text ends too early");
    return true;
}

double exposition_value(const char *text, const char *series)
{
    const size_t length = strlen(series);
    for (; text != NULL && *text != '\0'; text = strchr(text, '\n') == NULL ? NULL : strchr(text, '\n') + 1)
        if (strncmp(text, series, length) == 0 && text[length] == ' ')
            return strtod(text + length, NULL);
    return NAN;
}
