/* A forked child that changes what would harm the test's own process (descriptors, ids), and says what it found. */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include <stdio.h>

/* What the child found wrong; "" when it found nothing. Check's assertions are not for children. */
extern char *child_verdict;
#define CHILD_VERDICT 512

#define EXPECT(condition)                                                                \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            snprintf(child_verdict, CHILD_VERDICT, "line %d: %s", __LINE__, #condition); \
            return;                                                                      \
        }                                                                                \
    } while (0)

/* Runs body in a child, and fails the test with its verdict unless it came to its end with nothing found wrong. */
void child_run(void (*body)(void));

#endif
