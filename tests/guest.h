/* A session at a culvertd of the test's own, of small frames, each another picture; what must hold of every packet is
 * checked as it comes: pts, numbers of frames and epochs rise, durations add up, an epoch begins with a key frame. */
#ifndef TESTS_GUEST_H
#define TESTS_GUEST_H

#include <stdint.h>

#include "culvert/culvert.h"
#include "own_daemon.h"

#define GUEST_WIDTH 64
#define GUEST_HEIGHT 48
#define GUEST_PATIENCE_MS 20000

struct guest {
    culvert_session session;
    uint32_t width, height;
    uint32_t submitted, packets;
    struct culvert_packet packet; /* the last one */
};

/* The culvertd of a test, from its beginning to its end. */
extern struct own_daemon its_daemon;

void guest_start(const char *const *options);
void guest_stop(void);
/* Whether it has so many processes, and none that is dead and not buried. */
bool guest_has_children(uint32_t alive);

/* LATEST, the null codec, 60 frames per second, nothing inserted but key frames; of that name. */
struct culvert_config guest_config(const struct own_daemon *daemon, const char *name);
/* Opens it, and fails the test when that fails. */
struct guest guest_open(const struct culvert_config *config);
/* One of the above. */
struct guest guest_of(const struct own_daemon *daemon, const char *name);

int guest_submit(struct guest *guest);
/* The next packet, checked, or what there is instead. */
int guest_receive(struct guest *guest, uint32_t timeout_ms);
/* Submits and receives until a frame that is submitted from now on was received: fails the test when none comes. */
void guest_flow(struct guest *guest);
/* The same until that epoch has begun. */
void guest_reach(struct guest *guest, uint32_t epoch);
/* With a snapshot whose identities were checked. */
struct culvert_stats guest_stats(const struct guest *guest);
/* Finishes, receives what is left, checks that all is accounted for, and closes: the last snapshot. */
struct culvert_stats guest_end(struct guest *guest);

#endif
