#include "session/events.h"

#include "base/clock.h"

void events_note(struct events *events, enum event_kind kind, uint32_t a, uint32_t b, uint32_t c)
{
    events->kept[events->count % EVENTS_KEPT] = (struct event){clock_now(), kind, {a, b, c}};
    /* Counted when it is whole: a signal may come in between. */
    __atomic_signal_fence(__ATOMIC_RELEASE);
    events->count++;
}
