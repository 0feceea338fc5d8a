#include <pthread.h>
#include <unistd.h>

#include "base/fork.h"
#include "remote/remote.h"

/* A forked child's copies of the sockets would keep a session going whose host has died. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct remote *remotes;

static void close_copy(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* In the child, where nobody else can be: the numbers stay, for its copy of the session is never used again. */
static void close_copies(void *unused)
{
    (void)unused;
    for (struct remote *remote = remotes; remote != NULL; remote = remote->next) {
        close_copy(remote->control);
        close_copy(remote->data);
        close_copy(remote->next_data);
    }
    remotes = NULL;
}

/* At load, as base/fork.h asks for: before any lock that is held while a session is opened. */
__attribute__((constructor)) static void protect(void)
{
    fork_protect(&lock, close_copies, NULL);
}

void remote_enlist(struct remote *remote)
{
    pthread_mutex_lock(&lock);
    remote->next = remotes;
    remotes = remote;
    pthread_mutex_unlock(&lock);
}

void remote_delist(struct remote *remote)
{
    pthread_mutex_lock(&lock);
    struct remote **place = &remotes;
    while (*place != NULL && *place != remote)
        place = &(*place)->next;
    if (*place != NULL)
        *place = remote->next;
    pthread_mutex_unlock(&lock);
}
