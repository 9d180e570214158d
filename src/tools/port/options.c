/* The options of `ni port` and `ni ports`: one table says what each is called, what it takes, who has it, and
 * where it goes. */
#include "tools/port/port_tool.h"

#include <getopt.h>
#include <stddef.h>

enum kind { FLAG, WORD, DATE, TRANSPORT, HELP };
enum { PORT = 1, PORTS = 2, BOTH = PORT | PORTS };

struct row {
        const char *name;
        enum kind kind;
        unsigned who;
        size_t at;  /* in port_options */
        int letter; /* 0: no short form */
};
#define AT(field) offsetof(struct port_options, field)
static const struct row rows[] = {
        {"as-of", DATE, BOTH, AT(as_of), 0},
        {"history", FLAG, PORT, AT(history), 0},
        {"source", WORD, PORT, AT(source), 0},
        {"list-sources", FLAG, PORT, AT(list_sources), 0},
        {"json", FLAG, BOTH, AT(json), 0},
        {"html", FLAG, PORT, AT(html), 0},
        {"howto", FLAG, PORT, AT(howto), 0},
        {"free", FLAG, PORT, AT(free), 0},
        {"listening", FLAG, PORT, AT(listening), 0},
        {"connections", FLAG, BOTH, AT(connections), 0},
        {"all-holders", FLAG, BOTH, AT(all_holders), 0},
        {"all-netns", FLAG, BOTH, AT(all_namespaces), 0},
        {"no-processes", FLAG, BOTH, AT(no_processes), 0},
        {"no-live", FLAG, PORT, AT(no_live), 0},
        {"no-registry", FLAG, PORT, AT(no_registry), 0},
        {"update", WORD, PORT, AT(update), 0},
        {"dry-run", FLAG, PORT, AT(dry_run), 0},
        {"date", DATE, PORT, AT(dated), 0},
        {"as", WORD, PORT, AT(as), 0},
        {"dir", WORD, BOTH, AT(dir), 0},
        {"table", WORD, BOTH, AT(table), 0},
        {"check", FLAG, PORT, AT(check), 0},
        {"from", WORD, PORTS, AT(from), 0},
        {"ghosts", FLAG, PORTS, AT(ghosts), 0},
        {"no-directory", FLAG, BOTH, AT(no_directory), 0},
        {"server", WORD, BOTH, AT(server), 0},
        {"domain", WORD, BOTH, AT(domain), 0},
        {"watch", FLAG, BOTH, AT(watch), 0},
        {"verbose", FLAG, BOTH, AT(verbose), 'v'},
        {"tcp", TRANSPORT, BOTH, PORT_TCP, 't'},
        {"udp", TRANSPORT, BOTH, PORT_UDP, 'u'},
        {"help", HELP, BOTH, 0, 'h'},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* What getopt_long gives for row i: its letter, or a number that is none. */
static int code_of(size_t i)
{
        return rows[i].letter ? rows[i].letter : 256 + (int)i;
}

static const struct row *row_of(int code)
{
        for (size_t i = 0; i < ROWS; i++)
                if (code_of(i) == code)
                        return &rows[i];
        return NULL;
}

/* 0, or an exit status + 1. */
static int take(struct port_tool *t, const struct row *r, const char *help)
{
        char *const field = (char *)&t->o + r->at;
        switch (r->kind) {
        case FLAG:
                *(bool *)field = true;
                return 0;
        case WORD:
                *(const char **)field = optarg;
                return 0;
        case DATE:
                if (port_date_parse(bytes_str(optarg), (port_date *)field))
                        return 0;
                port_tool_error(t, "--%s %s: no date; write 2015, 2015-06 or 2015-06-01", r->name, optarg);
                return EXIT_USAGE + 1;
        case TRANSPORT:
                t->o.transports |= (uint8_t)r->at;
                return 0;
        case HELP:
                break;
        }
        buf_puts(&t->out, help);
        return EXIT_ANSWERED + 1;
}

int port_tool_options(struct port_tool *t, int argc, char **argv, bool ports, const char *help)
{
        struct option options[ROWS + 1] = {{NULL, 0, NULL, 0}};
        size_t n = 0;
        for (size_t i = 0; i < ROWS; i++)
                if (rows[i].who & (ports ? PORTS : PORT))
                        options[n++] = (struct option){rows[i].name,
                                                       rows[i].kind == WORD || rows[i].kind == DATE
                                                               ? required_argument
                                                               : no_argument,
                                                       NULL, code_of(i)};
        optind = 1;
        opterr = 0;
        for (int c; (c = getopt_long(argc, argv, ":tuvh", options, NULL)) != -1;) {
                const struct row *r = row_of(c);
                const int stop = r ? take(t, r, help) : EXIT_USAGE + 1;
                if (!r)
                        port_tool_error(t,
                                        c == ':' ? "%s needs a value; see %s --help"
                                                 : "unknown option %s; see %s --help",
                                        argv[optind - 1], t->command);
                if (stop)
                        return stop;
        }
        return 0;
}
