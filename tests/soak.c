/* Sessions of all codecs, in this process and in a culvertd, for as long as is wanted: sizes, settings and sessions
 * change, packets are lost, encoder processes are killed. At regular times all come to rest and are weighed.
 *
 *     CULVERTD=PROGRAM soak TIMES [SECONDS [LEAK]]        TAP on standard output
 *
 * weighs so many times, each after so many seconds (60). LEAK, `memory` or `descriptors`, makes it lose some itself, to
 * see that it is found out. */
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "soak.h"

#define KILL_MS 700   /* from one kill to the next */
#define REST_MS 30000 /* in which all streams come to rest */
#define WARM_UP 1     /* of the times, after which the first third begins */
#define LEAK_BYTES (30 << 20)

static struct soak_stream streams[] = {
    {.name = "h264-lasts", .codec = CULVERT_CODEC_H264, .lasting = true},
    {.name = "vp8-lasts", .codec = CULVERT_CODEC_VP8, .lasting = true},
    {.name = "vp9-lasts", .codec = CULVERT_CODEC_VP9, .lasting = true},
    {.name = "null-lasts", .codec = CULVERT_CODEC_NULL, .lasting = true},
    {.name = "h264-apart-lasts", .codec = CULVERT_CODEC_H264, .apart = true, .lasting = true},
    {.name = "vp8-apart-lasts", .codec = CULVERT_CODEC_VP8, .apart = true, .lasting = true},
    {.name = "vp9-apart-lasts", .codec = CULVERT_CODEC_VP9, .apart = true, .lasting = true},
    {.name = "h264-killed", .codec = CULVERT_CODEC_H264, .apart = true, .lasting = true, .killed = true},
    {.name = "vp8-killed", .codec = CULVERT_CODEC_VP8, .apart = true, .lasting = true, .killed = true},
    {.name = "vp9-killed", .codec = CULVERT_CODEC_VP9, .apart = true, .lasting = true, .killed = true},
    {.name = "h264", .codec = CULVERT_CODEC_H264},
    {.name = "vp8", .codec = CULVERT_CODEC_VP8},
    {.name = "vp9", .codec = CULVERT_CODEC_VP9},
    {.name = "null", .codec = CULVERT_CODEC_NULL},
    {.name = "h264-apart", .codec = CULVERT_CODEC_H264, .apart = true, .killed = true},
    {.name = "vp8-apart", .codec = CULVERT_CODEC_VP8, .apart = true, .killed = true},
    {.name = "vp9-apart", .codec = CULVERT_CODEC_VP9, .apart = true, .killed = true},
    {.name = "null-apart", .codec = CULVERT_CODEC_NULL, .apart = true, .killed = true},
};
#define STREAMS (sizeof streams / sizeof streams[0])

static struct own_daemon its_daemon;
static uint32_t kills;

/* ---- Between two weighings --------------------------------------------------------------------------------------- */

static struct soak_stream *stream_named(const char *name)
{
    for (size_t i = 0; i < STREAMS; i++)
        if (strcmp(streams[i].name, name) == 0)
            return &streams[i];
    return NULL;
}

/* One of those that may be, behind any of the sessions; but not before it has done something. */
static void kill_one(uint32_t *state)
{
    char why[256];
    struct culvert_listing listing = {.size = sizeof listing};
    struct soak_stream *found[STREAMS];
    pid_t pids[STREAMS];
    uint32_t count = 0;
    while (count < STREAMS && culvert_list(its_daemon.endpoint, listing.id, &listing, why, sizeof why) == 0) {
        found[count] = stream_named(listing.name);
        pids[count] = (pid_t)listing.pid;
        count += listing.pid != 0 && found[count] != NULL && found[count]->killed && atomic_load(&found[count]->shown);
    }
    if (count == 0)
        return;
    const uint32_t chosen = draw(state, count);
    atomic_store(&found[chosen]->shown, false);
    kills += kill(pids[chosen], draw(state, 2) == 0 ? SIGKILL : SIGSEGV) == 0;
}

/* Somebody looks at one of the streams for a moment. */
static void watch_one(uint32_t *state)
{
    char why[256];
    culvert_session watch;
    const struct soak_stream *const stream = &streams[draw(state, STREAMS)];
    if (!stream->apart || culvert_watch(its_daemon.endpoint, stream->name, &watch, why, sizeof why) < 0)
        return;
    sleep_ms(100);
    culvert_close(watch);
}

