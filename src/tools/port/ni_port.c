#include "tools/port/port_tool.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] =
        "usage: ni port [options] PORT | FROM-TO | NAME | /TEXT\n"
        "       ni port --list-sources\n"
        "       ni port --update FILE|FOLDER [--dry-run]\n"
        "       ni port claim PORT|FROM-TO[/TRANSPORT] [options]      (ni port claim --help)\n"
        "\n"
        "What is known of a port: who claims what about it and since when, where the sources disagree, who "
        "holds it on\n"
        "this machine now, and what to make of it.\n"
        "\n"
        "  PORT               987, 987/tcp, 987/udp: everything about one port\n"
        "  FROM-TO            980-999: one line each\n"
        "  NAME               netinfo-local: ports that any source calls so\n"
        "  /TEXT              ports with this text in a name, description or note\n"
        "\n"
        "  --as-of DATE       as of a day, month or year: 2015-06-01, 2015-06, 2015\n"
        "  --history          all claims in order of time\n"
        "  --source KEY       only what this source says\n"
        "  --list-sources     the sources, their editions, their licences\n"
        "  --json             the same record as JSON\n"
        "  --html             one self-contained page\n"
        "  --howto            also print the command that looks at the port, for each system\n"
        "  -t, --tcp          only tcp\n"
        "  -u, --udp          only udp\n"
        "\n"
        "  --free             exit 0 when nothing holds the port, 4 when something does, 5 when that cannot "
        "be told\n"
        "  --listening        exit 0 when something listens, 3 when nothing does, 5 when that cannot be "
        "told\n"
        "  --connections      also connections whose near end is the port\n"
        "  --all-holders      every process that has the socket, and command lines\n"
        "  --all-netns        look into every network namespace (root)\n"
        "  --no-processes     sockets and units only; faster\n"
        "  --no-live          do not look at this machine\n"
        "  --no-registry      look at this machine only\n"
        "\n"
        "  --watch            print what changes, once a second, until stopped\n"
        "\n"
        "  --no-directory     leave out what this site's directory says\n"
        "  --server HOST, --domain TAG\n"
        "                     ask that directory; without them only one that is near, and for a moment\n"
        "  -v, --verbose      also say that no directory was found, and the ids of claims in --history\n"
        "\n"
        "  --update FILE      fold an edition in: IANA's CSV, XML or old text, an /etc/services, our TSV; or "
        "a folder "
        "of them\n"
        "  --dry-run          with --update: only show what would change\n"
        "  --date DATE        with --update: the edition's date, when its content does not say\n"
        "  --as KEY           with --update: the source it is an edition of\n"
        "  --dir FOLDER       where your own editions are kept (/var/lib/netinfo/ports)\n"
        "  --check            read the tables through and say whether they are sound\n"
        "\n"
        "examples:\n"
        "  ni port 987\n"
        "  ni port 11434 --as-of 2025-06-01\n"
        "  ni port --update /etc/services --dry-run\n"
        "  ni port 8080/tcp --free && start-something\n";

/* Does the key name a source that is known here? */
static bool source_known(struct port_tool *t)
{
        struct port_source s;
        if (!t->o.source)
                return true;
        for (unsigned k = 0; k < PORT_DB_TABLES; k++) {
                for (uint32_t i = 0; i < port_table_sources(&t->db.table[k]); i++) {
                        if (port_table_source(&t->db.table[k], i, &s) && strcmp(s.key, t->o.source) == 0)
                                return true;
                }
        }
        if (strcmp(t->o.source, "site") == 0)
                return true;
        port_tool_ask_site(t, 0, 65535, false);
        for (size_t i = 0; t->db.site && i < t->db.site->sources; i++) {
                if (strcmp(t->db.site->source[i].key, t->o.source) == 0)
                        return true;
        }
        port_tool_error(t, "--source %s: no such source; see ni port --list-sources", t->o.source);
        return false;
}

static int answer_subject(struct port_tool *t)
{
        const struct bytes s = bytes_str(t->o.subject);
        const size_t slash = bytes_find(s, '/');
        uint16_t from, to;
        uint8_t transports;
        if (s.len && slash == 0)
                return s.len > 1 ? port_answer_text(t, t->o.subject + 1) : EXIT_USAGE;
        if (port_span_parse(bytes_sub(s, 0, slash), &from, &to)) {
                if (slash < s.len) {
                        if (!port_transport_parse(bytes_sub(s, slash + 1, s.len), &transports)) {
                                port_tool_error(t, "%s: no such transport; tcp, udp, sctp or dccp",
                                                t->o.subject);
                                return EXIT_USAGE;
                        }
                        t->o.transports |= transports;
                }
                if (t->o.watch)
                        return port_answer_watch(t, from, to);
                return from == to ? port_answer_one(t, from) : port_answer_range(t, from, to);
        }
        if (s.len && s.data[0] >= '0' && s.data[0] <= '9' && strspn(t->o.subject, "0123456789-") == s.len) {
                port_tool_error(t, "%s: ports are 0 to 65535, a range is FROM-TO", t->o.subject);
                return EXIT_USAGE;
        }
        return port_answer_name(t, t->o.subject);
}

static bool can_watch(struct port_tool *t)
{
        const struct port_options *o = &t->o;
        uint16_t from, to;
        const struct bytes s = bytes_str(o->subject ? o->subject : "");
        if (!o->watch)
                return true;
        if (o->no_live || o->as_of || o->history || o->html || o->free || o->listening || o->howto) {
                port_tool_error(t,
                                "--watch looks at this machine now: without --no-live, --as-of, --history, "
                                "--html, --howto, --free, --listening");
                return false;
        }
        if (!port_span_parse(bytes_sub(s, 0, bytes_find(s, '/')), &from, &to)) {
                port_tool_error(t, "--watch needs a port or a range; ni ports --watch looks at all");
                return false;
        }
        return true;
}

int ni_port_run(int argc, char **argv)
{
        struct port_tool t;
        port_tool_begin(&t, "ni port");
        const int stop = port_tool_options(&t, argc, argv, false, help);
        if (stop)
                return port_tool_end(&t, stop - 1);
        const bool alone = t.o.list_sources || t.o.check || t.o.update;
        if (optind + (alone ? 0 : 1) != argc) {
                port_tool_error(&t, "one port, range, name or /text is needed; see ni port --help");
                return port_tool_end(&t, EXIT_USAGE);
        }
        t.o.subject = alone ? NULL : argv[optind];
        if (!can_watch(&t))
                return port_tool_end(&t, EXIT_USAGE);
        if (!port_tool_open(&t))
                return port_tool_end(&t, EXIT_FAILED);
        if (!source_known(&t))
                return port_tool_end(&t, EXIT_USAGE);
        const int exit = t.o.update         ? port_answer_update(&t)
                         : t.o.check        ? port_answer_check(&t)
                         : t.o.list_sources ? port_answer_sources(&t)
                                            : answer_subject(&t);
        return port_tool_end(&t, exit);
}
