/* What the files of this room share: the table's row, and the tools its parsers and printers are made of. */
#ifndef NETINFO_FLAT_INTERNAL_H
#define NETINFO_FLAT_INTERNAL_H

#include "flat/flat.h"

enum flat_outcome { FLAT_ITEM, FLAT_NOTHING, FLAT_BAD };

/* One logical line on its way to an item. */
struct flat_in {
        struct arena *a;
        bool strict;
        struct flat_item *item;
        struct flat_why *why;
};
/* One record on its way to text. */
struct flat_out {
        struct arena *a;
        bool faithful, bad;
        bool comments; /* a word that begins with # would end the line */
        const struct proplist *props;
        struct buf *out;
        struct flat_why *why;
};

enum flat_join {
        JOIN_NOT,
        JOIN_BACKSLASH, /* `\` at the end of a line continues it */
        JOIN_BLANK,     /* a blank at the beginning of a line continues the one before */
};

struct flat_format {
        const char *name, *directory, *file, *header;
        const char *const *owned; /* NULL-terminated; NULL: every key */
        enum flat_join join;
        bool shared, needs_record, by_port, comments;
        bool after_percent; /* nothing counts before the first line that begins with %% (bootptab) */
        enum flat_outcome (*parse)(struct flat_in *in, struct bytes line);
        void (*print)(struct flat_out *out);
};

/* Values of one key, united in order of appearance, without repetition. {NULL, 0} and a->failed: no memory.
 */
struct namelist flat_union(struct namelist x, struct namelist y, struct arena *a);
/* Ascending by name; of equal names the first stays. False: arena full. */
bool flat_sort(struct proplist *l, struct arena *a);
/* Do these printed lines read back, strictly, as one record? */
bool flat_comes_back(const struct flat_format *f, struct bytes text, struct flat_why *ret_why);
/* Lists that grow by union (doc/tools.md 5.1); other keys hold one statement. */
bool flat_is_list(struct bytes key);

/* Such a word could come to stand at the end of a line that is printed. */
#define FLAT_STRAY_BACKSLASH "a word ends with a backslash that does not continue the line"

/* -- parsing */
/* Fills why and gives FLAT_BAD. */
enum flat_outcome flat_bad(struct flat_in *in, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct bytes flat_trim(struct bytes b);
/* Fields between separators, each trimmed: "a:b:" has three. Arena full: n == 0 and in->a->failed. */
struct namelist flat_split(struct flat_in *in, struct bytes line, uint8_t separator);
/* Words between blanks; with `comments` a word that begins with # ends the line. */
struct namelist flat_words(struct flat_in *in, struct bytes line, bool comments);
/* Comma list without its empty parts. */
struct namelist flat_members(struct flat_in *in, struct bytes field);
void flat_add(struct flat_in *in, const char *key, struct bytes value);
void flat_add_list(struct flat_in *in, const char *key, const struct bytes *values, uint32_t n);
void flat_add_initial(struct flat_in *in, const char *key, struct bytes value);
/* Lines for NIS' sake: they begin with + or - (tools.md 6.2). */
bool flat_is_nis(struct bytes line);

/* -- printing */
struct bytes flat_first(const struct flat_out *o, const char *key);
struct namelist flat_values(const struct flat_out *o, const char *key);
/* Appends a value. In faithful mode it must not hold a newline or a byte of `forbidden`, nor begin or end
 * with a blank. */
void flat_put(struct flat_out *o, struct bytes value, const char *forbidden);
/* The same, but the value must be one word: not empty, no blank, not beginning with #. */
void flat_put_word(struct flat_out *o, struct bytes value, const char *forbidden);
void flat_put_list(struct flat_out *o, struct namelist values, char separator, const char *forbidden);
/* Refuses a line that would continue on the next one. */
void flat_check_end(struct flat_out *o);
void flat_putc(struct flat_out *o, char c);
/* In faithful mode the record is refused, for this reason. */
void flat_refuse(struct flat_out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum flat_outcome parse_passwd(struct flat_in *in, struct bytes line);
enum flat_outcome parse_passwd7(struct flat_in *in, struct bytes line);
enum flat_outcome parse_group(struct flat_in *in, struct bytes line);
enum flat_outcome parse_shadow(struct flat_in *in, struct bytes line);
enum flat_outcome parse_gshadow(struct flat_in *in, struct bytes line);
enum flat_outcome parse_hosts(struct flat_in *in, struct bytes line);
enum flat_outcome parse_ethers(struct flat_in *in, struct bytes line);
enum flat_outcome parse_networks(struct flat_in *in, struct bytes line);
enum flat_outcome parse_bootptab(struct flat_in *in, struct bytes line);
enum flat_outcome parse_bootparams(struct flat_in *in, struct bytes line);
enum flat_outcome parse_services(struct flat_in *in, struct bytes line);
enum flat_outcome parse_numbered(struct flat_in *in, struct bytes line);
enum flat_outcome parse_fstab(struct flat_in *in, struct bytes line);
enum flat_outcome parse_printcap(struct flat_in *in, struct bytes line);
enum flat_outcome parse_aliases(struct flat_in *in, struct bytes line);
enum flat_outcome parse_exports(struct flat_in *in, struct bytes line);
enum flat_outcome parse_netgroup(struct flat_in *in, struct bytes line);
enum flat_outcome parse_resolv(struct flat_in *in, struct bytes line);
void print_passwd10(struct flat_out *o);
void print_passwd7(struct flat_out *o);
void print_passwd_linux(struct flat_out *o);
void print_group(struct flat_out *o);
void print_group_linux(struct flat_out *o);
void print_shadow(struct flat_out *o);
void print_gshadow(struct flat_out *o);
void print_hosts(struct flat_out *o);
void print_ethers(struct flat_out *o);
void print_networks(struct flat_out *o);
void print_bootptab(struct flat_out *o);
void print_bootparams(struct flat_out *o);
void print_services(struct flat_out *o);
void print_numbered(struct flat_out *o);
void print_fstab(struct flat_out *o);
void print_printcap(struct flat_out *o);
void print_aliases(struct flat_out *o);
void print_exports(struct flat_out *o);
void print_netgroup(struct flat_out *o);
void print_resolv(struct flat_out *o);

#endif
