#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "hostile.h"

#define SHORT_MS 2000
#define FDS 8
#define FLOODS 3 /* processes that send to one worker */

/* Where a message goes, and what it is before it is spoilt. */
struct speech {
    const char *name;
    enum wire_kind kind;
    size_t bytes;
    bool to_worker;
    /* Words that are tried one by one, from the first; the others, which are text, at random. */
    size_t words;
};

static const struct speech speeches[] = {
    {"OPEN", WIRE_OPEN, sizeof(struct wire_open), false, 26},
    {"LIST", WIRE_LIST, sizeof(struct wire_list), false, 6},
    {"WATCH", WIRE_WATCH, sizeof(struct wire_watch), false, 12},
    {"START", WIRE_START, sizeof(struct wire_start), true, 86},
    {"STATE", WIRE_STATE, sizeof(struct wire_state), true, 28},
    {"BELL", WIRE_BELL, sizeof(struct wire_header), true, 4},
};
enum { SPEECHES = sizeof speeches / sizeof speeches[0] };

/* As the library would say it now. */
static void compose(const struct raw *raw, const struct speech *speech, union wire_message *message)
{
    memset(message, 0, sizeof *message);
    if (speech->kind == WIRE_OPEN)
        message->open.config = raw_config(hostile_random() % 3 + CULVERT_POLICY_LATEST);
    else if (speech->kind == WIRE_WATCH)
        strcpy(message->watch.name, "beside");
    else if (speech->to_worker)
        message->start = raw_start(raw);
    message->header = raw_header(speech->kind, speech->bytes);
}

/* A connection at which that may be said. */
static bool prepare(struct raw *raw, const struct witness *witness, const struct speech *speech)
{
    const struct culvert_config config = raw_config(hostile_random() % 3 + CULVERT_POLICY_LATEST);
    const struct culvert_config *const latest = &config;
    if (!raw_connect(raw, witness->socket))
        return false;
    if (!speech->to_worker)
        return true;
    if (!raw_open(raw, latest) || !raw_worker(raw))
        return false;
    if (speech->kind == WIRE_START)
        return true;
    const struct wire_start start = raw_start(raw);
    return raw_send(raw->data, &start, sizeof start, NULL, 0) && raw_publish(raw);
}

static int socket_of(const struct raw *raw, const struct speech *speech)
{
    return speech->to_worker ? raw->data : raw->control;
}

/* Says it, does what comes next, and goes. */
static void speak(struct witness *witness, const struct speech *speech, const union wire_message *spoilt, size_t bytes)
{
    struct raw raw;
    struct wire_parcel parcel;
    if (prepare(&raw, witness, speech)) {
        raw_send(socket_of(&raw, speech), spoilt, bytes, NULL, 0);
        if (speech->to_worker) {
            raw_publish(&raw);
            raw_await(raw.data, WIRE_MASK(WIRE_REPORT) | WIRE_MASK(WIRE_NOTE), &parcel, 2);
        } else if (raw_await(raw.control, UINT32_MAX, &parcel, 50) == 1)
            wire_discard(&parcel);
    }
    raw_close(&raw);
}

static void round_says(struct witness *witness, const char *what, const char *name)
{
    char text[128];
    snprintf(text, sizeof text, "%s, %s", name, what);
    witness_round(witness, text);
}

/* ---- Words ------------------------------------------------------------------------------------------------------- */

static void spoil_words(struct witness *witness, const struct speech *speech)
{
    struct raw none = {.config = raw_config(CULVERT_POLICY_LATEST)};
    struct queue_shared shared = {0};
    none.writer = (struct queue_writer){.shared = &shared, .latest = true, .slot = 0};
    for (size_t word = 4; word < speech->words; word++) {
        for (uint32_t edge = 0; edge < HOSTILE_EDGES; edge += 1 + hostile_random() % 4) {
            union wire_message message;
            const uint32_t value = hostile_edge(edge);
            compose(&none, speech, &message);
            memcpy((uint8_t *)&message + 4 * word, &value, sizeof value);
            speak(witness, speech, &message, speech->bytes);
        }
    }
    for (int i = 0; i < 40; i++) {
        union wire_message message;
        compose(&none, speech, &message);
        for (uint32_t left = 1 + hostile_random() % 8; left > 0; left--)
            ((uint8_t *)&message)[16 + hostile_random() % (speech->bytes > 16 ? speech->bytes - 16 : 1)] = (uint8_t)
                hostile_random();
        speak(witness, speech, &message, speech->bytes);
    }
    round_says(witness, "words at their edges and at random", speech->name);
}

