/* Changes as `ni log` and `ni watch` show them: for people, or as JSON. */
#ifndef NETINFO_TOOLS_LOG_SHOW_H
#define NETINFO_TOOLS_LOG_SHOW_H

#include "tools/log_paths.h"
#include "tools/talk.h"

struct log_show {
        struct talk *t;
        struct log_paths *paths;
        const char *only;  /* NULL, or the path (as log_path writes it) there and below which is shown */
        bool lines;        /* JSON: one object a line, instead of an array */
        bool begun;        /* something was printed */
        struct arena page; /* of the page at hand */
};

/* Copies a page into the arena: asking for paths ends the life of what CHANGES gave us. False: arena full. */
bool log_copy(struct arena *a, struct ext_changes_result *r);
/* Shows what of the entry is wanted. path, before: of each record after and before it (before may be NULL for
 * a record). *ret_shown: there was something. False: an error was said. */
bool log_show_entry(struct log_show *l, const struct ext_entry *e, const char *const *path,
                    const char *const *before, bool *ret_shown);
/* Is any of it wanted? Prints nothing. */
bool log_wants(const struct log_show *l, const struct ext_entry *e, const char *const *path,
               const char *const *before);
/* The typed path, into l->only. A path by another key than the name must be there now. False: said. */
bool log_only(struct log_show *l, const char *typed);

#endif
