/* The heap of a worker that waits for a session. Half of the time that an encoder takes to open and to make its first
 * key frame is the kernel's, which hands out zeroed pages one by one; so a spare has some of them ready. */
#ifndef DAEMON_WORKER_HEAP_H
#define DAEMON_WORKER_HEAP_H

#include <stdbool.h>

#define HEAP_READY_BYTES (32u << 20) /* about what VP9 takes at 640x480 */
#define HEAP_PAUSE_MS 2              /* between two pieces: sessions at work come first */

/* Makes the next piece ready, in about a millisecond, and of huge pages where the system has them, for codecs are
 * slowed down by others. False: all of it is, or there is none to be had. */
bool heap_ready_more(void);
/* From here on the codec's allocations come out of it. */
void heap_offer(void);
/* What was not taken goes back to the system. */
void heap_settle(void);

#endif
