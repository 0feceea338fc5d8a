#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "hostile.h"

#define FRESH 0x80000000u
#define WORD(field) (offsetof(struct queue_shared, field) / 4)

/* Words of the shared pages that are written again and again while a stream runs. */
static const struct target {
    const char *name;
    size_t first, count;
} targets[] = {
    {"the mailbox's word", WORD(box), 1},
    {"the ring's head", WORD(ring.head), 1},
    {"the ring's tail", WORD(ring.tail), 1},
    {"submitted", WORD(submitted), 1},
    {"taken", WORD(taken), 1},
    {"released", WORD(released), 1},
    {"the frames' descriptions", WORD(frames), 4 * sizeof(struct frame) / 4},
    {"every word", 0, sizeof(struct queue_shared) / 4},
};
enum { TARGETS = sizeof targets / sizeof targets[0] };

/* ---- The other thread -------------------------------------------------------------------------------------------- */

struct scribbler {
    pthread_t thread;
    _Atomic uint32_t *words;
    const struct target *target;
    _Atomic int ending;
};

static void *scribble(void *argument)
{
    struct scribbler *scribbler = argument;
    const struct target *target = scribbler->target;
    uint32_t state = (uint32_t)(uintptr_t)argument | 1;
    while (!scribbler->ending) {
        state = state * 1664525 + 1013904223; /* Knuth's, of 32 bits */
        _Atomic uint32_t *word = &scribbler->words[target->first + (state >> 8) % target->count];
        const uint32_t old = atomic_load(word);
        const uint32_t steps[] = {hostile_edge(state >> 12), state, old - 1, old + 1, FRESH | (state >> 20) % 3, old};
        atomic_store(word, steps[(state >> 4) % 6]);
        if ((state >> 28) == 0)
            nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
    return NULL;
}

/* A stream whose memory is written into meanwhile, until it is cut off or the time is over. */
static bool stream(struct witness *witness, const struct target *target, uint32_t policy, int milliseconds)
{
    struct raw raw;
    struct scribbler scribbler = {.target = target};
    const struct culvert_config config = raw_config(policy);
    int said = 0;
    if (!raw_begin(&raw, witness->socket, &config))
        return raw_close(&raw), false;
    scribbler.words = raw.memory;
    pthread_create(&scribbler.thread, NULL, scribble, &scribbler);
    for (int64_t end = clock_now() + milliseconds * 1000; said >= 0 && clock_now() < end;) {
        raw_publish(&raw);
        raw_bell(&raw);
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        said = raw_drain(&raw);
    }
    scribbler.ending = 1;
    pthread_join(scribbler.thread, NULL);
    raw_close(&raw);
    return true;
}

static void scribble_at(struct witness *witness, const struct target *target)
{
    char text[128];
    bool begun = true;
    const int64_t end = clock_now() + 1500000;
    for (int i = 0; i < 6 || (i < 60 && clock_now() < end); i++)
        begun &= stream(witness, target, CULVERT_POLICY_LATEST + (uint32_t)i % 3, witness->weighs ? 60 : 300);
    snprintf(text, sizeof text, "%s written into while streams run", target->name);
    if (!begun)
        printf("# no session could be opened\n");
    witness_round(witness, text);
}

/* ---- One thing at a time ----------------------------------------------------------------------------------------- */

/* A stream of which some packets came. */
static bool flow(struct raw *raw, const struct witness *witness, uint32_t policy)
{
    const struct culvert_config config = raw_config(policy);
    int packets = 0;
    if (!raw_begin(raw, witness->socket, &config))
        return false;
    for (int64_t end = clock_now() + 10000000; packets < 5 && clock_now() < end;) {
        raw_publish(raw);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        const int more = raw_drain(raw);
        if (more < 0)
            return false;
        packets += more;
    }
    return packets >= 5;
}

static _Atomic uint32_t *index_of(struct raw *raw, size_t field)
{
    return (_Atomic uint32_t *)raw->memory + field;
}

static void break_box(struct raw *raw)
{
    atomic_store(index_of(raw, WORD(box)), FRESH | 7);
}

static void head_backwards(struct raw *raw)
{
    atomic_fetch_sub(index_of(raw, WORD(ring.head)), 2);
}

static void head_ahead(struct raw *raw)
{
    atomic_fetch_add(index_of(raw, WORD(ring.head)), 5);
}

static void release_ahead(struct raw *raw)
{
    atomic_fetch_add(index_of(raw, WORD(released)), 1);
}

static void release_backwards(struct raw *raw)
{
    atomic_fetch_sub(index_of(raw, WORD(released)), 2);
}

/* The frame that was published last, or a part of it, once more. */
static void same_number(struct raw *raw)
{
    raw->writer.submitted--;
    raw_publish(raw);
}

static void number_far_ahead(struct raw *raw)
{
    raw->writer.submitted += 0x80000001;
    raw_publish(raw);
}

static void pts_backwards(struct raw *raw)
{
    raw->pts -= 50000;
    raw_publish(raw);
}

static const struct breach {
    const char *name;
    uint32_t policy;
    void (*commit)(struct raw *raw);
} breaches[] = {
    {"a slot that there is not in the mailbox", CULVERT_POLICY_LATEST, break_box},
    {"a head that runs backwards", CULVERT_POLICY_BLOCK, head_backwards},
    {"a head beyond the ring", CULVERT_POLICY_BLOCK, head_ahead},
    {"a packet given back that has not come", CULVERT_POLICY_LATEST, release_ahead},
    {"packets that are taken back again", CULVERT_POLICY_LATEST, release_backwards},
    {"a number that comes twice", CULVERT_POLICY_LATEST, same_number},
    {"a number that comes twice in the ring", CULVERT_POLICY_BLOCK, same_number},
    {"a number far ahead", CULVERT_POLICY_LATEST, number_far_ahead},
    {"a pts that runs backwards", CULVERT_POLICY_LATEST, pts_backwards},
};

enum { BREACHES = sizeof breaches / sizeof breaches[0] };

static void breach(struct witness *witness, const struct breach *breach)
{
    struct raw raw;
    char text[128];
    const int before = witness_logged(witness, "has broken the rules of the shared memory");
    bool fine = flow(&raw, witness, breach->policy);
    if (fine) {
        breach->commit(&raw);
        raw_bell(&raw);
        fine = raw_ends(raw.data, 10000) && raw_ends(raw.control, 10000);
    }
    raw_close(&raw);
    fine = fine && witness_logged(witness, "has broken the rules of the shared memory") == before + 1;
    snprintf(text, sizeof text, "%s is told, and ends the session", breach->name);
    witness_say(witness, fine, text);
}

/* Two owners of one slot: whose pixels are torn is the host's loss alone. */
static void share_slot(struct witness *witness)
{
    struct raw raw;
    bool fine = flow(&raw, witness, CULVERT_POLICY_LATEST);
    for (int i = 0; fine && i < 300; i++) {
        raw_publish(&raw);
        const uint32_t held = 3 - raw.writer.slot - raw.writer.previous;
        atomic_store(index_of(&raw, WORD(box)), FRESH | (i % 2 ? raw.writer.previous : held));
        raw_bell(&raw);
        raw_drain(&raw);
    }
    raw_close(&raw);
    witness_say(witness, fine, "a slot is used twice");
}

void hostile_memory(struct witness *witness)
{
    beside_begin(witness);
    for (size_t i = 0; i < BREACHES; i++)
        breach(witness, &breaches[i]);
    witness_round(witness, "each breach");
    share_slot(witness);
    witness_round(witness, "a slot used twice");
    for (size_t i = 0; i < TARGETS; i++)
        scribble_at(witness, &targets[i]);
    /* How a worker ends that has cut its host off: its broker may have seen the host go by then. */
    witness_say(witness, witness_logged(witness, "exited with status 3") >= BREACHES + 5,
                "streams were cut off for that");
    beside_end(witness);
    witness_round(witness, "all of it");
}
