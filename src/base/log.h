/* The process-wide log: a ring of lines that hosts pull. Severities are the public enum culvert_log_severity. A forked
 * child begins with an empty log: the parent's lines are the parent's to read. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE 256
#define LOG_LINES 256

void log_set_severity(uint32_t severity);

/* "error name: text"; name is a session's, NULL or "" when it is about none. Cut to LOG_LINE, never inside a UTF-8
 * sequence; line ends and other control characters become spaces. */
void log_write(uint32_t severity, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void log_write_list(uint32_t severity, const char *name, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* A line that another process has written so, of whatever severity. */
void log_forward(const char *line);
uint32_t log_severity(void);

/* As culvert_log_read. */
int log_read(char *text, size_t size);

#endif
