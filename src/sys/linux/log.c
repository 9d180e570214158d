#include "sys/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static _Atomic int most_level = LOG_LEVEL_INFO;
static const char *program = "netinfo";

void log_set_level(enum log_level most)
{
        most_level = (int)most;
}

void log_set_name(const char *name)
{
        program = name;
}

static const char *word_of(enum log_level level)
{
        switch (level) {
        case LOG_LEVEL_ERROR:
                return "error";
        case LOG_LEVEL_WARNING:
                return "warning";
        case LOG_LEVEL_NOTICE:
                return "notice";
        case LOG_LEVEL_INFO:
                return "info";
        default:
                return "debug";
        }
}

static size_t put_stamp(char *to, size_t cap, enum log_level level)
{
        struct timespec now;
        struct tm tm;
        if (getenv("JOURNAL_STREAM"))
                return (size_t)snprintf(to, cap, "<%d>", (int)level);
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &tm);
        return strftime(to, cap, "%Y-%m-%dT%H:%M:%S", &tm) +
               (size_t)snprintf(to + 19, cap - 19, ".%03ldZ %s: ", now.tv_nsec / 1000000, program);
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
        char words[2048], line[4 * sizeof(words) + 128];
        if ((int)level > most_level)
                return;
        const int saved = errno;
        va_list ap;
        va_start(ap, format);
        vsnprintf(words, sizeof(words), format, ap);
        va_end(ap);
        size_t n = put_stamp(line, sizeof(line), level);
        n += (size_t)snprintf(line + n, sizeof(line) - n, "level=%s event=%s ", word_of(level), event);
        for (const char *p = words; *p && n < sizeof(line) - 6; p++) {
                const unsigned char c = (unsigned char)*p;
                if (c < 0x20 || c == 0x7f)
                        n += (size_t)snprintf(line + n, sizeof(line) - n, "\\x%02x", c);
                else
                        line[n++] = (char)c;
        }
        line[n++] = '\n';
        if (write(STDERR_FILENO, line, n) < 0) {
                /* nobody to tell */
        }
        errno = saved;
}
