#include "commands.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codecs.h"
#include "console.h"
#include "container.h"
#include "culvert/culvert.h"
#include "interrupt.h"
#include "json.h"
#include "notes.h"
#include "pace.h"
#include "sample.h"
#include "settings.h"
#include "writer.h"

#define WHY OUTPUT_WHY
#define FOREVER INT64_MAX

struct record {
    struct settings settings;
    const char *name, *path;
    struct sample_row watched;
    struct writer writer;
    struct notes notes;
    culvert_session session;
    int fd; /* readable when a packet may be there */
    char why[WHY];
};

static int find(struct record *record, struct sample_row *row)
{
    const char *endpoint = record->settings.config.endpoint;
    struct sample sample;
    const int result = sample_take(&sample, NULL, endpoint, record->why);
    if (result < 0)
        return result;
    const struct sample_row *found = sample_named(&sample, record->name);
    if (found)
        *row = *found;
    else
        snprintf(record->why, WHY, "%.112s: no session there is called '%.40s': culvert top lists those that are",
                 endpoint, record->name);
    sample_free(&sample);
    return found ? 0 : CULVERT_E_HANDLE;
}

static int settle_form(struct record *record)
{
    const uint32_t codec = record->watched.listing.codec;
    const bool needs = container_needs_ivf(codec);
    if (needs && container_annexb(record->path))
        return fail("%.200s: a file of this name holds H.264, and '%.40s' is %s: give a name that ends in .ivf",
                    record->path, record->name, sample_codec(codec));
    const bool ivf = needs || container_ivf(record->path);
    writer_begin(&record->writer, ivf ? codec_entry(codec)->fourcc : NULL);
    return STATUS_OK;
}

/* Another session of this name may have been opened since it was found; which one is watched cannot be asked. */
static int confirm(struct record *record)
{
    struct sample_row row;
    const int result = find(record, &row);
    if (result == CULVERT_E_HANDLE || (result == 0 && row.listing.id == record->watched.listing.id))
        return STATUS_OK;
    if (result == 0)
        return fail("'%.40s': another session of this name was opened at this moment: try again", record->name);
    return settings_refuse(&record->settings, result, record->why);
}

static int watch(struct record *record)
{
    int result = find(record, &record->watched);
    if (result < 0)
        return result == CULVERT_E_HANDLE ? fail("%s", record->why)
                                          : settings_refuse(&record->settings, result, record->why);
    if (settle_form(record) != STATUS_OK)
        return STATUS_FAILED;
    interrupt_hold();
    result = culvert_watch(record->settings.config.endpoint, record->name, &record->session, record->why, WHY);
    interrupt_release();
    if (result < 0)
        return settings_refuse(&record->settings, result, record->why);
    int status = confirm(record);
    if (status == STATUS_OK && culvert_fd(record->session, &record->fd) < 0)
        status = fail("%.200s: there is no descriptor left to wait with", record->path);
    if (status != STATUS_OK)
        culvert_close(record->session);
    return status;
}

/* The next packet, if there is one. 0, CULVERT_E_AGAIN, what ended the session, or -1 with why. */
static int take(struct record *record)
{
    struct culvert_packet packet = {.size = sizeof packet};
    culvert_loan loan;
    const void *data;
    size_t bytes;
    const int result = culvert_peek(record->session, &loan, &data, &bytes, &packet, 0);
    if (result != CULVERT_OK)
        return result == CULVERT_E_CODEC ? CULVERT_OK : result;
    int written = writer_write(&record->writer, data, bytes, &packet, record->why);
    culvert_release(loan);
    if (written == 0)
        written = notes_packet(&record->notes, &packet, bytes, record->why);
    return written;
}

static void explain(struct record *record, int result)
{
    if (record->why[0])
        return;
    culvert_error_text(record->session, record->why, WHY);
    if (!record->why[0])
        snprintf(record->why, WHY, "%s", culvert_strerror(result));
}

