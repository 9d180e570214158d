/* Lines of the authority's ledger as SHOW gives them (doc/tls.md 6), for `ni token list` and `ni machine
 * list`. */
#ifndef NETINFO_TOOLS_ENROL_LEDGER_H
#define NETINFO_TOOLS_ENROL_LEDGER_H

#include "tools/talk.h"

/* The value of a word of the line, its escapes taken out; "" when it is not there. Arena of t. */
const char *ledger_word(struct talk *t, const char *line, const char *key);
/* All lines that begin with `kind` ("token=", "machine="), NULL behind the last; arena. NULL: said why. */
const char **ledger_lines(struct talk *t, const char *kind);
/* The whole line as a JSON object: numbers as such, yes and no as booleans. New reference. */
json_t *ledger_json(struct talk *t, const char *line);

#endif
