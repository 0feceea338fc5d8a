/* A client of culvertd's that speaks wire.h itself, so that it can say what the library never would. Sockets do not
 * wait; calls that do wait here have a deadline. */
#ifndef TESTS_RAW_CLIENT_H
#define TESTS_RAW_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame/queue.h"
#include "remote/wire.h"

struct raw {
    int control, data; /* negative: not there */
    struct culvert_config config;
    struct wire_layout layout;
    void *memory; /* the frames'; NULL: not there */
    size_t bytes;
    struct queue_writer writer;
    int64_t pts;
};

/* Settings of the null codec, of 64x64 at most, with this policy. */
struct culvert_config raw_config(uint32_t policy);

/* Connected, and nothing said. False: it could not. */
bool raw_connect(struct raw *raw, const char *path);
/* Sends any bytes, `fds` descriptors along. False: they did not go out. */
bool raw_send(int socket, const void *bytes, size_t size, const int *fds, uint32_t count);
/* The header of a message of that kind. */
struct wire_header raw_header(enum wire_kind kind, size_t bytes);
/* Waits for a message of these kinds: 1, 0 at the end of file, or a negative errno (-EAGAIN at the deadline). */
int raw_await(int socket, uint32_t kinds, struct wire_parcel *parcel, int milliseconds);
/* Whether the socket ends within that time, whatever comes before. */
bool raw_ends(int socket, int milliseconds);

/* Steps of the protocol. False: refused, or an end. */
bool raw_open(struct raw *raw, const struct culvert_config *config);
bool raw_worker(struct raw *raw);
struct wire_start raw_start(const struct raw *raw);
/* All of them, up to a start as the library sends it. */
bool raw_begin(struct raw *raw, const char *path, const struct culvert_config *config);
/* A frame as submit would publish it; false: there is no room. */
bool raw_publish(struct raw *raw);
void raw_bell(struct raw *raw);
/* Reads what the worker says and gives back all packets. How many came; negative: the socket has ended. */
int raw_drain(struct raw *raw);
void raw_close(struct raw *raw);

#endif