/* ---- Shape ------------------------------------------------------------------------------------------------------- */

/* Says what is no message, and sees the connection end. */
static int refused(struct witness *witness, const struct speech *speech, const union wire_message *message,
                   size_t bytes, const int *fds, uint32_t count)
{
    struct raw raw;
    bool ends = false;
    if (prepare(&raw, witness, speech) && raw_send(socket_of(&raw, speech), message, bytes, fds, count))
        ends = raw_ends(socket_of(&raw, speech), 10000) && raw_ends(raw.control, 10000);
    raw_close(&raw);
    return !ends;
}

static int spoil_header(struct witness *witness, const struct speech *speech)
{
    struct raw none = {.config = raw_config(CULVERT_POLICY_LATEST)};
    struct queue_shared shared = {0};
    none.writer = (struct queue_writer){.shared = &shared, .latest = true};
    int kept = 0;
    for (uint32_t word = 0; word < 4; word++) {
        for (uint32_t edge = 0; edge < HOSTILE_EDGES; edge += 1 + hostile_random() % 3) {
            union wire_message message;
            const uint32_t value = hostile_edge(edge);
            compose(&none, speech, &message);
            if (((uint32_t *)&message)[word] == value || (word == 2 && value <= WIRE_WATCH))
                continue;
            memcpy((uint8_t *)&message + 4 * word, &value, sizeof value);
            kept += refused(witness, speech, &message, speech->bytes, NULL, 0);
        }
    }
    return kept;
}

/* Cut and drawn out by 1 to n bytes; the header says the one or the other. */
static int spoil_length(struct witness *witness, const struct speech *speech)
{
    struct raw none = {.config = raw_config(CULVERT_POLICY_LATEST)};
    struct queue_shared shared = {0};
    none.writer = (struct queue_writer){.shared = &shared, .latest = true};
    int kept = 0;
    for (size_t bytes = 1; bytes < speech->bytes + 64; bytes += 1 + hostile_random() % (speech->bytes / 8 + 1)) {
        union wire_message message;
        if (bytes == speech->bytes)
            continue;
        compose(&none, speech, &message);
        if (hostile_random() % 2)
            message.header.bytes = (uint32_t)bytes;
        kept += refused(witness, speech, &message, bytes, NULL, 0);
    }
    return kept;
}

static int add_descriptors(struct witness *witness, const struct speech *speech)
{
    struct raw none = {.config = raw_config(CULVERT_POLICY_LATEST)};
    struct queue_shared shared = {0};
    none.writer = (struct queue_writer){.shared = &shared, .latest = true};
    int kept = 0;
    for (uint32_t count = 1; count <= FDS; count++) {
        int fds[FDS];
        union wire_message message;
        for (uint32_t i = 0; i < count; i++)
            fds[i] = i % 2 ? STDIN_FILENO : STDOUT_FILENO;
        compose(&none, speech, &message);
        kept += refused(witness, speech, &message, speech->bytes, fds, count);
    }
    return kept;
}

static void spoil_shape(struct witness *witness, const struct speech *speech)
{
    char text[128];
    const int kept = spoil_header(witness, speech) + spoil_length(witness, speech) + add_descriptors(witness, speech);
    snprintf(text, sizeof text, "%s of another header or length, or with descriptors, ends its connection",
             speech->name);
    if (kept > 0)
        printf("# %d were kept\n", kept);
    witness_say(witness, kept == 0, text);
    round_says(witness, "other headers and lengths, descriptors along", speech->name);
}

/* ---- Manners ----------------------------------------------------------------------------------------------------- */

