/* A terminal that is drawn on as a whole: keys come at once and unseen, and what stood there before comes back,
 * whichever way the program ends or stops. */
#ifndef TOOLS_TERMINAL_H
#define TOOLS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Standard output must be one. It is given back by terminal_end, at exit, and by signals that end or stop. */
void terminal_begin(void);
void terminal_end(void);

/* Whether it is ours at this moment: not while the program runs in the background. */
bool terminal_ready(void);

/* Whether what is drawn is no longer what should be there: another size, or the program was stopped meanwhile. Said
 * once. */
bool terminal_stale(void);

void terminal_size(size_t *columns, size_t *lines);

/* Waits until a time (microseconds), a key, a signal, or until what is drawn is stale. The key, if there is one;
 * KEY_END when there will never be one more. */
enum { KEY_NONE = -1, KEY_END = -2 };
int terminal_wait(int64_t until);

/* What a drawing is made of: TERMINAL_TOP, lines with TERMINAL_LINE between them, TERMINAL_REST when there is room
 * below the last one, TERMINAL_END. A line is wiped before it is written: after its last column that would take this
 * column too. */
#define TERMINAL_TOP "\033[?2026h\033[H\033[K"
#define TERMINAL_LINE "\r\n\033[K"
#define TERMINAL_REST "\r\n\033[J"
#define TERMINAL_END "\033[?2026l"
bool terminal_put(const char *text, size_t bytes);

#endif
