#include "base/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/fork.h"
#include "base/line.h"
#include "culvert/culvert.h"

static _Atomic uint32_t threshold = CULVERT_LOG_INFO;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    char line[LOG_LINES][LOG_LINE];
    uint32_t oldest, count;
    uint64_t lost;
} ring;

static const char *const severity_name[] = {
    [CULVERT_LOG_ERROR] = "error",
    [CULVERT_LOG_WARNING] = "warning",
    [CULVERT_LOG_INFO] = "info",
    [CULVERT_LOG_DEBUG] = "debug",
};

static void forget(void *argument)
{
    (void)argument;
    ring.count = 0;
    ring.lost = 0;
}

/* At load, so that this lock registers before any that is held while a line is written. */
__attribute__((constructor)) static void protect(void)
{
    fork_protect(&lock, forget, NULL);
}

void log_set_severity(uint32_t severity)
{
    atomic_store_explicit(&threshold, severity, memory_order_relaxed);
}

static void drop_oldest(void)
{
    ring.oldest = (ring.oldest + 1) % LOG_LINES;
    ring.count--;
}

static void push(const char *line)
{
    pthread_mutex_lock(&lock);
    if (ring.count == LOG_LINES) {
        drop_oldest();
        ring.lost++;
    }
    memcpy(ring.line[(ring.oldest + ring.count) % LOG_LINES], line, strlen(line) + 1);
    ring.count++;
    pthread_mutex_unlock(&lock);
}

/* line holds one byte more than is kept, which tells whether a UTF-8 sequence goes on behind the cut. */
static void cut(char line[LOG_LINE + 1])
{
    size_t end = strlen(line);
    if (end >= LOG_LINE) {
        end = LOG_LINE - 1;
        while (end > 0 && ((unsigned char)line[end] & 0xc0) == 0x80)
            end--;
        line[end] = '\0';
    }
    line_clean(line);
}

void log_write_list(uint32_t severity, const char *name, const char *format, va_list arguments)
{
    if (severity > atomic_load_explicit(&threshold, memory_order_relaxed))
        return;
    char line[LOG_LINE + 1];
    const char *space = name != NULL && name[0] != '\0' ? " " : "";
    const int prefix = snprintf(line, sizeof line, "%s%s%s: ", severity_name[severity], space,
                                name != NULL ? name : "");
    if (prefix > 0 && (size_t)prefix < sizeof line)
        vsnprintf(line + prefix, sizeof line - (size_t)prefix, format, arguments);
    cut(line);
    push(line);
}

void log_write(uint32_t severity, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_write_list(severity, name, format, arguments);
    va_end(arguments);
}

void log_forward(const char *line)
{
    char kept[LOG_LINE + 1];
    snprintf(kept, sizeof kept, "%s", line);
    cut(kept);
    push(kept);
}

uint32_t log_severity(void)
{
    return atomic_load_explicit(&threshold, memory_order_relaxed);
}

/* The line that says how many were lost stands before the oldest one. */
static const char *oldest_line(char *lost, size_t size)
{
    if (ring.lost == 0)
        return ring.line[ring.oldest];
    snprintf(lost, size, "warning: lines lost: %" PRIu64, ring.lost);
    return lost;
}

static void forget_oldest_line(void)
{
    if (ring.lost == 0)
        drop_oldest();
    ring.lost = 0;
}

int log_read(char *text, size_t size)
{
    if (text == NULL)
        return CULVERT_E_ARGUMENT;
    int result = CULVERT_E_AGAIN;
    pthread_mutex_lock(&lock);
    if (ring.count > 0) {
        char lost[64];
        const char *line = oldest_line(lost, sizeof lost);
        const size_t bytes = strlen(line) + 1;
        result = bytes <= size ? 0 : CULVERT_E_BUFFER;
        if (result == 0) {
            memcpy(text, line, bytes);
            forget_oldest_line();
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}
