/* What an imported edition must satisfy whatever the file was, and the way through a table and back. Shared
 * by the fuzz targets of port lists. */
#ifndef NETINFO_FUZZ_PORT_CHECK_H
#define NETINFO_FUZZ_PORT_CHECK_H

#include "check.h"
#include "portdb/import.h"

#include <string.h>

/* Reads the input, and when it is accepted: rows are sorted, sensible, single in transport; they fold into a
 * set, the set makes a sound table, and the table gives the same rows again. A refusal has a reason. */
static inline void port_check_reader(bool (*read)(struct bytes, struct port_rows *, struct port_problem *),
                                     const uint8_t *data, size_t size)
{
        static const struct port_source about = {
                .key = "k", .title = "t", .licence = "l", .reference = "r", .kind = PORT_KIND_REGISTRY};
        struct port_rows rows;
        struct port_problem why = {.reason = ""};
        port_rows_init(&rows);
        if (!read(bytes_of(data, size), &rows, &why)) {
                CHECK(why.reason[0]);
                port_rows_done(&rows);
                return;
        }
        CHECK(rows.n > 0);
        for (size_t i = 0; i < rows.n; i++) {
                const struct port_claim *c = &rows.at[i];
                CHECK(c->port <= c->end && port_status_is_registry(c->status) &&
                      (c->transport & (c->transport - 1)) == 0);
                CHECK(c->name && c->alias && c->description && c->reference && c->note);
                CHECK(port_date_valid(c->asserted_from) && port_date_valid(c->asserted_until));
                CHECK(i == 0 || port_claim_compare(&rows.at[i - 1], c) < 0);
        }
        if (!rows.about.date)
                rows.about.date = 20200101;
        rows.about.date = port_date_first(rows.about.date);
        struct port_set set, again;
        struct port_table table;
        struct buf image, before, after;
        const char *reason;
        port_set_init(&set);
        port_set_init(&again);
        buf_init(&image, 0);
        buf_init(&before, 0);
        buf_init(&after, 0);
        CHECK(port_set_source(&set, &about) == 0);
        CHECK(port_set_fold(&set, 0, &rows, NULL) == PORT_FOLDED);
        CHECK(port_set_fold(&set, 0, &rows, NULL) == PORT_FOLD_KNOWN);
        CHECK(port_set_image(&set, &image));
        CHECK(port_table_read(buf_bytes(&image), &table, &reason) && port_table_verify(&table, &reason));
        CHECK(port_set_load(&again, &table));
        CHECK(port_set_rebuild(&set, 0, rows.about.date, &before) &&
              port_set_rebuild(&again, 0, rows.about.date, &after));
        CHECK(bytes_eq(buf_bytes(&before), buf_bytes(&after)));
        port_set_done(&set);
        port_set_done(&again);
        buf_done(&image);
        buf_done(&before);
        buf_done(&after);
        port_rows_done(&rows);
}

#endif
