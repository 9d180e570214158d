#include "tools/port_site.h"

#include "base/text.h"
#include "model/path.h"
#include "portdb/claim.h"
#include "tools/talk_edit.h"

enum {
        C_NAME = 256,
        C_ALIAS,
        C_STATUS,
        C_NOTE,
        C_DESCRIPTION,
        C_SOURCE,
        C_REFERENCE,
        C_OWNER,
        C_CONFIDENCE,
        C_FROM,
        C_UNTIL,
        C_HIDE
};

static const struct talk_option options[] = {
        {C_NAME, "name", "NAME", "the service, or what is known by that name"},
        {C_STATUS, "status", "STATUS", "site-use (as without it), vendor-use, unofficial, dynamic, measured"},
        {C_NOTE, "note", "TEXT", "why, since when, whom it concerns"},
        {C_DESCRIPTION, "description", "TEXT", "in some more words"},
        {C_ALIAS, "alias", "NAME", "other names"},
        {C_OWNER, "owner", "WHO", "whom to ask"},
        {C_SOURCE, "source", "KEY", "who says so: a key of /port_sources; without it: this site"},
        {C_REFERENCE, "reference", "TEXT", "where it can be read"},
        {C_CONFIDENCE, "confidence", "WORD", "certain (as without it), high, medium, low, false"},
        {C_FROM, "from", "DATE", "since when it is so"},
        {C_UNTIL, "until", "DATE", "the day on which it ends"},
        {C_HIDE, "hide", "ID", "silence a shipped claim instead; `ni port PORT --history -v` shows the ids"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "port claim",
        .synopsis = "port claim PORT[-TO][/TRANSPORT] [--name NAME] [OPTION...]\n"
                    "port claim PORT[-TO] --hide ID",
        .about = "Writes down what this site knows of a port: a claim below /ports (a range: below\n"
                 "/portranges). It adds up with what others say; `ni port PORT` tells it first. A claim\n"
                 "of the status site-use says that something is expected there, and `ni ports` tells\n"
                 "when nothing is. `ni rm /ports/PORT/N` takes it back.",
        .options = options,
        .examples = "  ni port claim 987/tcp --name netinfo --owner ada --note \"the directory itself\"\n"
                    "  ni port claim 8080/tcp --name proxy --until 2027-03-01\n"
                    "  ni port claim 987 --hide \"connected-app:987/any:vendor-use:NetInfo\"",
        .talks = true,
};

static bool status_allowed(struct bytes word, uint8_t *ret)
{
        /* Who owns a port the registry says, in its editions. */
        return port_status_parse(word, ret) && !port_status_is_registry(*ret) && *ret != PORT_ABSENT;
}

/* The option's property, and whether its value is one that `ni port` will understand. */
static const char *property_of(struct talk *t, int o, bool *ret_fits)
{
        const struct bytes b = bytes_str(t->argument);
        port_date date;
        uint8_t word;
        *ret_fits = true;
        switch (o) {
        case C_NAME:
                return "service";
        case C_STATUS:
                *ret_fits = status_allowed(b, &word);
                return "status";
        case C_CONFIDENCE:
                *ret_fits = port_confidence_parse(b, &word);
                return "confidence";
        case C_FROM:
                *ret_fits = port_date_parse(b, &date);
                return "asserted_from";
        case C_UNTIL:
                *ret_fits = port_date_parse(b, &date);
                return "asserted_until";
        case C_HIDE:
                return "id";
        default:
                for (const struct talk_option *p = options; p->letter; p++) {
                        if (p->letter == o)
                                return p->name; /* the property is called as the option is */
                }
                return NULL;
        }
}

/* The parent's path and the properties that the operand gives. */
static const char *take_operand(struct talk *t, struct proplist *l)
{
        const struct bytes all = bytes_str(t->operand[0]);
        const size_t slash = bytes_find(all, '/');
        char transports[PORT_TRANSPORT_BYTES];
        uint16_t from, to;
        uint8_t set = PORT_ANY;
        if (!port_span_parse(bytes_sub(all, 0, slash), &from, &to) ||
            (slash < all.len && !port_transport_parse(bytes_sub(all, slash + 1, all.len), &set))) {
                talk_usage(t, "%s: no port; write 987, 987/tcp or 600-1023/udp", t->operand[0]);
                return NULL;
        }
        const char *port = arena_printf(&t->arena, "%u", from), *end = arena_printf(&t->arena, "%u", to);
        port_transport_text(set, transports);
        const char *words = set ? arena_str(&t->arena, bytes_str(transports)) : NULL;
        if (!port || !end || !proplist_add_str(l, &t->arena, "port", port) ||
            (from != to && !proplist_add_str(l, &t->arena, "end", end)) ||
            (words && !proplist_add_str(l, &t->arena, "transport", words)))
                return NULL;
        return from == to ? arena_printf(&t->arena, "/ports/%s", port)
                          : arena_printf(&t->arena, "/portranges/%s-%s", port, end);
}

/* One more than the highest number in use. False: said why. */
static bool next_number(struct talk *t, const char *parent, uint64_t *ret)
{
        struct ni_args args = {.value = BYTES_LIT("name")};
        struct client_why why;
        struct ni_result r;
        uint64_t n, most = 0;
        const enum ni_status status = client_path(t->client, parent, &args.id, NULL, &why);
        if (status == NI_NODIR) {
                *ret = 1;
                return true;
        }
        if (status != NI_OK) {
                talk_error(t, EXIT_FAILED, parent, why.text, NULL);
                return false;
        }
        if (!talk_read(t, NI_PROC_list, &args, &r, parent))
                return false;
        for (uint32_t i = 0; i < r.entry_count; i++) {
                for (uint32_t k = 0; r.entries[i].has_names && k < r.entries[i].names.n; k++) {
                        if (text_u64(r.entries[i].names.v[k], UINT32_MAX, &n) && n > most)
                                most = n;
                }
        }
        *ret = most + 1;
        return true;
}

static void write_claim(struct talk *t, const char *parent, const struct proplist *l)
{
        const char *reason, *path;
        struct path p;
        uint64_t n;
        if (!talk_connect(t) || !next_number(t, parent, &n))
                return;
        path = arena_printf(&t->arena, "%s/%llu", parent, (unsigned long long)n);
        if (!path || !path_parse(bytes_str(path), &t->arena, &p, &reason)) {
                talk_error(t, EXIT_FAILED, NULL, "out of memory", NULL);
                return;
        }
        edit_make(t, path, &p, l, true);
        if (t->exit == EXIT_ANSWERED)
                talk_say(t, "%s", path);
}

int port_claim_run(int argc, char **argv)
{
        struct talk t;
        struct proplist l = {0};
        bool fits, hides = false, names = false, says = false, good = true;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                const char *key = property_of(&t, o, &fits);
                if (!fits) {
                        talk_usage(&t, "%s: no such %s; see ni port claim --help", t.argument, key);
                        return talk_end(&t);
                }
                hides |= o == C_HIDE;
                names |= o == C_NAME;
                says |= o == C_STATUS;
                good = good && proplist_add_str(&l, &t.arena, key, t.argument);
        }
        const char *parent = t.operands == 1 && good ? take_operand(&t, &l) : NULL;
        if (hides)
                good = good && proplist_add_str(&l, &t.arena, "hidden", "1");
        else if (!says)
                good = good && proplist_add_str(&l, &t.arena, "status", "site-use");
        if (t.operands != 1)
                talk_usage(&t, "which port? give one, such as 987/tcp, or a range");
        else if (!good || (!parent && t.exit == EXIT_ANSWERED))
                talk_error(&t, EXIT_FAILED, NULL, "out of memory", NULL);
        else if (parent && !hides && !names)
                talk_usage(&t, "what is there? give --name");
        else if (parent)
                write_claim(&t, parent, &l);
        return talk_end(&t);
}
