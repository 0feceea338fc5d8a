#include "remote/endpoint.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/platform.h"

#define SCHEME "unix:"

static int address_of(const char *endpoint, struct sockaddr_un *address, char *why)
{
    const size_t scheme = strlen(SCHEME);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    const bool known = strncmp(endpoint, SCHEME, scheme) == 0 && endpoint[scheme] != '\0';
    if (known && strlen(endpoint + scheme) < sizeof address->sun_path) {
        strcpy(address->sun_path, endpoint + scheme);
        return 0;
    }
    snprintf(why, CODEC_WHY, "endpoint \"%.80s\" is %s: set unix:PATH, the path of culvertd's socket", endpoint,
             known ? "too long" : "not known");
    return CULVERT_E_ARGUMENT;
}

static int explain_connect(const char *endpoint, int error, char *why)
{
    const char *advice = error == EAGAIN   ? "it is overloaded: try again later"
                         : error == EACCES ? "ask for access to the socket"
                                           : "start culvertd --socket with this path";
    snprintf(why, CODEC_WHY, "no culvertd at %s (%s): %s", endpoint, platform_error(error), advice);
    return error == EACCES || error == EPERM ? CULVERT_E_DENIED : CULVERT_E_GONE;
}

int endpoint_connect(const char *endpoint, char *why)
{
    struct sockaddr_un address;
    const int error = address_of(endpoint, &address, why);
    if (error < 0)
        return error;
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        snprintf(why, CODEC_WHY, "no socket for %s: %s: close descriptors, or raise RLIMIT_NOFILE", endpoint,
                 platform_error(errno));
        return CULVERT_E_SYSTEM;
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    const int failure = errno;
    close(fd);
    return explain_connect(endpoint, failure, why);
}

int endpoint_explain(int result, char *why)
{
    if (result == -EPROTONOSUPPORT) {
        snprintf(why, CODEC_WHY,
                 "culvertd is of another version than this library, which speaks wire version %u: "
                 "install both from one release",
                 WIRE_VERSION);
        return CULVERT_E_UNSUPPORTED;
    }
    if (result == -EMFILE) {
        snprintf(why, CODEC_WHY,
                 "no descriptor is left for those of culvertd's answer: close some, or raise "
                 "RLIMIT_NOFILE");
        return CULVERT_E_SYSTEM;
    }
    if (result == 0 || result == -EPIPE || result == -ECONNRESET)
        snprintf(why, CODEC_WHY, "culvertd has closed the connection: look into its log");
    else
        snprintf(why, CODEC_WHY, "culvertd's answer is no message (%s): look into its log", platform_error(-result));
    return CULVERT_E_GONE;
}

int endpoint_refusal(struct wire_refused *refused, char *why)
{
    refused->text[WIRE_TEXT - 1] = '\0';
    snprintf(why, CODEC_WHY, "%s", refused->text);
    return refused->error < 0 ? refused->error : CULVERT_E_GONE;
}

static int no_memory(char *why)
{
    snprintf(why, CODEC_WHY, "the system has no memory for a message to or from culvertd: try again");
    return CULVERT_E_MEMORY;
}

int endpoint_ask(int socket, enum wire_kind kind, void *request, size_t bytes, uint32_t kinds,
                 struct wire_parcel *answer, char *why)
{
    const int64_t deadline = clock_deadline(ENDPOINT_PATIENCE_MS);
    int result = wire_send(socket, kind, request, bytes, NULL, 0);
    /* An empty socket has room. */
    if (result == -EAGAIN)
        return no_memory(why);
    /* Whoever was turned away before it could ask was told why. */
    if (result == -EPIPE || result == -ECONNRESET)
        result = 0;
    while (result == 0 || result == -EAGAIN) {
        struct pollfd ready = {.fd = socket, .events = POLLIN};
        const int64_t left = deadline - clock_now();
        if (left <= 0 || (poll(&ready, 1, (int)(left / 1000) + 1) < 0 && errno != EINTR))
            break;
        result = wire_receive(socket, kinds | WIRE_MASK(WIRE_REFUSED), answer);
        if (result == 1)
            return answer->message.header.kind == WIRE_REFUSED ? endpoint_refusal(&answer->message.refused, why) : 0;
        if (result != -EAGAIN)
            return endpoint_explain(result, why);
        /* What is there and does not come finds no memory. */
        if (ready.revents & POLLIN)
            return no_memory(why);
    }
    if (result < 0 && result != -EAGAIN)
        return endpoint_explain(result, why);
    snprintf(why, CODEC_WHY, "culvertd has not answered for %d seconds: look into its log",
             ENDPOINT_PATIENCE_MS / 1000);
    return CULVERT_E_TIMEOUT;
}
