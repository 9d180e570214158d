/* All children of one directory, by SNAPSHOT: a page at a time instead of one call per record. At historical
 * servers it is one call per record, and what changes meanwhile may be seen or not. */
#ifndef NETINFO_TOOLS_WALK_H
#define NETINFO_TOOLS_WALK_H

#include "tools/talk.h"

struct walk_reader {
        /* Another epoch began, or the walk starts: forget what came so far. */
        void (*begin)(void *context);
        /* One child, in order of object numbers (of the children, at a historical server). The node lives
         * until the next call. False: stop (the reader has said why). */
        bool (*each)(void *context, const struct ext_node *node);
        void *context;
};
/* False: stopped, or an error was said. */
bool walk_children(struct talk *t, uint32_t parent, const struct walk_reader *r);

/* The same with every directory of the domain, the root too. */
bool walk_all(struct talk *t, const struct walk_reader *r);

#endif
