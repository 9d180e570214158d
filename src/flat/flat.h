/* Flat files: /etc/passwd and its relatives, and the directories they become (doc/flat-files.md,
 * doc/tools.md 4-6). Pure: bytes in, properties out, and back. `ni import`, `ni export`, `niload` and
 * `nidump` stand on the one table in formats.c. */
#ifndef NETINFO_FLAT_FLAT_H
#define NETINFO_FLAT_FLAT_H

#include "base/siphash.h"
#include "xdr/prop.h"

#define FLAT_TEXT_MAX \
        ((size_t)1 << 30)        /* bytes of one file: ten million users fit, a 32-bit offset reaches */
#define FLAT_LINE_MAX LIMIT_NODE /* bytes of one line: what a directory could hold of it */

struct flat_format;

/* The format of this name ("passwd", "hosts", ...), or NULL. */
const struct flat_format *flat_format(const char *name);
/* Row i of the table, or NULL behind its end. */
const struct flat_format *flat_format_at(unsigned i);
const char *flat_name(const struct flat_format *f);
/* The NetInfo directory its records live in: "/users". */
const char *flat_directory(const struct flat_format *f);
/* The file this machine keeps it in: "/etc/passwd". */
const char *flat_file_default(const struct flat_format *f);
/* Does this format write the property (tools.md 6.1 "keys owned", and `name`)? */
bool flat_owns(const struct flat_format *f, struct bytes key);
/* Other formats write into the same records (/machines, /users): none may be removed only because this
 * format's file does not name it. */
bool flat_is_shared(const struct flat_format *f);
/* Its lines add to records that another format makes (shadow to /users); alone they make none. */
bool flat_needs_record(const struct flat_format *f);
/* Is a record found by its name and its port (services, tools.md 5.1)? */
bool flat_by_port(const struct flat_format *f);

/* -- one record
 * ---------------------------------------------------------------------------------------------------- */
struct flat_item {
        struct proplist props;   /* what the text says; keys ascending; borrowed from text and arena */
        struct proplist initial; /* what only a new record gets: values the text cannot express */
};
/* What a record is called in this format: the first value of `name`, and of `port` where the format needs
 * it. */
struct flat_identity {
        struct bytes name, port;
};
struct flat_identity flat_identity_of(const struct flat_format *f, const struct proplist *props);

struct flat_why {
        uint32_t line;  /* the first line is 1; 0: no line in particular */
        char text[240]; /* the reason and the way out */
        bool limit;     /* nothing is wrong with the line, but it is larger than what is taken */
};

/* Appends the record's lines. A record this format has nothing to say about (no name, a machine without an
 * address) appends nothing. False, with the reason and nothing appended: `faithful` was asked for and a
 * value would not come back from the text (a newline, a separator inside it). Without it values are printed
 * raw, as the historical tool does. The arena is scratch. */
bool flat_print(const struct flat_format *f, const struct proplist *props, bool faithful, struct arena *a,
                struct buf *out, struct flat_why *ret_why);
/* What stands above the first record (bootptab), or "". */
const char *flat_header(const struct flat_format *f);

/* -- a whole file
 * -------------------------------------------------------------------------------------------------- */
struct flat_options {
        bool strict;            /* numbers must be numbers, a record must not contradict itself; a bad line
                                   refuses the file. Otherwise bad lines are skipped and counted (niload) */
        struct siphash_key key; /* of the table of names: random, so that no file can choose collisions */
        /* Without strict: told of every line that was skipped. May be NULL. */
        void (*skipped)(void *context, const struct flat_why *why);
        void *context;
        uint32_t lines_before; /* the text is a piece: so many physical lines stand before it */
        bool header_seen;      /* and the line that a bootptab begins to count at is among them */
};

/* A checked file: where its records are. Lines of one record (tools.md 5.1 "Several lines for one name") are
 * chained; a record's properties are made when asked for, so a large file costs its bytes and some 50 more
 * per record. */
