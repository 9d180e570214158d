/* Hostile tables: the first four bytes choose a port and a day, the rest is the file. Answers may be poor,
 * never out of bounds; and a table that port_table_verify calls sound shows no damage when it is asked. */
#include "check.h"
#include "portdb/resolve.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct port_db db = {.site = NULL};
        struct port_answer answer;
        struct arena arena;
        const char *why;
        uint32_t first;
        if (size < 4 || !port_table_read(bytes_of(data + 4, size - 4), &db.table[0], &why))
                return 0;
        struct port_table copy = db.table[0];
        const bool sound = port_table_verify(&copy, &why);
        const uint16_t port = (uint16_t)(data[0] | data[1] << 8);
        const port_date day = (1990u + data[2] % 50u) * 10000u + 101u + data[3] % 28u;
        arena_init(&arena, 1u << 26);
        if (port_resolve(&db, port, PORT_ANY, day, &arena, &answer)) {
                for (size_t i = 0; i < answer.n; i++)
                        CHECK(port_claim_covers(&answer.item[i].claim, port, PORT_ANY));
                for (unsigned i = 0; i < 4; i++)
                        CHECK(answer.state[i].status <= PORT_UNKNOWN);
        }
        const uint32_t after = port_table_find_name(&db.table[0], bytes_of(data, 4), &first);
        CHECK(first <= after);
        CHECK(!sound || !db.table[0].damaged);
        arena_done(&arena);
        return 0;
}
