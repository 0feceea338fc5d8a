/* Explores the scenarios of one source: every NAME. For mutate_orders.sh, which needs no more than to know whether one
 * of them fails. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios.h"

#define BEYOND 3 /* a status: what was found is no error of the source */

#define ROW(name) {#name, &scenario_##name},

static const struct row {
    const char *name;
    const struct scenario *scenario;
} rings[] = {RING_SCENARIOS(ROW){0}}, mailboxes[] = {MAILBOX_SCENARIOS(ROW){0}}, handles[] = {HANDLE_SCENARIOS(ROW){0}},
  queues[] = {QUEUE_SCENARIOS(ROW){0}};

static const struct {
    const char *source;
    const struct row *rows;
} sources[] = {{"ring", rings}, {"mailbox", mailboxes}, {"handle", handles}, {"queue", queues}};

static int run(const struct row *row)
{
    static struct explored explored;
    for (; row->name != NULL; row++) {
        const bool holds = explore(row->scenario, &explored);
        printf("%s: %" PRIu32 " executions, %" PRIu32 " given up, %" PRIu32 " choices\n", row->name,
               explored.executions, explored.redundant, explored.choices);
        if (holds)
            continue;
        printf("found by %s: %s\n", row->name, explored.failure);
        return explored.beyond ? BEYOND : EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof sources / sizeof sources[0]; i++)
        if (strcmp(sources[i].source, argv[1]) == 0)
            return run(sources[i].rows);
    fprintf(stderr, "usage: every ring|mailbox|handle|queue\n");
    return 2;
}
