/* What makes culvertd one whose processes want for memory and for the system's help, by the plan of a test. */
#include <stdlib.h>
#include <string.h>

#include "want.h"

static struct want_shared *shared;
static bool is_worker;

/* glibc hands a constructor what it hands main. Before any filter, and before the test's plan begins. */
__attribute__((constructor)) static void obey(int argc, char **argv)
{
    const char *const path = getenv(WANT_FILE);
    is_worker = argc > 1 && strcmp(argv[1], "--worker") == 0;
    shared = path != NULL ? want_share(path, false) : NULL;
    if (shared != NULL)
        want_obey(is_worker ? WANT_WORKER : WANT_BROKER, &shared->plan, is_worker ? NULL : &shared->broker);
}

__attribute__((destructor)) static void look_back(void)
{
    const struct want_held left = want_held();
    if (shared == NULL)
        return;
    if (is_worker && (left.blocks != 0 || left.mappings != 0))
        atomic_fetch_add(&shared->leaving, 1);
    /* What comes behind this is no more culvert's own: libgcov's, in a build for coverage. */
    want_obey(WANT_OWN, &shared->plan, NULL);
}
