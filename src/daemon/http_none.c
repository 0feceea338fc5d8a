/* Of a build without libmicrohttpd. */
#include <stdio.h>

#include "daemon/http.h"

struct http *http_start(const char *where, http_render *render, void *context, char *why, size_t size)
{
    (void)render;
    (void)context;
    snprintf(why, size, "no metrics at %.64s: this culvertd was built without libmicrohttpd (-Dmetrics=enabled)",
             where);
    return NULL;
}

const char *http_where(const struct http *http)
{
    (void)http;
    return "";
}

int http_poll_fd(const struct http *http)
{
    (void)http;
    return -1;
}

int http_timeout_ms(const struct http *http)
{
    (void)http;
    return -1;
}

void http_run(struct http *http)
{
    (void)http;
}

void http_stop(struct http *http)
{
    (void)http;
}
