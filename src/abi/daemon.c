#include <stdio.h>

#include "abi/abi.h"

static int refuse(const char *endpoint, char *text, size_t text_size)
{
    char why[256];
    snprintf(why, sizeof why, "%.112s: this build of culvert knows no culvertd", endpoint);
    abi_write_text(text, text_size, why);
    return CULVERT_E_UNSUPPORTED;
}

int culvert_list(const char *endpoint, uint32_t after, struct culvert_listing *listing, char *text, size_t text_size)
{
    (void)after;
    (void)listing;
    return refuse(endpoint, text, text_size);
}

int culvert_watch(const char *endpoint, const char *name, culvert_session *session, char *text, size_t text_size)
{
    (void)name;
    (void)session;
    return refuse(endpoint, text, text_size);
}
