/* `ni printers`, `ni export cups`: the printers of this machine's chain of domains as queues of CUPS
 * (doc/consumers.md 3). */
#include "tools/chain.h"
#include "tools/spawned.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define OWN        "NetInfo" /* a queue whose description begins so is ours */
#define QUEUE_MOST 127u      /* bytes of a queue's name (IPP) */

enum { O_APPLY = 256 };
static const struct talk_option options[] = {
        {O_APPLY, "apply", NULL, "make CUPS have these queues, and no others of ours"},
        {'n', "dry-run", NULL, "with --apply: print the commands instead of running them"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "printers",
        .synopsis = "printers [--json]\n"
                    "printers --apply [--dry-run]",
        .about =
                "Shows the printers of every domain from this machine's own to the root as print queues; of\n"
                "equal names the nearest domain's counts. --apply makes, changes and removes queues of the\n"
                "CUPS server (CUPS_SERVER, or this machine's) by lpadmin. It touches only queues whose\n"
                "description begins with `NetInfo`: those it made. Devices of this machine (`lp=/dev/...`)\n"
                "may be named by its own domain only. `ni export cups` prints the commands for all of them.",
        .options = options,
        .examples = "  ni printers\n"
                    "  ni printers --apply --dry-run\n"
                    "  ni watch /printers --run 'ni printers --apply'",
        .talks = true,
        .json = true,
};
static const struct talk_manual export_manual = {
        .command = "export cups",
        .synopsis = "export cups",
        .about = "Prints the commands that make a print queue of CUPS for every printer of the domains.",
        .examples = "  ni export cups | sh",
        .talks = true,
};

struct queue {
        const char *name, *uri, *note, *domain;
        bool no_banner;
};

struct printers {
        struct talk *t;
        struct arena arena;
        struct queue *v;
        uint32_t n;
};

/* -- from records to queues */

static bool is_one_of(struct bytes b, const char *signs)
{
        for (size_t i = 0; i < b.len; i++)
                if (!isalnum(b.data[i]) && (!b.data[i] || !strchr(signs, b.data[i])))
                        return false;
        return b.len > 0 && b.data[0] != '-';
}

static void left_out(struct printers *p, const struct chain_record *r, const char *why)
{
        talk_say(p->t, "ni printers: %s: %.*s: left out: %s", r->domain,
                 BYTES_FMT(bytes_sub(proplist_first(&r->props, "name"), 0, 80)), why);
}

/* One step of a URI's path, with what is not plain as %XX (RFC 3986 section 2.1). */
static const char *escaped(struct arena *a, struct bytes b)
{
        struct buf out;
        buf_init(&out, 0);
        for (size_t i = 0; i < b.len; i++)
                if (isalnum(b.data[i]) || strchr("._~-", b.data[i] ? b.data[i] : ' '))
                        buf_putc(&out, (char)b.data[i]);
                else
                        buf_printf(&out, "%%%02X", b.data[i]);
        const char *text = out.failed ? NULL : arena_str(a, buf_bytes(&out));
        buf_done(&out);
        return text;
}

/* NULL: said why. */
static const char *uri_of(struct printers *p, const struct chain_record *r)
{
        const struct bytes host = proplist_first(&r->props, "rm"), device = proplist_first(&r->props, "lp");
        struct bytes queue = proplist_first(&r->props, "rp");
        if (host.len) {
                if (!is_one_of(host, ".-:_[]")) {
                        left_out(p, r, "`rm` is no name of a host");
                        return NULL;
                }
                if (!queue.len)
                        queue = BYTES_LIT("lp");
                return arena_printf(&p->arena, "lpd://%.*s/%s", BYTES_FMT(host), escaped(&p->arena, queue));
        }
        if (!bytes_starts(device, "/dev/")) {
                left_out(p, r, "it has neither a host (rm) nor a device (lp)");
                return NULL;
        }
        if (!r->trusted) {
                left_out(p, r, "devices of this machine may be named by its own domain only");
                return NULL;
        }
        if (!is_one_of(bytes_sub(device, 1, device.len), "/._-")) {
                left_out(p, r, "`lp` is no name of a device");
                return NULL;
        }
        return arena_printf(&p->arena, "%s:%.*s",
                            bytes_starts(device, "/dev/usb")   ? "usb"
                            : bytes_starts(device, "/dev/tty") ? "serial"
                                                               : "parallel",
                            BYTES_FMT(device));
}

/* A description for people, in one line. */
static const char *note_of(struct printers *p, const struct chain_record *r)
{
        const struct bytes note = proplist_first(&r->props, "note");
        char *text = arena_str(&p->arena, bytes_sub(note, 0, 120));
        for (char *c = text; c && *c; c++)
                if ((unsigned char)*c < ' ' || *c == 0x7f)
                        *c = ' ';
        return text;
}

static bool is_known(const struct printers *p, struct bytes name)
{
        for (uint32_t i = 0; i < p->n; i++)
                if (bytes_eq_str(name, p->v[i].name))
                        return true;
        return false;
}

static bool take(struct printers *p, const struct chain_record *r)
{
        const struct bytes name = proplist_first(&r->props, "name");
        if (is_known(p, name))
                return true;
        if (name.len > QUEUE_MOST || !is_one_of(name, "._-+@:")) {
                left_out(p, r, "CUPS has no such names of queues: letters, digits and ._-+@: up to 127");
                return true;
        }
        const char *uri = uri_of(p, r);
        if (uri)
                p->v[p->n++] = (struct queue){arena_str(&p->arena, name), uri, note_of(p, r), r->domain,
                                              proplist_get(&r->props, BYTES_LIT("sh")) != NULL};
        return !p->arena.failed;
}

static bool collect(struct printers *p, const struct chain *c)
{
        p->v = arena_zalloc(&p->arena, c->n, sizeof(*p->v));
        bool ok = p->v != NULL;
        for (uint32_t i = 0; ok && i < c->n; i++)
                ok = take(p, &c->v[i]);
        if (!ok)
                talk_error(p->t, EXIT_FAILED, NULL, "out of memory", NULL);
        return ok;
}

/* -- lpadmin */
#define WORDS_MOST 16

static const char *description(struct printers *p, const struct queue *q)
{
        return q->note && *q->note ? arena_printf(&p->arena, OWN ": %s", q->note) : OWN;
}

/* NULL-terminated words of the command that makes the queue. */
static void command_of(struct printers *p, const struct queue *q, const char *words[WORDS_MOST])
{
        const char *const all[] = {"lpadmin", "-p",
                                   q->name,   "-E",
                                   "-v",      q->uri,
                                   "-m",      "raw",
                                   "-D",      description(p, q),
                                   "-o",      "printer-is-shared=false"};
        size_t n = sizeof(all) / sizeof(all[0]);
        memcpy(words, all, sizeof(all));
        if (q->no_banner) {
                words[n++] = "-o";
                words[n++] = "job-sheets-default=none,none";
        }
        words[n] = NULL;
}

static void print_command(const char *const *words)
{
        for (; *words; words++) {
                const bool plain = is_one_of(bytes_str(*words), "._-+@:/=,%[]") || (*words)[0] == '-';
                fputs(plain ? "" : "'", stdout);
                for (const char *c = *words; *c; c++)
                        fputs(*c == '\'' ? "'\\''" : (const char[]){*c, '\0'}, stdout);
                fputs(plain ? "" : "'", stdout);
                putchar(words[1] ? ' ' : '\n');
        }
}

static void run(struct printers *p, bool dry_run, const char *const *words, const char *queue,
                const char *done)
{
        if (dry_run) {
                print_command(words);
                return;
        }
        const int status = spawned_wait(words);
        if (status)
                talk_error(p->t, EXIT_FAILED, queue,
                           status < 0 ? "lpadmin cannot be run" : "lpadmin refused; its words are above",
                           status < 0 ? "the package cups-client has it"
                                      : "is this user an administrator of CUPS?");
        else
                talk_say(p->t, "ni printers: %s: %s", queue, done);
}

/* -- what CUPS has */
struct present {
        struct bytes name, uri;
        bool own;
        struct bytes description;
};

/* The value of a line "WORD NAME: VALUE" (`lpstat -v`); false: another line. */
static bool device_line(struct bytes line, struct bytes *ret_name, struct bytes *ret_uri)
{
        static const char before[] = "device for ";
        if (!bytes_starts(line, before))
                return false;
        line = bytes_sub(line, sizeof(before) - 1, line.len);
        for (size_t i = 0; i + 1 < line.len; i++)
                if (line.data[i] == ':' && line.data[i + 1] == ' ') {
                        *ret_name = bytes_sub(line, 0, i);
                        *ret_uri = bytes_sub(line, i + 2, line.len);
                        return true;
                }
        return false;
}

static struct bytes next_line(struct bytes *text)
{
        const size_t n = bytes_find(*text, '\n');
        const struct bytes line = bytes_sub(*text, 0, n);
        *text = bytes_sub(*text, n + 1, text->len);
        return line;
}

static struct present *find_present(struct present *v, uint32_t n, struct bytes name)
{
        for (uint32_t i = 0; i < n; i++)
                if (bytes_eq(v[i].name, name))
                        return &v[i];
        return NULL;
}

/* `lpstat -l -p`: "printer NAME is ..." and below it "\tDescription: ...". */
static void read_descriptions(struct bytes text, struct present *v, uint32_t n)
{
        static const char printer[] = "printer ", words[] = "\tDescription: ";
        struct present *at = NULL;
        while (text.len) {
                const struct bytes line = next_line(&text);
                if (bytes_starts(line, printer)) {
                        struct bytes name = bytes_sub(line, sizeof(printer) - 1, line.len);
                        name = bytes_sub(name, 0, bytes_find(name, ' '));
                        at = find_present(v, n, name);
                } else if (at && bytes_starts(line, words)) {
                        at->description = bytes_sub(line, sizeof(words) - 1, line.len);
                        at->own = bytes_starts(at->description, OWN);
                }
        }
}

static bool ask(struct printers *p, const char *const *words, struct buf *out)
{
        const int status = spawned_read(words, out);
        if (status >= 0 && !out->failed)
                return true; /* lpstat fails when there is no queue at all */
        talk_error(p->t, EXIT_FAILED, "lpstat", "it cannot be run", "the package cups-client has it");
        return false;
}

/* False: said why. The queues borrow from `devices` and `long_list`. */
static bool read_present(struct printers *p, struct buf *devices, struct buf *long_list, struct present **ret,
                         uint32_t *ret_n)
{
        struct buf running;
        buf_init(&running, 1 << 16);
        bool ok = ask(p, (const char *const[]){"lpstat", "-r", NULL}, &running);
        if (ok && bytes_eq_str(buf_bytes(&running), "scheduler is running\n") == false) {
                talk_error(p->t, EXIT_UNREACHABLE, "CUPS", "its server does not run here",
                           "CUPS_SERVER names another one");
                ok = false;
        }
        buf_done(&running);
        ok = ok && ask(p, (const char *const[]){"lpstat", "-v", NULL}, devices) &&
             ask(p, (const char *const[]){"lpstat", "-l", "-p", NULL}, long_list);
        struct bytes text = buf_bytes(devices);
        uint32_t lines = 1, n = 0;
        for (size_t i = 0; i < text.len; i++)
                lines += text.data[i] == '\n';
        struct present *v = ok ? arena_zalloc(&p->arena, lines, sizeof(*v)) : NULL;
        while (v && text.len)
                n += device_line(next_line(&text), &v[n].name, &v[n].uri);
        if (v)
                read_descriptions(buf_bytes(long_list), v, n);
        *ret = v;
        *ret_n = n;
        return v != NULL;
}

static void apply(struct printers *p, bool dry_run)
{
        struct buf devices, long_list;
        struct present *v = NULL;
        uint32_t n = 0;
        buf_init(&devices, LIMIT_CALL);
        buf_init(&long_list, LIMIT_CALL);
        const bool ok = read_present(p, &devices, &long_list, &v, &n);
        for (uint32_t i = 0; ok && i < p->n; i++) {
                const struct queue *q = &p->v[i];
                const struct present *have = find_present(v, n, bytes_str(q->name));
                const char *words[WORDS_MOST];
                if (have && !have->own) {
                        talk_error(p->t, EXIT_CONFLICT, q->name,
                                   "there is a queue of this name that is not NetInfo's",
                                   "it stays; remove it (lpadmin -x) if NetInfo's is to be there");
                        continue;
                }
                if (have && bytes_eq_str(have->uri, q->uri) &&
                    bytes_eq_str(have->description, description(p, q)))
                        continue;
                command_of(p, q, words);
                run(p, dry_run, words, q->name, have ? "changed" : "made");
        }
        for (uint32_t i = 0; ok && i < n; i++) {
                if (!v[i].own || is_known(p, v[i].name))
                        continue;
                const char *name = arena_str(&p->arena, v[i].name);
                run(p, dry_run, (const char *const[]){"lpadmin", "-x", name, NULL}, name, "removed");
        }
        buf_done(&devices);
        buf_done(&long_list);
}

static void show(struct printers *p)
{
        json_t *all = p->t->json ? json_array() : NULL;
        for (uint32_t i = 0; i < p->n; i++) {
                const struct queue *q = &p->v[i];
                if (all) {
                        json_array_append_new(all,
                                              json_pack("{s:s,s:s,s:o,s:o,s:b}", "queue", q->name, "uri",
                                                        q->uri, "note", talk_json_bytes(bytes_str(q->note)),
                                                        "domain", talk_json_bytes(bytes_str(q->domain)),
                                                        "no_banner", q->no_banner));
                        continue;
                }
                printf("%s  %s  ", q->name, q->uri);
                talk_value(p->t, bytes_str(q->domain));
                printf("%s", *q->note ? "  " : "");
                talk_value(p->t, bytes_str(q->note));
                putchar('\n');
        }
        if (all)
                talk_json(p->t, all);
}

enum action { SHOW, PRINT, APPLY, DRY_APPLY };

static void work(struct talk *t, enum action action)
{
        struct chain c;
        struct printers p = {.t = t};
        arena_init(&p.arena, 0);
        /* A domain that does not answer is not one without printers: its queues must not go. */
        if (chain_read(t, "/printers", &c) && (c.complete || action == SHOW) && collect(&p, &c)) {
                if (action == SHOW)
                        show(&p);
                for (uint32_t i = 0; action == PRINT && i < p.n; i++) {
                        const char *words[WORDS_MOST];
                        command_of(&p, &p.v[i], words);
                        print_command(words);
                }
                if (action == APPLY || action == DRY_APPLY)
                        apply(&p, action == DRY_APPLY);
        }
        chain_done(&c);
        arena_done(&p.arena);
}

int ni_printers_run(int argc, char **argv)
{
        struct talk t;
        bool wanted = false, dry_run = false;
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                wanted |= o == O_APPLY;
                dry_run |= o == 'n';
        }
        if (t.operands)
                talk_usage(&t, "it takes no operand");
        else if ((dry_run && !wanted) || (wanted && t.json))
                talk_usage(&t, dry_run ? "--dry-run belongs to --apply" : "--apply prints no JSON");
        else
                work(&t, !wanted ? SHOW : dry_run ? DRY_APPLY : APPLY);
        return talk_end(&t);
}

int export_cups_run(int argc, char **argv)
{
        struct talk t;
        talk_begin(&t, &export_manual, argc, argv);
        if (talk_option(&t) != TALK_END)
                return talk_end(&t);
        if (t.operands)
                talk_usage(&t, "it takes no operand");
        else
                work(&t, PRINT);
        return talk_end(&t);
}