/* The descriptors of a worker do not change while its host sends it some, until it is cut off. */
static void crowd_worker(struct witness *witness)
{
    struct raw raw;
    const struct culvert_config config = raw_config(CULVERT_POLICY_LATEST);
    const int fds[] = {0, 1, 2};
    bool fine = raw_begin(&raw, witness->socket, &config) && raw_publish(&raw);
    const pid_t worker = witness_worker(witness, "hostile");
    const int before = witness_fds(worker);
    const struct wire_header bell = raw_header(WIRE_BELL, sizeof bell);
    fine = fine && before > 0 && raw_send(raw.data, &bell, sizeof bell, fds, 3);
    while (fine && witness_fds(worker) >= 0 && !raw_ends(raw.data, 1))
        fine = witness_fds(worker) <= before;
    raw_close(&raw);
    witness_say(witness, fine, "a worker receives no descriptors from its host");
}

static void send_many(struct witness *witness)
{
    struct raw raw;
    const struct culvert_config config = raw_config(CULVERT_POLICY_LATEST);
    const struct wire_list list = {.header = raw_header(WIRE_LIST, sizeof list)};
    const uint8_t byte = 0;
    struct wire_parcel parcel;
    int answered = 0;
    raw_connect(&raw, witness->socket);
    for (int i = 0; i < 10000; i++) {
        if (!raw_send(raw.control, &list, sizeof list, NULL, 0))
            break;
        answered += raw_await(raw.control, WIRE_MASK(WIRE_LISTED), &parcel, SHORT_MS) == 1;
    }
    raw_close(&raw);
    printf("# %d answers\n", answered);
    raw_begin(&raw, witness->socket, &config);
    for (int i = 0; i < 10000; i++) {
        raw_bell(&raw);
        raw_drain(&raw);
    }
    raw_close(&raw);
    for (int i = 0; i < 200; i++) {
        raw_connect(&raw, witness->socket);
        for (int j = 0; j < 50; j++)
            raw_send(raw.control, &byte, 1, NULL, 0);
        raw_close(&raw);
    }
    witness_round(witness, "10,000 small messages to each");
    witness_say(witness, answered == 10000, "one that asks 10,000 times is answered as often");
}

/* Longer than a worker may be silent: one that listens to nothing else would be killed as hung. */
static void flood(struct witness *witness)
{
    struct raw raw;
    const struct culvert_config config = raw_config(CULVERT_POLICY_LATEST);
    const struct wire_header bell = raw_header(WIRE_BELL, sizeof bell);
    raw_begin(&raw, witness->socket, &config);
    const int64_t end = clock_now() + 2500000;
    pid_t senders[FLOODS];
    for (int i = 0; i < FLOODS; i++) {
        senders[i] = fork();
        while (senders[i] == 0 && (raw_send(raw.data, &bell, sizeof bell, NULL, 0) || errno == EAGAIN))
            if (clock_now() >= end)
                _exit(0);
        if (senders[i] == 0)
            _exit(1);
    }
    for (int i = 0; i < FLOODS; i++)
        waitpid(senders[i], NULL, 0);
    const bool lives = raw_publish(&raw) && raw_drain(&raw) >= 0;
    raw_close(&raw);
    witness_round(witness, "messages without end to a worker");
    witness_say(witness, lives, "a worker whose host sends without end lives on");
}