struct flat_line {
        uint32_t number;  /* of its first physical line */
        uint32_t at, len; /* in the text, without the line's end, continuations included */
        uint32_t next;    /* index of the record's next line; UINT32_MAX: none */
};
struct flat_entry {
        uint32_t first, last; /* lines */
        uint32_t hash;        /* of its identity */
};
struct flat_file {
        const struct flat_format *format;
        struct flat_options options;
        struct bytes text; /* borrowed: must outlive this */
        struct flat_line *line;
        struct flat_entry *entry; /* in order of first appearance */
        uint32_t line_count, entry_count, line_room, entry_room;
        uint32_t *table; /* slot -> entry + 1 */
        uint32_t table_mask;
        uint32_t skipped;
        uint32_t lines;   /* physical ones, those before this piece included */
        bool header_seen; /* here or before */
};
/* Reads the whole text. False: it is malformed (strict), too large, or memory is out; ret_why says where and
 * why, and *ret is empty. */
bool flat_file_read(struct flat_file *ret, const struct flat_format *f, struct bytes text,
                    const struct flat_options *o, struct flat_why *ret_why);
void flat_file_done(struct flat_file *file);
/* The entry with this identity; false when there is none. */
bool flat_file_find(const struct flat_file *file, struct flat_identity id, uint32_t *ret_entry);
/* The properties of entry i: its lines united. False only when the arena is full. */
bool flat_file_item(const struct flat_file *file, uint32_t i, struct arena *a, struct flat_item *ret);

/* -- a file of any length, piece by piece: memory does not grow with it (doc/flat-files.md "Streams") -- */
#define FLAT_PIECE ((size_t)1 << 20) /* bytes of one piece; more where a record's lines are longer */
struct flat_pieces {
        const struct flat_format *format;
        struct flat_options options; /* not strict: lines far apart are not compared */
        /* Up to n bytes of the text that follow; 0 at its end. */
        size_t (*read)(void *context, uint8_t *to, size_t n);
        void *context;
        struct buf text; /* from here on: of flat_pieces_next */
        size_t taken;    /* bytes of it that the last piece had */
        size_t piece;    /* FLAT_PIECE; tests take less */
        bool ended;
};
void flat_pieces_init(struct flat_pieces *p, const struct flat_format *f, const struct flat_options *o,
                      size_t (*read)(void *context, uint8_t *to, size_t n), void *context);
/* The next piece, never cut inside of a record's continued lines; *ret borrows from p until the next call,
 * and is freed by the caller. False: the end, ret_why->text is empty then; or a line over FLAT_LINE_MAX, or
 * no memory. */
bool flat_pieces_next(struct flat_pieces *p, struct flat_file *ret, struct flat_why *ret_why);
void flat_pieces_done(struct flat_pieces *p);

/* -- an item meets a record (tools.md 5.1)
 * ------------------------------------------------------------------------- */
enum flat_mode {
        FLAT_UPDATE, /* ni import --merge: single values are set, lists are united, no record and no
                        list member goes */
        FLAT_OWNED,  /* niload, ni import --replace: the keys this format owns become as the item says */
        FLAT_MERGE_VALUES, /* niload -m: new values first, old ones of the same key behind them */
        FLAT_REPLACE_ALL,  /* niload --replace-all: the historical effect */
        FLAT_UNITE, /* a further line of the record, in a later piece of the stream: values of each of its
                       keys are united with those there, other keys stay */
};
/* The properties the record shall have; old == NULL: a new one (keys ascending). False: arena full. */
bool flat_apply(const struct flat_format *f, enum flat_mode mode, const struct proplist *old,
                const struct flat_item *item, struct arena *a, struct proplist *ret);
/* Same keys, same values, same order? */
bool flat_same(const struct proplist *a, const struct proplist *b);

/* The canonical text of an address (tools.md 6.6): IPv4 without leading zeros, IPv6 as RFC 5952 has it.
 * False: it is none. */
bool flat_canonical_ipv4(struct bytes text, struct arena *a, struct bytes *ret);
bool flat_canonical_ipv6(struct bytes text, struct arena *a, struct bytes *ret);
/* Six groups without leading zeros, lower case (tools.md 6.7). */
bool flat_canonical_ether(struct bytes text, struct arena *a, struct bytes *ret);

#endif
