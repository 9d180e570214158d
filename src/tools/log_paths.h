/* Paths of directories as they were at some change of the past. A journal record knows only its own object
 * and its parent's number; the path is what the parents were called then. We walk from the newest change back
 * in time, beginning with what the server says now, and undo each change in what we know. Numbers that stay
 * unknown are shown as #NUMBER. `ni watch` goes the other way. */
#ifndef NETINFO_TOOLS_LOG_PATHS_H
#define NETINFO_TOOLS_LOG_PATHS_H

#include "client/client.h"

struct log_paths;
/* Borrows the client. NULL: out of memory. */
struct log_paths *log_paths_new(struct client *c);
void log_paths_free(struct log_paths *p);
/* Path at the moment that the walk has reached; lives in the arena; NULL: out of memory. Asks the server what
 * it does not know: results of earlier calls on the client are gone then. */
const char *log_path(struct log_paths *p, uint32_t object, struct arena *a);
/* Moves the moment to just before the entry. Where something that was moved came from is asked of the server:
 * as log_path. */
void log_paths_undo(struct log_paths *p, const struct ext_entry *e);
/* Tells what the record's directory is called after the change: cheaper than asking. */
void log_paths_note(struct log_paths *p, const struct ext_record *r);
/* The other direction: what the entry (with `before`) tells of the moment before it, where nothing was known;
 * then the moment after it. The first one may ask the server. */
void log_paths_expect(struct log_paths *p, const struct ext_entry *e);
void log_paths_apply(struct log_paths *p, const struct ext_entry *e);

/* Does the entry move that object? */
bool log_moves(const struct ext_entry *e, uint32_t object);
/* The place that a directory had before change `seq`, which every older record of it tells. Calls the server.
 * False: the journal has none. */
bool log_place_before(struct client *c, const struct ext_record *r, uint64_t seq, uint32_t *ret_parent,
                      uint64_t *ret_ordinal);

#endif
