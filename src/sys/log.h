/* The log of the daemons: one line per event, `key=value` words, to stderr (with systemd's "<n>" priority
 * prefix when JOURNAL_STREAM is set). Rooms do not log; programs do. Thread-safe. */
#ifndef NETINFO_SYS_LOG_H
#define NETINFO_SYS_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level {
        LOG_LEVEL_ERROR = 3,
        LOG_LEVEL_WARNING = 4,
        LOG_LEVEL_NOTICE = 5,
        LOG_LEVEL_INFO = 6,
        LOG_LEVEL_DEBUG = 7
};

/* Lines less important than this are dropped; default LOG_LEVEL_INFO. */
void log_set_level(enum log_level most);
/* Name in front of each line ("netinfod"); borrowed for ever. */
void log_set_name(const char *name);
/* event: one word ("listen", "domain-open"); then words in printf form, such as "tag=%s port=%u". Control
 * bytes in the result are printed as \xHH, so that nobody's name can forge a line. */
void log_event(enum log_level level, const char *event, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* What a stranger can make happen as often as he likes goes through one of these: ten lines at once, then one
 * every second; a line after some that were left out says how many ("left_out=N"). Zeroed at first;
 * thread-safe. */
struct log_limit {
        _Atomic uint64_t credit_ms; /* the time up to which lines are paid for */
        _Atomic uint64_t left_out;
};
void log_limited(struct log_limit *limit, enum log_level level, const char *event, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
/* May a line go out at that time? Counts it. *ret_left_out: those that were not since the last one that was.
 */
bool log_limit_allows(struct log_limit *limit, uint64_t now_ms, uint64_t *ret_left_out);

#endif