/* Until the session ends, its time is up, or a signal comes: returns why, as the notes say it. */
static const char *take_all(struct record *record)
{
    const int64_t duration = record->settings.duration;
    const int64_t until = duration ? pace_now() + duration : FOREVER;
    record->why[0] = '\0';
    while (!interrupted()) {
        const int result = take(record);
        if (result == CULVERT_EOS)
            return "end";
        if (result < 0 && result != CULVERT_E_AGAIN) {
            explain(record, result);
            return "failure";
        }
        if (pace_now() >= until)
            return "duration";
        if (result == CULVERT_E_AGAIN)
            interrupt_wait(record->fd, until, NULL);
    }
    return "interrupt";
}

static void conclude(struct record *record, const char *ended)
{
    char unsaid[WHY];
    struct sample sample = {0};
    const bool lives = strcmp(ended, "duration") == 0 || strcmp(ended, "interrupt") == 0;
    const struct sample_row *last = NULL;
    if (lives && sample_take(&sample, NULL, record->settings.config.endpoint, unsaid) == 0)
        last = sample_find(&sample, record->watched.listing.id);
    notes_end(&record->notes, ended, record->why, last, record->why[0] ? unsaid : record->why);
    sample_free(&sample);
}

static int report(const struct record *record)
{
    const struct notes *notes = &record->notes;
    if (record->why[0] && record->writer.output.bytes > 0)
        return fail("%s; what came before is in %.200s", record->why, record->path);
    if (record->why[0])
        return fail("%s", record->why);
    if (notes->packets == 0)
        return fail("'%.40s': no packet came: is it paused, or does nobody submit?", record->name);
    if (!record->settings.quiet)
        fprintf(stderr,
                "%s: %" PRIu64 " packets, %" PRIu64 " bytes, %.2f s; key frames: %" PRIu64 ", epochs: %" PRIu64
                ", gaps: %" PRIu64 "; %s says what each is\n",
                record->path, notes->packets, notes->bytes, (double)notes_elapsed(notes) / 1e6, notes->keyframes,
                notes->epochs, notes->gaps, notes->path);
    return STATUS_OK;
}

/* From the files, which are open, to their end. */
static int record_session(struct record *record)
{
    char unsaid[WHY];
    const int status = watch(record);
    if (status == STATUS_OK) {
        if (notes_begin(&record->notes, record->settings.config.endpoint, &record->watched, record->why) == 0)
            conclude(record, take_all(record));
        close(record->fd);
        culvert_close(record->session);
    }
    writer_close(&record->writer, 0, record->why[0] ? unsaid : record->why);
    notes_close(&record->notes, record->why[0] ? unsaid : record->why);
    return status == STATUS_OK ? report(record) : status;
}

static int run(struct record *record)
{
    record->name = record->settings.inputs[0].path;
    record->path = record->settings.inputs[1].path;
    if (writer_open(&record->writer, record->path, record->why) < 0)
        return fail("%s", record->why);
    if (notes_open(&record->notes, record->path, record->why) == 0)
        return record_session(record);
    char unsaid[WHY];
    writer_close(&record->writer, 0, unsaid);
    return fail("%s", record->why);
}

int command_record(int argc, char **argv)
{
    struct record record = {0};
    int status = settings_parse(&record.settings, COMMAND_RECORD, argc, argv);
    if (status == STATUS_OK && record.settings.help) {
        puts(
            "usage: culvert record [OPTION...] NAME FILE\n\n"
            "Writes the packets of a culvertd's session to FILE, from the next key frame on, and beside it FILE.json:\n"
            "a line for the session, one for each packet, and one with the totals. Of several sessions called NAME,\n"
            "the one opened last. Ends with the session, or by an interrupt.\n");
        settings_print(stdout, COMMAND_RECORD);
    } else if (status == STATUS_OK) {
        status = run(&record);
    }
    settings_free(&record.settings);
    return status;
}
