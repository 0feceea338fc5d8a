#include <stdio.h>
#include <string.h>

#include "abi/abi.h"
#include "remote/remote.h"
#include "session/session.h"

/* Texts of a host's: NULL, and names that are too long, are none. */
static int check_text(const char *name, const char *text, size_t most, char *why)
{
    if (text != NULL && strnlen(text, most) < most)
        return 0;
    snprintf(why, CODEC_WHY, "%s is NULL, or of %zu bytes and more: set it", name, most);
    return CULVERT_E_ARGUMENT;
}

int culvert_list(const char *endpoint, uint32_t after, struct culvert_listing *listing, char *text, size_t text_size)
{
    char why[CODEC_WHY] = "";
    struct culvert_listing ours;
    const uint32_t size = abi_size(listing);
    int result = check_text("endpoint", endpoint, sizeof((struct culvert_config *)NULL)->endpoint, why);
    if (result == 0 && size == 0) {
        snprintf(why, sizeof why, "listing is NULL, or its size is not that of a struct culvert_listing");
        result = CULVERT_E_ARGUMENT;
    }
    if (result == 0)
        result = watch_list(endpoint, after, &ours, why);
    if (result == 0)
        abi_write(listing, size, &ours, sizeof ours);
    abi_write_text(text, text_size, why);
    return result;
}

int culvert_watch(const char *endpoint, const char *name, culvert_session *session, char *text, size_t text_size)
{
    char why[CODEC_WHY] = "";
    uint32_t handle;
    int error = check_text("endpoint", endpoint, sizeof((struct culvert_config *)NULL)->endpoint, why);
    if (error == 0)
        error = check_text("name", name, sizeof((struct culvert_config *)NULL)->name, why);
    if (error == 0 && session == NULL) {
        snprintf(why, sizeof why, "session is NULL: pass where its handle goes");
        error = CULVERT_E_ARGUMENT;
    }
    struct session *watching = NULL;
    if (error == 0)
        error = watch_open(endpoint, name, &watching, why);
    if (error == 0)
        error = abi_insert(watching, &handle, why);
    abi_write_text(text, text_size, why);
    if (error == 0)
        *session = handle;
    return error;
}
