#include "stream.h"

#include <stdio.h>
#include <string.h>

#include "codecs.h"
#include "console.h"
#include "interrupt.h"
#include "pace.h"

static void end(struct stream *stream)
{
    atomic_store_explicit(&stream->over, true, memory_order_relaxed);
}

static void take(struct stream *stream, const void *data, size_t bytes, const struct culvert_packet *packet)
{
    if (stream->watch)
        stream->watch(stream->context, packet, bytes, pace_now());
    if (stream->broken || writer_write(&stream->writer, data, bytes, packet, stream->why) == 0)
        return;
    stream->broken = true;
    end(stream);
}

/* The session ended by itself. */
static void lose(struct stream *stream, int error)
{
    if (!stream->why[0])
        culvert_error_text(stream->session, stream->why, sizeof stream->why);
    if (!stream->why[0])
        snprintf(stream->why, sizeof stream->why, "%s", culvert_strerror(error));
    end(stream);
}

/* After a failure to write it goes on receiving, so that the submitting thread is never left waiting for room. */
static void *receive(void *argument)
{
    struct stream *stream = argument;
    struct culvert_packet packet = {.size = sizeof packet};
    for (;;) {
        culvert_loan loan;
        const void *data;
        size_t bytes;
        const int result = culvert_peek(stream->session, &loan, &data, &bytes, &packet, CULVERT_WAIT_FOREVER);
        if (result == CULVERT_E_CODEC)
            continue; /* the statistics count the frame */
        if (result < 0)
            lose(stream, result);
        if (result != CULVERT_OK)
            return NULL;
        take(stream, data, bytes, &packet);
        culvert_release(loan);
    }
}

static int open_session(struct stream *stream, const struct culvert_config *config, char why[STREAM_WHY])
{
    atomic_init(&stream->over, false);
    stream->broken = false;
    stream->why[0] = '\0';
    stream->rejects = config->policy == CULVERT_POLICY_REJECT;
    stream->rejected = 0;
    stream->codec = codec_entry(config->codec)->name;
    stream->began = pace_now();
    interrupt_hold();
    int result = culvert_open(config, &stream->session, why, STREAM_WHY);
    if (result >= 0 && pthread_create(&stream->receiver, NULL, receive, stream) != 0) {
        snprintf(why, STREAM_WHY, "there is no room for another thread");
        culvert_close(stream->session);
        result = CULVERT_E_SYSTEM;
    }
    interrupt_release();
    return result;
}

int stream_open(struct stream *stream, const struct settings *settings)
{
    char why[STREAM_WHY], unsaid[STREAM_WHY];
    if (writer_open(&stream->writer, settings->output, why) < 0)
        return fail("%s", why);
    writer_begin(&stream->writer, settings->ivf ? codec_entry(settings->config.codec)->fourcc : NULL);
    const int result = open_session(stream, &settings->config, why);
    if (result >= 0)
        return STATUS_OK;
    writer_close(&stream->writer, 0, unsaid);
    return settings_refuse(settings, result, why);
}

bool stream_over(const struct stream *stream)
{
    return atomic_load_explicit(&stream->over, memory_order_relaxed);
}

int stream_submit(struct stream *stream, const struct culvert_frame *frame, const void *data, size_t size,
                  char why[STREAM_WHY])
{
    why[0] = '\0';
    while (!interrupted() && !stream_over(stream)) {
        const int result = culvert_submit(stream->session, frame, data, size);
        if (result >= 0)
            return 0;
        if (result != CULVERT_E_AGAIN) {
            culvert_error_text(stream->session, why, STREAM_WHY);
            return result;
        }
        if (stream->rejects) {
            stream->rejected++;
            return 0;
        }
        /* The output is slow, and the receiver has to make room first. */
        pace_until(pace_now() + 1000);
    }
    return CULVERT_E_FINISHED;
}

static void close_session(struct stream *stream, const struct settings *settings, struct report *report)
{
    culvert_finish(stream->session);
    pthread_join(stream->receiver, NULL);
    *report = (struct report){
        .codec = stream->codec,
        .stats.size = sizeof report->stats,
        .rejected = stream->rejected,
        .remote = settings->config.endpoint[0] != '\0',
        .repeats = settings->config.flags & CULVERT_CONFIG_REPEATS,
        .elapsed = pace_now() - stream->began,
        .memory = report_memory(),
        .media = report->media,
    };
    culvert_stats(stream->session, &report->stats);
    if (culvert_params(stream->session, report->params, sizeof report->params, NULL) < 0)
        report->params[0] = '\0';
    if (report->stats.failed > 0 && !stream->why[0]) {
        const int length = snprintf(stream->why, STREAM_WHY,
                                    "%llu frames were not encoded: ", (unsigned long long)report->stats.failed);
        culvert_error_text(stream->session, stream->why + length, STREAM_WHY - (size_t)length);
    }
    culvert_close(stream->session);
}

void stream_close(struct stream *stream, const struct settings *settings, struct report *report, char why[STREAM_WHY])
{
    char unwritten[STREAM_WHY];
    close_session(stream, settings, report);
    if (stream->why[0])
        snprintf(why, STREAM_WHY, "%s", stream->why);
    /* Frames that found the output broken are not in it. */
    if (writer_close(&stream->writer, stream->broken ? 0 : report->media, unwritten) < 0 && !why[0])
        snprintf(why, STREAM_WHY, "%s", unwritten);
    settings_report(settings, report);
}
