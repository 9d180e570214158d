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

/* One line: what was said, and at its end how many were not. */
__attribute__((format(printf, 4, 0))) static void put_line(enum log_level level, const char *event,
                                                           uint64_t left_out, const char *format, va_list ap)
{
        char words[2048], line[4 * sizeof(words) + 128];
        const int saved = errno;
        vsnprintf(words, sizeof(words), format, ap);
        size_t n = put_stamp(line, sizeof(line), level);
        n += (size_t)snprintf(line + n, sizeof(line) - n, "level=%s event=%s ", word_of(level), event);
        for (const char *p = words; *p && n < sizeof(line) - 40; p++) {
                const unsigned char c = (unsigned char)*p;
                if (c < 0x20 || c == 0x7f)
                        n += (size_t)snprintf(line + n, sizeof(line) - n, "\\x%02x", c);
                else
                        line[n++] = (char)c;
        }
        if (left_out)
                n += (size_t)snprintf(line + n, sizeof(line) - n, " left_out=%llu",
                                      (unsigned long long)left_out);
        line[n++] = '\n';
        if (write(STDERR_FILENO, line, n) < 0) {
                /* nobody to tell */
        }
        errno = saved;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
        va_list ap;
        if ((int)level > most_level)
                return;
        va_start(ap, format);
        put_line(level, event, 0, format, ap);
        va_end(ap);
}

#define LIMIT_LINES   10u   /* at once */
#define LIMIT_LINE_MS 1000u /* then one in so long */

bool log_limit_allows(struct log_limit *limit, uint64_t now_ms, uint64_t *ret_left_out)
{
        /* Time starts at the burst's length, so that credit never lies before zero. */
        const uint64_t now = now_ms + LIMIT_LINES * LIMIT_LINE_MS, oldest = now - LIMIT_LINES * LIMIT_LINE_MS;
        uint64_t paid = atomic_load(&limit->credit_ms), next;
        do {
                next = (paid < oldest ? oldest : paid) + LIMIT_LINE_MS;
                if (next > now) {
                        atomic_fetch_add(&limit->left_out, 1);
                        return false;
                }
        } while (!atomic_compare_exchange_weak(&limit->credit_ms, &paid, next));
        *ret_left_out = atomic_exchange(&limit->left_out, 0);
        return true;
}

void log_limited(struct log_limit *limit, enum log_level level, const char *event, const char *format, ...)
{
        struct timespec now;
        uint64_t left_out = 0;
        va_list ap;
        if ((int)level > most_level)
                return;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (!log_limit_allows(limit, (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u,
                              &left_out))
                return;
        va_start(ap, format);
        put_line(level, event, left_out, format, ap);
        va_end(ap);
}
