#include "notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "pace.h"

int notes_open(struct notes *notes, const char *recording, char why[OUTPUT_WHY])
{
    *notes = (struct notes){0};
    if ((size_t)snprintf(notes->path, sizeof notes->path, "%s.json", recording) < sizeof notes->path)
        return output_open(&notes->output, notes->path, why);
    snprintf(why, OUTPUT_WHY, "%.200s...: the name is too long", recording);
    return -1;
}

int64_t notes_elapsed(const struct notes *notes)
{
    return pace_now() - notes->began;
}

struct line {
    FILE *file;
    char *text;
    size_t bytes;
};

static FILE *begin(struct line *line)
{
    line->text = NULL;
    return line->file = open_memstream(&line->text, &line->bytes);
}

/* Writes it in one piece, so that the file holds whole lines at any time. */
static int finish(struct notes *notes, struct line *line, char why[OUTPUT_WHY])
{
    fputs("}\n", line->file);
    const bool whole = !ferror(line->file) && fclose(line->file) == 0;
    const int result = whole ? output_write(&notes->output, line->text, line->bytes, why) : -1;
    free(line->text);
    if (!whole)
        snprintf(why, OUTPUT_WHY, "%.200s: no memory for a line", notes->path);
    return result;
}

static int no_line(const struct notes *notes, char why[OUTPUT_WHY])
{
    snprintf(why, OUTPUT_WHY, "%.200s: no memory for a line", notes->path);
    return -1;
}

int notes_begin(struct notes *notes, const char *endpoint, const struct sample_row *row, char why[OUTPUT_WHY])
{
    struct line line;
    notes->began = pace_now();
    if (!begin(&line))
        return no_line(notes, why);
    fprintf(line.file, "{\"culvert\": \"%s\", \"endpoint\": ", culvert_version());
    json_string(line.file, endpoint);
    fputs(", \"session\": {", line.file);
    sample_json(line.file, row);
    fputc('}', line.file);
    return finish(notes, &line, why);
}

static void write_flags(FILE *file, uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {
        {CULVERT_PACKET_KEY, "key"},
        {CULVERT_PACKET_INSERTED, "inserted"},
        {CULVERT_PACKET_EPOCH, "epoch"},
        {CULVERT_PACKET_FIRST_SLICE, "first_slice"},
        {CULVERT_PACKET_LAST_SLICE, "last_slice"},
        {CULVERT_PACKET_SYNC, "sync"},
        {CULVERT_PACKET_RECOVERY, "recovery"},
        {CULVERT_PACKET_SCALED, "scaled"},
        {CULVERT_PACKET_REPEATED, "repeated"},
    };
    const char *comma = "";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!(flags & names[i].flag))
            continue;
        fprintf(file, "%s\"%s\"", comma, names[i].name);
        comma = ", ";
    }
}

static void write_references(FILE *file, const struct culvert_packet *packet)
{
    const size_t most = sizeof packet->reference / sizeof packet->reference[0];
    for (size_t i = 0; i < packet->references && i < most; i++)
        fprintf(file, "%s%" PRId64, i > 0 ? ", " : "", packet->reference[i]);
}

static void write_packet(FILE *file, const struct notes *notes, const struct culvert_packet *packet, size_t bytes)
{
    const struct {
        const char *name;
        uint32_t value;
    } numbers[] = {
        {"epoch", packet->epoch},
        {"control", packet->control},
        {"width", packet->width},
        {"height", packet->height},
        {"coded_width", packet->coded_width},
        {"coded_height", packet->coded_height},
        {"qp", packet->qp},
        {"layer", packet->layer},
        {"wait_us", packet->wait_us},
        {"convert_us", packet->convert_us},
        {"encode_us", packet->encode_us},
    };
    fprintf(file, "{\"pts\": %" PRId64 ", \"duration\": %" PRId64 ", \"frame\": %" PRIu64 ", \"flags\": [", packet->pts,
            packet->duration, packet->frame);
    write_flags(file, packet->flags);
    fprintf(file, "], \"size\": %zu", bytes);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        fprintf(file, ", \"%s\": %" PRIu32, numbers[i].name, numbers[i].value);
    fputs(", \"references\": [", file);
    write_references(file, packet);
    fprintf(file, "], \"arrived_us\": %" PRId64, notes_elapsed(notes));
}

/* A packet's duration reaches back to the one before it, received here or not. */
static int note_gap(struct notes *notes, const struct culvert_packet *packet, char why[OUTPUT_WHY])
{
    if (notes->epoch == 0 || packet->pts - notes->last == packet->duration)
        return 0;
    struct line line;
    notes->gaps++;
    if (!begin(&line))
        return no_line(notes, why);
    fprintf(line.file, "{\"event\": \"gap\", \"after\": %" PRId64 ", \"before\": %" PRId64, notes->last, packet->pts);
    return finish(notes, &line, why);
}

static void count(struct notes *notes, const struct culvert_packet *packet, size_t bytes)
{
    const bool first = packet->flags & CULVERT_PACKET_FIRST_SLICE && bytes > 0;
    notes->packets++;
    notes->bytes += bytes;
    notes->frames += first;
    notes->keyframes += first && packet->flags & CULVERT_PACKET_KEY;
    notes->epochs += packet->epoch != notes->epoch;
    notes->epoch = packet->epoch;
    notes->last = packet->pts;
}

int notes_packet(struct notes *notes, const struct culvert_packet *packet, size_t bytes, char why[OUTPUT_WHY])
{
    struct line line;
    const bool begins = packet->flags & CULVERT_PACKET_FIRST_SLICE || bytes == 0;
    if (begins && note_gap(notes, packet, why) < 0)
        return -1;
    if (!begin(&line))
        return no_line(notes, why);
    count(notes, packet, bytes);
    write_packet(line.file, notes, packet, bytes);
    return finish(notes, &line, why);
}

int notes_end(struct notes *notes, const char *ended, const char *error, const struct sample_row *row,
              char why[OUTPUT_WHY])
{
    struct line line;
    if (!begin(&line))
        return no_line(notes, why);
    fprintf(line.file, "{\"ended\": \"%s\", \"error\": ", ended);
    if (error[0])
        json_string(line.file, error);
    else
        fputs("null", line.file);
    fprintf(line.file,
            ", \"elapsed\": %.3f, \"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"frames\": %" PRIu64
            ", \"keyframes\": %" PRIu64 ", \"epochs\": %" PRIu64 ", \"gaps\": %" PRIu64 ", \"session\": ",
            (double)notes_elapsed(notes) / 1e6, notes->packets, notes->bytes, notes->frames, notes->keyframes,
            notes->epochs, notes->gaps);
    if (row) {
        fputc('{', line.file);
        sample_json(line.file, row);
        fputc('}', line.file);
    } else {
        fputs("null", line.file);
    }
    return finish(notes, &line, why);
}

int notes_close(struct notes *notes, char why[OUTPUT_WHY])
{
    return output_close(&notes->output, why);
}
