/* What the files of this room share: a decoding under way. */
#ifndef NETINFO_NIDB_INTERNAL_H
#define NETINFO_NIDB_INTERNAL_H

#include "nidb/nidb.h"

/* A record as it was found. */
struct found {
        struct nidb_dir d;
        uint32_t order; /* of arrival */
        const char *file;
        uint64_t offset; /* of its slot */
        bool dropped;
};

struct decode {
        const struct nidb_file *files;
        uint32_t file_count;
        struct nidb_reporter reporter;
        struct nidb *db;
        struct nidb_why *why;
        struct found *found;
        uint32_t count, room;
        struct arena scratch; /* of one record */
        struct buf text;      /* of one record: its properties, encoded */
};

/* Notes the reason and says false, for `return nidb_damage(...)`. */
bool nidb_damage(struct decode *d, const char *file, uint64_t offset, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
bool nidb_no_memory(struct decode *d);
void nidb_report(struct decode *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The file of this name, or NULL. */
const struct nidb_file *nidb_file_get(const struct decode *d, const char *name);
/* Takes a record; props are copied from d->text. */
bool nidb_take(struct decode *d, struct found f);
/* Counted object numbers into db->arena. False: said, or the input is bad. */
bool nidb_children(struct decode *d, struct xdr_in *in, struct nidb_dir *ret);

/* -- record.c */
/* All slots of `Store.<slot_size>`. */
bool nidb_read_store(struct decode *d, const struct nidb_file *f, uint32_t slot_size);
/* `Create`: one record without padding. */
bool nidb_read_create(struct decode *d, const struct nidb_file *f);
/* -- value.c: a datum (protocol.md 7.4) as text; `at` is where it stands, for messages. */
struct datum {
        uint32_t type;
        struct bytes data;
};
/* A key. False: it is no string, or not terminated. */
bool nidb_key(const struct datum *k, struct bytes *ret, const char **ret_why);
/* A value, the text in `number` if it has to be made; *ret_odd says what is remarkable about it, or NULL. */
bool nidb_value(const struct datum *v, char number[24], struct bytes *ret, const char **ret_odd,
                const char **ret_why);
/* -- old.c */
bool nidb_read_collection(struct decode *d, const struct nidb_file *f, uint32_t slot_size);
/* -- links.c: db->dir is sorted; parents and children are made to agree (protocol.md 7.7 step 5). */
bool nidb_repair(struct decode *d);

#endif
