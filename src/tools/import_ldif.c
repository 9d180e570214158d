/* `ni import ldif`: what an LDAP server exported. Each entry becomes lines of the flat formats it belongs to,
 * and these are imported as files are: checked whole, merged, repeatable. */
#include "flat/ldif.h"
#include "tools/import.h"

#include <errno.h>
#include <stdio.h>

#define ATTRIBUTES 64u /* names of attributes that are passed over, remembered to be said */

static const struct talk_option options[] = {
        {'n', "dry-run", NULL, "change nothing: print what would change as a diff"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "import ldif",
        .synopsis = "import ldif [--dry-run] FILE | -",
        .about = "Brings an LDIF file with the classes of RFC 2307 into the domain: posixAccount,\n"
                 "shadowAccount, posixGroup, ipHost, ieee802Device, ipNetwork, ipService, ipProtocol,\n"
                 "oncRpc, nisMailAlias, nisNetgroup. Hashes are taken from `userPassword: {CRYPT}...` only.\n"
                 "The whole file is checked first; a malformed entry imports nothing. Entries of other\n"
                 "classes and attributes that no format has are passed over, and named. Records are added\n"
                 "and updated, none is removed. Repeating is safe.",
        .options = options,
        .examples = "  slapcat | ni import ldif --dry-run -\n"
                    "  ni import ldif people.ldif",
        .talks = true,
        .writes = true,
};

/* shadow behind passwd, to whose users it adds. */
static const char *const formats[] = {"passwd",   "shadow",    "group", "hosts",   "ethers",  "networks",
                                      "services", "protocols", "rpc",   "aliases", "netgroup"};
#define FORMATS (sizeof(formats) / sizeof(formats[0]))

struct job {
        struct talk *t;
        const char *shown;
        struct buf text[FORMATS];
        struct arena arena; /* of one entry */
        struct bytes passed[ATTRIBUTES];
        uint32_t times[ATTRIBUTES], passed_n;
        uint32_t entries, unknown;
};

static void pass_over(struct job *j, struct bytes attribute)
{
        for (uint32_t i = 0; i < j->passed_n; i++)
                if (bytes_eq(j->passed[i], attribute)) {
                        j->times[i]++;
                        return;
                }
        if (j->passed_n == ATTRIBUTES)
                return;
        j->passed[j->passed_n] = arena_bytes(&j->t->arena, bytes_sub(attribute, 0, 100));
        j->times[j->passed_n] = 1;
        j->passed_n += j->passed[j->passed_n].data != NULL;
}

static bool refuse(struct job *j, uint32_t line, const char *reason)
{
        talk_error(j->t, EXIT_FAILED, arena_printf(&j->t->arena, "%s:%u", j->shown, line), reason,
                   "nothing was imported: correct the file and repeat");
        return false;
}

/* passwd of ten fields would say more than the entry does. */
static const struct flat_format *printed(const char *format)
{
        return flat_format(strcmp(format, "passwd") == 0 ? "passwd.43" : format);
}

/* One entry as lines of one format. */
static bool add(struct job *j, const struct proplist *entry, const char *format, uint32_t line)
{
        struct proplist props;
        struct flat_why why;
        size_t i = 0;
        while (strcmp(formats[i], format) != 0)
                i++;
        if (!ldif_record(entry, format, &j->arena, &props))
                return refuse(j, line, "the entry is too large");
        if (!proplist_first(&props, "name").len)
                return refuse(j, line, "the entry has no name (uid for users, else cn)");
        const size_t before = j->text[i].len;
        if (!flat_print(printed(format), &props, true, &j->arena, &j->text[i], &why))
                return refuse(j, line, why.text);
        if (j->text[i].failed)
                return refuse(j, line, "out of memory");
        if (j->text[i].len == before && strcmp(format, "ethers") != 0 && strcmp(format, "shadow") != 0)
                return refuse(j, line,
                              arena_printf(&j->arena, "the entry has not what a line of %s needs", format));
        return true;
}

static bool convert(struct job *j, struct bytes text)
{
        struct ldif_reader r = {text, 1};
        struct proplist entry;
        struct flat_why why;
        for (;;) {
                arena_reset(&j->arena);
                while (r.text.len && (r.text.data[0] == '\n' || r.text.data[0] == '\r')) {
                        r.line += r.text.data[0] == '\n';
                        r.text = bytes_sub(r.text, 1, r.text.len);
                }
                const uint32_t line = r.line;
                const enum ldif_outcome outcome = ldif_next(&r, &j->arena, &entry, &why);
                if (outcome == LDIF_BAD)
                        return refuse(j, why.line, why.text);
                if (outcome == LDIF_END)
                        return true;
                const char *format = ldif_format(&entry, 0);
                j->entries += format != NULL;
                j->unknown += format == NULL;
                for (unsigned i = 0; (format = ldif_format(&entry, i)); i++)
                        if (!add(j, &entry, format, line))
                                return false;
                for (uint32_t i = 0; ldif_format(&entry, 0) && i < entry.n; i++)
                        if (!ldif_uses(&entry, entry.v[i].name))
                                pass_over(j, entry.v[i].name);
        }
}

static bool parse(struct job *j, struct import_plan *plans)
{
        for (size_t i = 0; i < FORMATS; i++) {
                if (!j->text[i].len)
                        continue;
                plans[i].format = flat_format(formats[i]);
                if (!import_parse(j->t, &plans[i], buf_bytes(&j->text[i]),
                                  arena_printf(&j->t->arena, "%s, as %s", j->shown, formats[i])))
                        return false;
        }
        return true;
}

static void bring(struct job *j, struct import_plan *plans, bool dry_run)
{
        for (size_t i = 0; i < FORMATS; i++) {
                if (!plans[i].format)
                        continue;
                if (dry_run && flat_needs_record(plans[i].format))
                        talk_say(j->t, "%s: read; a dry run cannot compare it before its users are there",
                                 formats[i]);
                else if (!import_bring(j->t, &plans[i], dry_run))
                        return;
        }
        for (uint32_t i = 0; i < j->passed_n; i++)
                talk_say(j->t, "%.*s: passed over, in %u entries", BYTES_FMT(j->passed[i]), j->times[i]);
        if (j->unknown)
                talk_say(j->t, "%u entries of other classes: passed over", j->unknown);
}

static void run(struct job *j, const char *path, bool dry_run)
{
        struct import_plan plans[FORMATS] = {0};
        struct buf text;
        buf_init(&text, FLAT_TEXT_MAX + ((size_t)1 << 20));
        const int err = import_slurp(path, &text);
        if (err)
                talk_error(j->t, EXIT_FAILED, j->shown, strerror(err), NULL);
        else if (convert(j, buf_bytes(&text)) && parse(j, plans)) {
                if (!j->entries)
                        talk_error(j->t, EXIT_FAILED, j->shown,
                                   "none of its entries is of a class of RFC 2307",
                                   "`ni import ldif --help` names them");
                else {
                        import_interrupts(j->t);
                        if (talk_connect(j->t))
                                bring(j, plans, dry_run);
                }
        }
        for (size_t i = 0; i < FORMATS; i++)
                if (plans[i].format)
                        flat_file_done(&plans[i].file);
        buf_done(&text);
}

int import_ldif_run(int argc, char **argv)
{
        struct talk t;
        struct job j = {.t = &t};
        bool dry_run = false;
        talk_begin(&t, &manual, argc, argv);
        arena_init(&j.arena, 0);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                dry_run |= o == 'n';
        }
        if (t.operands != 1) {
                talk_usage(&t, "give one file, or - for standard input");
        } else {
                j.shown = strcmp(t.operand[0], "-") == 0 ? "standard input" : t.operand[0];
                for (size_t i = 0; i < FORMATS; i++)
                        buf_init(&j.text[i], FLAT_TEXT_MAX);
                run(&j, t.operand[0], dry_run);
                for (size_t i = 0; i < FORMATS; i++)
                        buf_done(&j.text[i]);
        }
        arena_done(&j.arena);
        return import_end(&t);
}
