/* The log of the daemons: one line per event, `key=value` words, to stderr (with systemd's "<n>" priority
 * prefix when JOURNAL_STREAM is set). Rooms do not log; programs do. Thread-safe. */
#ifndef NETINFO_SYS_LOG_H
#define NETINFO_SYS_LOG_H

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

#endif
