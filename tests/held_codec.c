#include "held_codec.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static struct {
    pthread_t host;
    bool held, fails;
    uint32_t waiting; /* calls that are held at present */
    struct held_calls calls;
} state;

/* With the lock held, but while it waits. */
static void begin_call(char name)
{
    struct held_calls *const calls = &state.calls;
    const bool by_host = pthread_equal(pthread_self(), state.host);
    if (calls->opens + calls->closes < HELD_ORDER)
        calls->order[calls->opens + calls->closes] = name;
    calls->opens += name == 'o';
    calls->closes += name == 'c';
    calls->by_host += by_host;
    state.waiting += !by_host;
    pthread_cond_broadcast(&changed);
    while (state.held && !by_host)
        pthread_cond_wait(&changed, &lock);
    state.waiting -= !by_host;
}

static int held_open(struct codec_stream *stream, const struct codec_geometry *geometry, const struct codec_rate *rate,
                     double fill, struct codec_encoder **encoder, char *why)
{
    pthread_mutex_lock(&lock);
    begin_call('o');
    const bool fails = state.fails;
    state.calls.alive += !fails;
    pthread_mutex_unlock(&lock);
    if (fails) {
        strcpy(why, HELD_WHY);
        return CULVERT_E_CODEC;
    }
    *encoder = malloc(sizeof **encoder);
    **encoder = (struct codec_encoder){stream, *geometry, *rate, fill};
    return 0;
}

static void held_close(struct codec_encoder *encoder)
{
    pthread_mutex_lock(&lock);
    begin_call('c');
    state.calls.alive--;
    pthread_mutex_unlock(&lock);
    free(encoder);
}

const struct codec held_codec = {.opens_slowly = true, .open = held_open, .close = held_close};

void held_begin(void)
{
    pthread_mutex_lock(&lock);
    memset(&state, 0, sizeof state);
    state.host = pthread_self();
    pthread_mutex_unlock(&lock);
}

static void set(bool *what, bool value)
{
    pthread_mutex_lock(&lock);
    *what = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void held_hold(void)
{
    set(&state.held, true);
}

void held_let_go(void)
{
    set(&state.held, false);
}

void held_fail(bool fails)
{
    set(&state.fails, fails);
}

void held_await(void)
{
    pthread_mutex_lock(&lock);
    while (state.waiting == 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

struct held_calls held_calls(void)
{
    pthread_mutex_lock(&lock);
    const struct held_calls calls = state.calls;
    pthread_mutex_unlock(&lock);
    return calls;
}

void held_await_closes(uint32_t closes)
{
    pthread_mutex_lock(&lock);
    while (state.calls.closes != closes)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}
