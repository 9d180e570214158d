/* What `ni set`, `ni add` and `ni rm` share: words of the form key=value, and sending an EDIT. */
#ifndef NETINFO_TOOLS_TALK_EDIT_H
#define NETINFO_TOOLS_TALK_EDIT_H

#include "tools/talk.h"

/* Adds one word to the list: `key=value` (the key ends at the first `=` that has no `\` before it; `\` makes
 * the next byte of the key literal; the value is taken as it is), or `key` alone: the property without
 * values. A key that is there already gets one more value. A secret that stands on the command line is
 * refused. False: said why (exit 2). */
bool edit_word(struct talk *t, struct proplist *l, const char *word);
/* The same with KEY=FILE: the value is the content of FILE (-: standard input) without its last newline. */
bool edit_file(struct talk *t, struct proplist *l, const char *word);
/* All operands from number `from` on, through edit_word. */
bool edit_words(struct talk *t, struct proplist *l, int from);

/* Makes the directory `path` (parsed: p, at least one step) with these properties behind its own, missing
 * parents too if so wanted, in one step. What goes wrong is said. */
struct path;
void edit_make(struct talk *t, const char *path, const struct path *p, const struct proplist *asked,
               bool parents);

#define EDIT_TRIES 64 /* rounds against other writers of the same directory before we give up */

/* Sends the operations as one EDIT. The status of the answer in *ret_status (an ni_status or ext_status);
 * false when there was no answer: said. */
bool edit_send(struct talk *t, const char *what, struct ext_op *ops, uint32_t n, struct ext_edit_result *ret);
/* The same in two halves (client_edit_ahead, client_edit_answer). */
bool edit_ahead(struct talk *t, const char *what, struct ext_op *ops, uint32_t n, uint32_t *ret_ticket);
bool edit_answer(struct talk *t, uint32_t *ret_ticket, struct ext_edit_result *ret);
/* Says what an EDIT that was refused means; `exists` (may be NULL) is the way out for EXT_ASSERTION. */
void edit_refused(struct talk *t, uint32_t status, const char *thing, const char *exists);
/* Another writer was faster (NI_STALE) and `round` (from 0) may be followed by another: waits a little and
 * says true. */
bool edit_again(uint32_t status, int round);

#endif
