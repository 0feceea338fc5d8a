/* The way of frames from the submitting thread to the encoder's: a pool of slots and one of two disciplines over it.
 * LATEST is a mailbox; BLOCK and REJECT are a ring. What both sides share holds no pointer, so it can lie in memory
 * that two processes map. Neither side trusts the other with more than the picture: indices are checked, and what
 * describes a frame is copied before anyone looks at it.
 *
 * Pixels of the frame published last stay readable to the producer until it publishes the next: nobody but the producer
 * writes into slots, and that slot is not the one it fills next. */
#ifndef FRAME_QUEUE_H
#define FRAME_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame/mailbox.h"
#include "frame/picture.h"
#include "frame/ring.h"

#define QUEUE_SLOTS_MAX 64
#define QUEUE_SLOTS_LATEST 3

/* What travels with the pixels. */
struct frame {
    int64_t pts;          /* microseconds */
    int64_t submitted_at; /* clock_now when submit was called */
    int64_t queued_at;    /* and when the pixels were converted */
    uint32_t number;      /* low bits of the frame's number */
    uint32_t content;     /* frames in a row with the same picture have the same */
    uint32_t key;         /* key frames that frames have asked for until now: a frame that is displaced leaves its
                             request in its successor's count */
    uint32_t convert_us;
    uint32_t width, height; /* visible */
    uint32_t aspect_num, aspect_den;
    uint32_t matrix, range;       /* public enums */
    uint32_t primaries, transfer; /* H.273 */
};

struct queue_shared {
    struct mailbox box;
    struct ring ring;
    alignas(CACHE_LINE) _Atomic uint32_t submitted; /* frames published, low bits; written by the producer */
    alignas(CACHE_LINE) _Atomic uint32_t taken;     /* number of the frame taken last; written by the consumer */
    alignas(CACHE_LINE) _Atomic uint32_t released;  /* packets given back, for consumers in other processes; written on
                                                       the producer's side, by whoever receives */
    alignas(CACHE_LINE) struct frame frames[QUEUE_SLOTS_MAX];
};

/* The producer's private side. */
struct queue_writer {
    struct queue_shared *shared;
    uint8_t *pixels;
    size_t slot_bytes;
    bool latest;
    uint32_t slot;     /* being filled */
    uint32_t previous; /* published last; meaningful when submitted is not 0 */
    uint32_t submitted;
    uint32_t displaced; /* of these, taken back before they were taken */
    struct ring_producer ring;
};

/* The consumer's private side. */
struct queue_reader {
    struct queue_shared *shared;
    uint8_t *pixels;
    size_t slot_bytes;
    bool latest;
    uint32_t slot;      /* taken last */
    struct frame frame; /* a copy of what described it then */
    struct ring_consumer ring;
};

/* Bytes that queue_init lays out: what both sides write, whole pages, and then slots pictures of slot_bytes
 * (PICTURE_ALIGNMENT-aligned), which only the producer writes. */
size_t queue_shared_bytes(void);
uint64_t queue_bytes(uint32_t slots, size_t slot_bytes);
/* Over zeroed memory. slots is QUEUE_SLOTS_LATEST for LATEST, else a power of two from 2 to QUEUE_SLOTS_MAX. */
void queue_init(void *memory, bool latest, uint32_t slots, size_t slot_bytes, struct queue_writer *writer,
                struct queue_reader *reader);

/* Where a consumer stands that takes the place of one that died. */
struct queue_place {
    uint32_t slot;  /* of the frame taken last, or the one that the consumer owns without a frame */
    uint32_t taken; /* number of that frame; 0: none */
};

/* The producer's side, while no consumer lives: where the next one begins. */
struct queue_place queue_vacancy(const struct queue_writer *writer);
/* No consumer will come any more: what is queued makes room. */
void queue_abandon(struct queue_writer *writer);
/* Goes on over other memory, zeroed, with the next number; what was queued is displaced, and what was published last is
 * not there. */
void queue_move(void *memory, const struct queue_writer *from, struct queue_writer *to);
/* A consumer of a queue that another process has initialised. False: the place cannot be. */
bool queue_join(void *memory, bool latest, uint32_t slots, size_t slot_bytes, const struct queue_place *place,
                struct queue_reader *reader);

/* Whether there is a slot to fill: always with LATEST. It stays the same one until it is published. */
bool queue_room(struct queue_writer *writer);
struct frame *queue_filling(struct queue_writer *writer);
uint8_t *queue_filling_pixels(struct queue_writer *writer);
/* The frame published last and its pixels, for comparison; only when one was. */
const struct frame *queue_previous(const struct queue_writer *writer);
const uint8_t *queue_previous_pixels(const struct queue_writer *writer);
/* Numbers the frame and hands it over. */
void queue_publish(struct queue_writer *writer);
/* Tells a consumer in another process how many packets were given back, low bits. */
void queue_give_back(struct queue_writer *writer, uint32_t packets);

enum queue_result { QUEUE_BROKEN = -1, QUEUE_EMPTY, QUEUE_TAKEN };

/* Takes the next frame (LATEST: the newest) and gives back the one taken before. QUEUE_BROKEN: the producer has written
 * what it must not. */
enum queue_result queue_take(struct queue_reader *reader);
/* The frame taken last and its pixels. */
const struct frame *queue_taken(const struct queue_reader *reader);
uint8_t *queue_taken_pixels(const struct queue_reader *reader);
/* Frames published until now, low bits; may lag behind what queue_take returned. */
uint32_t queue_submitted(const struct queue_reader *reader);
/* Packets given back, as the producer's side says. */
uint32_t queue_given_back(const struct queue_reader *reader);

#endif