static void go_on(uint32_t seconds, uint32_t *state)
{
    const int64_t until = milliseconds() + (int64_t)seconds * 1000;
    soak_rest(false);
    while (milliseconds() < until && !soak_is_over()) {
        sleep_ms(KILL_MS);
        kill_one(state);
        watch_one(state);
    }
    soak_rest(true);
}

static bool all_rest(void)
{
    for (size_t i = 0; i < STREAMS; i++)
        if (!atomic_load(&streams[i].rests))
            return false;
    return true;
}

static void leak(const char *what)
{
    static void *volatile kept;
    if (strcmp(what, "memory") == 0) {
        kept = malloc(LEAK_BYTES);
        if (kept != NULL)
            memset(kept, 1, LEAK_BYTES);
    } else if (strcmp(what, "descriptors") == 0 && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
        exit(2);
}

/* ---- Beginning and end ------------------------------------------------------------------------------------------- */

static void begin(void)
{
    own_daemon_create(&its_daemon);
    own_daemon_start(&its_daemon, (const char *const[]){"--deaths", "100/1", "--hang", "60000", NULL});
    soak_paint();
    for (size_t i = 0; i < STREAMS; i++) {
        streams[i].endpoint = streams[i].apart ? its_daemon.endpoint : "";
        streams[i].state = (uint32_t)i * 7919 + 2026;
        if (pthread_create(&streams[i].game, NULL, soak_play, &streams[i]) != 0)
            exit(2);
    }
}

static void show(uint32_t time, const struct soak_weight *weight)
{
    printf("# %3u  frames %u, packets %u, epochs %u, recoveries %u, sessions %u, kills %u |", time,
           atomic_load(&soak_counts.frames), atomic_load(&soak_counts.packets), atomic_load(&soak_counts.epochs),
           atomic_load(&soak_counts.recoveries), atomic_load(&soak_counts.sessions), kills);
    printf(" heap %" PRIu64 " KB |", weight->heap_kb);
    for (int place = 0; place < SOAK_PLACES; place++)
        printf(" %s%s %" PRIu64 " KB, %u descriptors%s", place > 0 ? "| " : "", soak_places[place],
               weight->at[place].kb, weight->at[place].descriptors, place < SOAK_PLACES - 1 ? "" : "\n");
    fflush(stdout);
}

static int verdict(bool good, int number, const char *what)
{
    printf("%s %d - %s\n", good ? "ok" : "not ok", number, what);
    return good ? 0 : 1;
}

static int judge(const struct soak_weight *weights, uint32_t count, uint32_t wanted)
{
    char grown[256] = "";
    const uint32_t first = count > WARM_UP ? WARM_UP : 0;
    soak_compare(weights + first, count - first, grown, sizeof grown);
    printf("# %s\n# %s\n", soak_fault(), grown);
    return verdict(soak_fault()[0] == '\0' && count == wanted, 1,
                   "every stream goes on, decodes, and is accounted for") +
           verdict(count == wanted && grown[0] == '\0', 2, "neither memory nor descriptors nor processes grow");
}

int main(int argc, char **argv)
{
    const uint32_t times = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
    const uint32_t seconds = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 60;
    uint32_t state = 2026, count = 0;
    struct soak_weight *const weights = times > 0 ? calloc(times, sizeof *weights) : NULL;
    if (weights == NULL)
        return 2;
    /* One heap for each thread that ever was would keep a little of each. */
    mallopt(M_ARENA_MAX, 2);
    begin();
    for (printf("1..2\n"); count < times && !soak_is_over(); count++) {
        go_on(seconds, &state);
        if (!COMES(all_rest(), REST_MS))
            soak_blame(&streams[0], "streams do not come to rest", 0);
        weights[count] = soak_weigh(&its_daemon);
        show(count + 1, &weights[count]);
        leak(argc > 3 ? argv[3] : "");
    }
    soak_end();
    for (size_t i = 0; i < STREAMS; i++)
        pthread_join(streams[i].game, NULL);
    const int failures = judge(weights, count, times);
    if (failures == 0)
        own_daemon_remove(&its_daemon);
    else
        printf("# culvertd's log and reports are left in %s\n", its_daemon.dir);
    free(weights);
    return failures;
}
