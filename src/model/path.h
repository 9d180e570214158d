/* Directory paths (doc/protocol.md 4.7, doc/tools.md 1.4) and server addresses as people write them. */
#ifndef NETINFO_MODEL_PATH_H
#define NETINFO_MODEL_PATH_H

#include "base/arena.h"
#include "base/buf.h"

struct path_step {
        struct bytes key;   /* "name" when the text has no "=" */
        struct bytes value; /* unescaped */
};

struct path {
        bool numeric;           /* the whole text is digits: an object number, no steps */
        uint32_t object;        /* when numeric */
        struct path_step *step; /* n of them; n == 0 and !numeric is the root */
        uint32_t n;
};

/* Parses what a user typed. `\` makes the next byte literal; the key ends at the first unescaped `=`;
 * repeated and leading slashes collapse, trailing ones are ignored; a path without leading slash is read as
 * if it had one. The steps live in the arena. False, with a reason for the user in *ret_why (static storage):
 * empty text, too long, a number over 32 bits, a lone `\` at the end, arena full. */
bool path_parse(struct bytes text, struct arena *a, struct path *ret, const char **ret_why);
/* Appends one element in escaped form ("/" and "\" and "=" escaped) with a leading slash; key "name" is left
 * out unless the value is empty. path_parse reads it back. */
void path_put_step(struct buf *out, struct bytes key, struct bytes value);

/* host:port/tag, host/tag, [v6]:port/tag, [v6]/tag: parts borrowed from the text. */
struct server_address {
        struct bytes host; /* without brackets */
        uint16_t port;     /* 0 when not given */
        struct bytes tag;  /* empty when not given (only where need_tag is false) */
};
/* tools.md 1.2's reason words in *ret_why: "Bad format", "No host", "No tag"; also "Bad port". */
bool address_parse(struct bytes text, bool need_tag, struct server_address *ret, const char **ret_why);

/* Tag rules of protocol.md 2.9: not empty, no '/', no leading '.' or '-', no control characters, at most 64
 * bytes. */
bool tag_is_valid(struct bytes tag);

#endif
