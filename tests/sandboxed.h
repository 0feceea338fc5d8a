/* Children under a worker's filter: what runs in them, what became of them, and streams to run there. */
#ifndef TESTS_SANDBOXED_H
#define TESTS_SANDBOXED_H

#include <stdbool.h>
#include <stdint.h>

/* What a child found wrong, "" when it found nothing; Check's assertions are not for children. Shared with the parent,
 * as is the rest of this. */
struct sandboxed {
    char verdict[512];
    int call;      /* that the filter refused by SIGSYS, unless it killed; -1: none */
    int handled;   /* the same, as SIGSYS's handler saw it: not on a thread that blocks it */
    int code;      /* si_code, as the handler saw it */
    int status;    /* of waitpid */
    char name[64]; /* of the call; "" */
};

extern struct sandboxed *sandboxed;

#define EXPECT(condition)                                                                                 \
    do {                                                                                                  \
        if (!(condition)) {                                                                               \
            snprintf(sandboxed->verdict, sizeof sandboxed->verdict, "line %d: %s", __LINE__, #condition); \
            return;                                                                                       \
        }                                                                                                 \
    } while (0)

/* Forks a child, which enters the sandbox and runs body, and waits for its end. */
void sandboxed_run(void (*body)(void));
/* The same, but body enters the sandbox itself, or does not. */
void sandboxed_run_bare(void (*body)(void));

/* Fails the test unless the child ended as it should: at body's end, with nothing found wrong; or of this signal. */
void sandboxed_expect_success(void);
void sandboxed_expect_signal(int number);

/* A stream of epochs of growing and shrinking sizes with every control call among them, in this process. */
struct sandboxed_stream {
    uint32_t codec, threads, slices, layers, references, resize;
};
void sandboxed_play(const struct sandboxed_stream *stream);

#endif