/* Asks and reads no answer, until its socket is full. */
static void never_read(struct witness *witness)
{
    struct raw raw;
    struct culvert_config config = raw_config(CULVERT_POLICY_LATEST);
    const struct wire_list list = {.header = raw_header(WIRE_LIST, sizeof list)};
    const struct wire_watch watch = {.header = raw_header(WIRE_WATCH, sizeof watch), .name = "beside"};
    bool ended = false;
    raw_connect(&raw, witness->socket);
    for (int64_t end = clock_now() + 10000000; !ended && clock_now() < end;)
        ended = !raw_send(raw.control, &list, sizeof list, NULL, 0) && errno != EAGAIN;
    raw_close(&raw);
    witness_say(witness, ended, "one that reads no answers is cut off by the broker when its socket is full");

    raw_connect(&raw, witness->socket);
    const bool first = raw_send(raw.control, &watch, sizeof watch, NULL, 0);
    struct pollfd gone = {.fd = raw.control, .events = 0};
    const bool once = poll(&gone, 1, 5000) == 1 && !raw_send(raw.control, &watch, sizeof watch, NULL, 0);
    raw_close(&raw);
    witness_say(witness, first && once, "a connection watches once");

    /* Each frame becomes a report that nobody reads. */
    raw_begin(&raw, witness->socket, &config);
    for (int i = 0; i < 2000; i++) {
        atomic_store(&raw.writer.shared->released, 0);
        raw_publish(&raw);
        poll(NULL, 0, 1);
    }
    const bool waits = witness_worker(witness, "hostile") > 0;
    raw_close(&raw);
    witness_say(witness, waits, "a worker whose host does not read waits for it");
    witness_round(witness, "clients that never read");
}

/* Stops while a frame of its is being taken, and is killed later. */
static void stop_in_between(struct witness *witness)
{
    int status;
    const pid_t child = fork();
    if (child == 0) {
        struct raw raw;
        const struct culvert_config config = raw_config(CULVERT_POLICY_BLOCK);
        raw_begin(&raw, witness->socket, &config);
        while (raw_publish(&raw))
            continue;
        raise(SIGSTOP);
        _exit(0);
    }
    waitpid(child, &status, WUNTRACED);
    const bool lists = witness_worker(witness, "hostile") > 0 && beside_goes_on();
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    witness_say(witness, lists, "the daemon serves on while a client is stopped");
    witness_round(witness, "a client that was stopped, then killed");
}

static void close_at_each_step(struct witness *witness)
{
    for (int i = 0; i < 60; i++) {
        struct raw raw;
        const struct culvert_config config = raw_config(CULVERT_POLICY_LATEST);
        const struct wire_open open = {.header = raw_header(WIRE_OPEN, sizeof open), .config = config};
        const struct wire_start start = {.state.header = raw_header(WIRE_START, sizeof start)};
        raw_connect(&raw, witness->socket);
        bool goes_on = i % 6 > 0;
        if (goes_on && i % 6 == 1)
            goes_on = raw_send(raw.control, &open, sizeof open, NULL, 0) && false;
        goes_on = goes_on && raw_open(&raw, &config) && i % 6 > 2 && raw_worker(&raw) && i % 6 > 3;
        if (goes_on)
            raw_send(raw.data, &start, sizeof start, NULL, 0);
        for (int frames = 0; goes_on && i % 6 == 5 && frames < i; frames++)
            raw_publish(&raw);
        raw_close(&raw);
    }
    witness_round(witness, "clients that close at each step");
}

/* Two sessions on one connection; the same message again. */
static void repeat(struct witness *witness)
{
    struct raw raw;
    const struct culvert_config config = raw_config(CULVERT_POLICY_LATEST);
    const struct wire_open open = {.header = raw_header(WIRE_OPEN, sizeof open), .config = config};
    raw_begin(&raw, witness->socket, &config);
    raw_send(raw.control, &open, sizeof open, NULL, 0);
    const bool second = raw_ends(raw.control, 10000);
    raw_close(&raw);
    raw_begin(&raw, witness->socket, &config);
    const struct wire_start start = raw_start(&raw);
    raw_send(raw.data, &start, sizeof start, NULL, 0);
    const bool restart = raw_ends(raw.data, 10000);
    raw_close(&raw);
    witness_say(witness, second && restart, "a second OPEN and a second START end the session");
    witness_round(witness, "messages that are repeated");
}

void hostile_messages(struct witness *witness)
{
    beside_begin(witness);
    for (size_t i = 0; i < SPEECHES; i++)
        spoil_words(witness, &speeches[i]);
    for (size_t i = 0; i < SPEECHES; i++)
        spoil_shape(witness, &speeches[i]);
    crowd_worker(witness);
    send_many(witness);
    flood(witness);
    never_read(witness);
    stop_in_between(witness);
    close_at_each_step(witness);
    repeat(witness);
    beside_end(witness);
    witness_round(witness, "all of it");
}
