#include "sample.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "codecs.h"
#include "json.h"
#include "pace.h"
#include "report.h"

#define SESSIONS_MAX 65536 /* more than any culvertd serves: whoever lists more counts for ever */

static void name_user(struct sample_row *row, const struct sample *before)
{
    const struct sample_row *same = before ? sample_find(before, row->listing.id) : NULL;
    if (same && same->listing.user == row->listing.user) {
        memcpy(row->user, same->user, sizeof row->user);
        return;
    }
    const struct passwd *entry = getpwuid(row->listing.user);
    if (entry)
        snprintf(row->user, sizeof row->user, "%s", entry->pw_name);
    else
        snprintf(row->user, sizeof row->user, "%" PRIu32, row->listing.user);
}

static bool make_room(struct sample *sample, size_t *room)
{
    if (sample->count < *room)
        return true;
    const size_t more = *room ? *room * 2 : 16;
    struct sample_row *rows = realloc(sample->rows, more * sizeof *rows);
    if (!rows)
        return false;
    sample->rows = rows;
    *room = more;
    return true;
}

static int give_up(struct sample *sample, int error, char why[SAMPLE_WHY], const char *text)
{
    sample_free(sample);
    if (text)
        snprintf(why, SAMPLE_WHY, "%s", text);
    return error;
}

int sample_take(struct sample *sample, const struct sample *before, const char *endpoint, char why[SAMPLE_WHY])
{
    size_t room = 0;
    uint32_t after = 0;
    *sample = (struct sample){0};
    while (make_room(sample, &room)) {
        struct sample_row *row = &sample->rows[sample->count];
        *row = (struct sample_row){.listing.size = sizeof row->listing};
        row->listing.stats.size = sizeof row->listing.stats;
        const int result = culvert_list(endpoint, after, &row->listing, why, SAMPLE_WHY);
        if (result < 0)
            return give_up(sample, result, why, NULL);
        if (result == CULVERT_EOS) {
            sample->time = pace_now();
            return 0;
        }
        if (row->listing.id <= after || sample->count == SESSIONS_MAX)
            return give_up(sample, CULVERT_E_LIMIT, why, "what answers lists sessions without end: it is no culvertd");
        row->listing.name[sizeof row->listing.name - 1] = '\0';
        name_user(row, before);
        after = row->listing.id;
        sample->count++;
    }
    return give_up(sample, CULVERT_E_MEMORY, why, "out of memory");
}

void sample_free(struct sample *sample)
{
    free(sample->rows);
    *sample = (struct sample){0};
}

static int compare(const void *key, const void *row)
{
    const uint32_t id = *(const uint32_t *)key, other = ((const struct sample_row *)row)->listing.id;
    return id < other ? -1 : id > other;
}

const struct sample_row *sample_find(const struct sample *sample, uint32_t id)
{
    return sample->count ? bsearch(&id, sample->rows, sample->count, sizeof *sample->rows, compare) : NULL;
}

const struct sample_row *sample_named(const struct sample *sample, const char *name)
{
    for (size_t i = sample->count; i > 0; i--) {
        if (strcmp(sample->rows[i - 1].listing.name, name) == 0)
            return &sample->rows[i - 1];
    }
    return NULL;
}

/* A culvertd that was started anew counts its sessions from 1 again. */
static bool went_back(const struct culvert_listing *old, const struct culvert_listing *new)
{
    return new->age_s < old->age_s || new->stats.encoded < old->stats.encoded ||
           new->stats.skipped < old->stats.skipped || new->stats.submitted < old->stats.submitted;
}

struct sample_rates sample_rates(const struct sample *before, const struct sample *now, const struct sample_row *row)
{
    const struct sample_row *old = before ? sample_find(before, row->listing.id) : NULL;
    if (!old || now->time <= before->time || went_back(&old->listing, &row->listing))
        return (struct sample_rates){0};
    const double seconds = (double)(now->time - before->time) / 1e6;
    return (struct sample_rates){
        .known = true,
        .fps = (double)(row->listing.stats.encoded - old->listing.stats.encoded) / seconds,
        .skips = (double)(row->listing.stats.skipped - old->listing.stats.skipped) / seconds,
    };
}

const char *sample_codec(uint32_t codec)
{
    const struct codec_entry *entry = codec_entry(codec);
    return entry->codec == codec ? entry->name : "?";
}

void sample_json(FILE *file, const struct sample_row *row)
{
    const struct culvert_listing *listing = &row->listing;
    fprintf(file, "\"id\": %" PRIu32 ", \"name\": ", listing->id);
    json_string(file, listing->name);
    fputs(", \"user\": ", file);
    json_string(file, row->user);
    fprintf(file, ", \"uid\": %" PRIu32 ", \"pid\": %" PRIu32 ", \"codec\": \"%s\", ", listing->user, listing->pid,
            sample_codec(listing->codec));
    fprintf(file, "\"width\": %" PRIu32 ", \"height\": %" PRIu32 ", \"age\": %" PRIu32 ", ", listing->width,
            listing->height, listing->age_s);
    fprintf(file, "\"kbps\": %" PRIu32 ", \"bitrate\": %" PRIu32 ", \"paused\": %s, ", listing->stats.sent_kbps,
            listing->stats.bitrate_kbps, listing->stats.paused ? "true" : "false");
    fprintf(file, "\"fps_num\": %" PRIu32 ", \"fps_den\": %" PRIu32 ", ", listing->stats.fps_num,
            listing->stats.fps_den);
    report_counts(file, &listing->stats);
    report_latencies(file, &listing->stats);
}
