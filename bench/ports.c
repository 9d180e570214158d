/* What does one registry answer cost inside the program? bench-ports TABLE: every port once, in a scattered
 * order; microseconds. */
#include "portdb/resolve.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PORTS = 65536 };

static int by_value(const void *a, const void *b)
{
        const double x = *(const double *)a, y = *(const double *)b;
        return x < y ? -1 : x > y;
}

static double now_us(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
        static double took[PORTS];
        struct port_db db = {.site = NULL};
        struct arena arena;
        const char *why;
        if (argc != 2 || port_table_open(argv[1], &db.table[0], &why) != 0) {
                fputs("usage: bench-ports TABLE\n", stderr);
                return EXIT_FAILURE;
        }
        arena_init(&arena, 1u << 24);
        const port_date today = port_date_of_us(clock_wall_us());
        for (unsigned i = 0; i < PORTS; i++) {
                struct port_answer a;
                const uint16_t port = (uint16_t)(i * 40503u);
                const double before = now_us();
                arena_reset(&arena);
                if (!port_resolve(&db, port, PORT_ANY, today, &arena, &a))
                        return EXIT_FAILURE;
                took[i] = now_us() - before;
        }
        qsort(took, PORTS, sizeof(took[0]), by_value);
        printf("one answer inside, us: median %.1f, p99 %.1f, most %.1f (aim: 50)\n", took[PORTS / 2],
               took[PORTS / 100 * 99], took[PORTS - 1]);
        port_table_close(&db.table[0]);
        arena_done(&arena);
        return EXIT_SUCCESS;
}
