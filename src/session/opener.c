#include "session/opener.h"

#include "base/platform.h"

/* With the lock held. False: there is nothing more to do. */
static bool await_work(struct opener *opener)
{
    while (opener->waiting == 0 && opener->state != OPENER_ASKED && !opener->ending)
        pthread_cond_wait(&opener->changed, &opener->lock);
    return opener->waiting > 0 || !opener->ending;
}

/* With the lock held, but during the call of the codec. What it writes meanwhile nobody else reads: the state says so.
 */
static void open_asked(struct opener *opener)
{
    struct opening *opening = &opener->opening;
    opener->state = OPENER_BUSY;
    pthread_mutex_unlock(&opener->lock);
    opening->encoder = NULL;
    opener->codec->open(opener->stream, &opening->geometry, &opening->rate, opening->fill, &opening->encoder,
                        opening->why);
    pthread_mutex_lock(&opener->lock);
    opener->state = OPENER_READY;
    doorbell_ring(opener->doorbell);
}

/* As above. */
static void close_one(struct opener *opener)
{
    struct codec_encoder *encoder = opener->closes[--opener->waiting];
    pthread_mutex_unlock(&opener->lock);
    opener->codec->close(encoder);
    pthread_mutex_lock(&opener->lock);
}

static void *run(void *argument)
{
    struct opener *opener = argument;
    platform_name_thread("culvert-open");
    pthread_mutex_lock(&opener->lock);
    while (await_work(opener)) {
        /* A frame waits for what is opened, nobody for what is closed. */
        if (opener->state == OPENER_ASKED && !opener->ending)
            open_asked(opener);
        else
            close_one(opener);
    }
    pthread_mutex_unlock(&opener->lock);
    return NULL;
}

bool opener_start(struct opener *opener, const struct codec *codec, struct codec_stream *stream,
                  struct doorbell *doorbell)
{
    *opener = (struct opener){.codec = codec, .stream = stream, .doorbell = doorbell};
    pthread_mutex_init(&opener->lock, NULL);
    pthread_cond_init(&opener->changed, NULL);
    opener->running = platform_start_thread(&opener->thread, run, opener);
    return opener->running;
}

void opener_stop(struct opener *opener)
{
    if (opener->codec == NULL)
        return;
    if (opener->running) {
        pthread_mutex_lock(&opener->lock);
        opener->ending = true;
        pthread_cond_signal(&opener->changed);
        pthread_mutex_unlock(&opener->lock);
        pthread_join(opener->thread, NULL);
    }
    if (opener->state == OPENER_READY && opener->opening.encoder != NULL)
        opener->codec->close(opener->opening.encoder);
    pthread_cond_destroy(&opener->changed);
    pthread_mutex_destroy(&opener->lock);
    *opener = (struct opener){0};
}

void opener_ask(struct opener *opener, const struct codec_geometry *geometry, const struct codec_rate *rate,
                double fill)
{
    pthread_mutex_lock(&opener->lock);
    if (opener->state == OPENER_IDLE || opener->state == OPENER_ASKED) {
        opener->opening = (struct opening){.geometry = *geometry, .rate = *rate, .fill = fill};
        opener->state = OPENER_ASKED;
        pthread_cond_signal(&opener->changed);
    }
    pthread_mutex_unlock(&opener->lock);
}

bool opener_take(struct opener *opener, struct opening *opening)
{
    pthread_mutex_lock(&opener->lock);
    const bool ready = opener->state == OPENER_READY;
    if (ready) {
        *opening = opener->opening;
        opener->state = OPENER_IDLE;
    }
    pthread_mutex_unlock(&opener->lock);
    return ready;
}

void opener_close(struct opener *opener, struct codec_encoder *encoder)
{
    pthread_mutex_lock(&opener->lock);
    const bool room = opener->running && opener->waiting < OPENER_CLOSES;
    if (room) {
        opener->closes[opener->waiting++] = encoder;
        pthread_cond_signal(&opener->changed);
    }
    pthread_mutex_unlock(&opener->lock);
    if (!room)
        opener->codec->close(encoder);
}
