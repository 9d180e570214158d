#include "tools/historical/nicl.h"

#include "tools/historical/disk_domain.h"

#include <stdlib.h>

#define NICL_SECONDS 15

static const char usage[] =
        "usage: nicl [options] DATASOURCE [COMMAND [ARGS...]]\n"
        "options: -t                  DATASOURCE is HOST/TAG\n"
        "         -raw                DATASOURCE is a database on disk, opened without a server\n"
        "         -c                  -raw: make it first\n"
        "         -ro                 -raw: only read, also while a server has it open\n"
        "         -p                  ask for a password\n"
        "         -u USER             act as USER (asks for the password)\n"
        "         -P -                the password is the first line of standard input\n"
        "         --password-file F   the password is the first line of file F\n"
        "         -T SECONDS          time allowed for each call\n"
        "         -v, -vv             print records with their numbers\n"
        "         -q                  no prompt\n"
        "         -nobold             no bold prompt\n"
        "         -nonotify           nothing: nobody is told of raw changes\n"
        "commands: read [PATH [KEY...]]              list [PATH [KEY]]\n"
        "          search PATH MIN MAX KEY VAL...    path [PATH]\n"
        "          create PATH [KEY [VAL...]]        append PATH KEY VAL...\n"
        "          merge PATH KEY VAL...             insert PATH KEY VAL INDEX\n"
        "          rename PATH OLDKEY NEWKEY         delete PATH [KEY [VAL...]]\n"
        "          copy PATH NEWPARENT               move PATH NEWPARENT\n"
        "          load DELIM KEY VAL...             setrdn PATH KEY\n"
        "          cd PATH                           pwd\n"
        "          auth [USER [PASSWORD]]            source FILE\n"
        "          echo [WORD...]                    statistics\n"
        "          domainname                        rparent\n"
        "          resync                            flush\n"
        "          history [<|=|>|lt|eq|gt] [VERSION]\n"
        "          attach PATH ID                    detach PATH ID\n"
        "          parent PATH ID                    (these three with -raw)\n"
        "          help                              quit\n";

static const struct nicl_command commands[] = {
        {"read cat .", 1, true, false, nicl_read},
        {"list ls", 1, true, false, nicl_list},
        {"search", 4, false, false, nicl_search},
        {"path", 1, true, false, nicl_path},
        {"create mk createprop", 1, false, true, nicl_create},
        {"append", 3, false, true, nicl_append},
        {"merge", 3, false, true, nicl_merge},
        {"insert", 4, false, true, nicl_insert},
        {"rename", 3, false, true, nicl_rename},
        {"delete rm destroy destroyprop", 1, false, true, nicl_delete},
        {"copy cp", 2, false, true, nicl_copy},
        {"move mv", 2, false, true, nicl_move},
        {"load", 1, false, true, nicl_load},
        {"history hist", 0, false, false, nicl_history},
        {"statistics stats", 0, false, false, nicl_statistics},
        {"domainname name", 0, false, false, nicl_domainname},
        {"rparent", 0, false, false, nicl_rparent},
        {"resync", 0, false, true, nicl_resync},
        {"flush", 0, false, false, nicl_flush},
        {"auth su", 1, true, false, nicl_auth},
        {"source <", 1, false, false, nicl_source},
        {"echo", 0, false, false, nicl_echo},
        {"cd", 1, false, false, nicl_cd},
        {"pwd", 0, false, false, nicl_pwd},
        {"setrdn", 2, false, true, nicl_setrdn},
        {"refs", 0, false, false, nicl_refs},
        {"attach", 2, false, true, nicl_attach},
        {"detach", 2, false, true, nicl_detach},
        {"parent", 2, false, true, nicl_parent},
        {"help", 0, false, false, nicl_help},
};

const struct nicl_command *nicl_command_at(unsigned i)
{
        return i < sizeof(commands) / sizeof(commands[0]) ? &commands[i] : NULL;
}

const char *nicl_text(enum nicl_status s)
{
        static const struct {
                int status;
                const char *text;
        } texts[] = {{0, "Operation Succeeded"},
                     {1001, "Invalid Datastore"},
                     {1002, "No Such File"},
                     {1003, "Read Failed"},
                     {1004, "Write Failed"},
                     {1005, "Invalid Update on Clone"},
                     {1007, "No Root Record in Datastore"},
                     {1008, "Datastore Locked"},
                     {2002, "No Data"},
                     {2003, "Invalid Record ID"},
                     {2004, "Invalid Path"},
                     {2005, "Invalid Key"},
                     {2006, "Stale Record Serial Number"},
                     {2008, "Constraint Violation"},
                     {3001, "Invalid Session Mode"},
                     {4001, "Access Restricted"},
                     {4003, "Write Access Restricted"},
                     {9999, "Operation Failed"}};
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                if (texts[i].status == (int)s)
                        return texts[i].text;
        return "Unknown Status Code";
}

enum nicl_status nicl_fold(const struct nicl *n, ni_status s)
{
        if (s == NI_RDONLY && n->raw)
                return disk_read_only(n->raw);
        switch (s) {
        case NI_OK:
                return NICL_OK;
        case NI_BADID:
                return NICL_RECORD_ID;
        case NI_STALE:
                return NICL_SERIAL;
        case NI_NOSPACE:
        case NI_RDONLY:
                return NICL_WRITE_FAILED;
        case NI_PERM:
        case NI_AUTHERROR:
        case NI_NOUSER:
                return NICL_ACCESS;
        case NI_NODIR:
                return NICL_PATH;
        case NI_NOPROP:
                return NICL_KEY;
        case NI_NONAME:
                return NICL_NO_DATA;
        default:
                return NICL_FAILED;
        }
}

enum nicl_status nicl_failed(const struct nicl *n, ni_status s, const char *what)
{
        const enum nicl_status folded = nicl_fold(n, s);
        if (folded != NICL_OK) {
                fflush(stdout);
                fprintf(stderr, "%s: %s\n", what, nicl_text(folded));
        }
        return folded;
}

enum nicl_status nicl_find(struct nicl *n, const char *command, const char *path, ni_id *ret)
{
        char *const meant = nicl_typed_path(n, path);
        ni_status s = meant ? dir_find(n->handle, n->current, true, meant, ret) : NI_FAILED;
        free(meant);
        const bool number = path[0] && path[strspn(path, "0123456789")] == '\0';
        if (s == NI_BADID && !number) /* not a path at all */
                s = NI_NODIR;
        if (number && (s == NI_NODIR || s == NI_BADID)) {
                fprintf(stderr, "Fetch record %s failed: %s\n", path, nicl_text(NICL_PATH));
                return NICL_PATH;
        }
        return nicl_failed(n, s, command);
}

static bool is_named(const char *names, const char *word)
{
        const size_t n = strlen(word);
        for (const char *p = names; n && *p; p += strcspn(p, " "), p += *p == ' ')
                if (strcspn(p, " ") == n && memcmp(p, word, n) == 0)
                        return true;
        return false;
}

enum nicl_status nicl_execute(struct nicl *n, int argc, char **argv)
{
        const struct nicl_command *c = NULL;
        char *typed = argv[0];
        if (argv[0][0] == '-')
                argv[0]++;
        for (unsigned i = 0; (c = nicl_command_at(i)) && !is_named(c->names, argv[0]); i++)
                ;
        if (!c) {
                tool_usage(&n->t);
                argv[0] = typed;
                return NICL_USAGE;
        }
        if (argc - 1 < (n->interactive && c->here ? 0 : c->least)) {
                fprintf(stderr, "Too few parameters for %s operation\n", argv[0]);
                tool_usage(&n->t);
                argv[0] = typed;
                return NICL_USAGE;
        }
        if (c->writes)
                ni_needwrite(n->handle, 1);
        const enum nicl_status s = c->run(n, argc, argv);
        if (c->writes)
                ni_needwrite(n->handle, 0);
        argv[0] = typed;
        fflush(stdout);
        return s;
}

enum nicl_status nicl_help(struct nicl *n, int argc, char **argv)
{
        (void)argc;
        (void)argv;
        tool_usage(&n->t);
        return NICL_OK;
}

static int failed_open(const struct nicl *n, const char *action, enum nicl_status s)
{
        fprintf(stderr, "%s(%s): %s\n", action, n->datasource, nicl_text(s));
        return (int)s % 256;
}

static void on_repair(void *context, const char *text)
{
        const struct nicl *n = context;
        tool_say(&n->t, "%s", text);
}

struct nicl_options {
        bool raw, create, read_only;
        int datasource; /* its place in argv; argc: there is none */
};

/* -1: go on, else the exit status. */
static int options(struct nicl *n, int argc, char **argv, struct nicl_options *o)
{
        int i = 1;
        for (; i < argc && argv[i][0] == '-'; i++) {
                const char *w = argv[i];
                char *after = i + 1 < argc ? argv[i + 1] : NULL;
                bool good = true, takes = false;
                if (strcmp(w, "-t") == 0)
                        n->t.by_tag = true;
                else if (strcmp(w, "-p") == 0)
                        n->t.ask = true;
                else if (strcmp(w, "-v") == 0 || strcmp(w, "-vv") == 0)
                        n->verbose = (int)strlen(w) - 1;
                else if (strcmp(w, "-q") == 0)
                        n->quiet = true;
                else if (strcmp(w, "-nobold") == 0)
                        n->bold = false;
                else if (strcmp(w, "-raw") == 0)
                        o->raw = true;
                else if (strcmp(w, "-x500") == 0)
                        n->x500 = true;
                else if (strcmp(w, "-c") == 0)
                        o->create = true;
                else if (strcmp(w, "-ro") == 0)
                        o->read_only = true;
                else if (strcmp(w, "-nonotify") == 0)
                        continue; /* no server has a database open that is written to */
                else if ((takes = after && strcmp(w, "-u") == 0)) {
                        free(n->t.user);
                        n->t.user = tool_take(after);
                        n->t.ask = true;
                } else if ((takes = after && strcmp(w, "-P") == 0))
                        good = tool_take_password(&n->t, after);
                else if ((takes = after && strcmp(w, "--password-file") == 0))
                        good = tool_password_file(&n->t, after);
                else if ((takes = after && strcmp(w, "-T") == 0))
                        good = tool_take_seconds(&n->t, after);
                else
                        return tool_usage(&n->t);
                if (!good)
                        return 1;
                i += takes;
        }
        o->datasource = i;
        return -1;
}

/* 0, or the exit status. A new database that is all that was asked for is closed at once. */
static int open_raw(struct nicl *n, const struct nicl_options *o, bool create)
{
        const struct disk_options options = {
                .create = create || o->create, .read_only = o->read_only, .reporter = {on_repair, n}};
        struct store_why why;
        const enum nicl_status s = disk_open(n->datasource, &options, &n->raw, &why);
        if (s == NICL_OK) {
                n->handle = disk_handle(n->raw);
                return 0;
        }
        tool_say(&n->t, "%s", why.text);
        return failed_open(n, options.create ? "create" : "open", s);
}

static int open_datasource(struct nicl *n)
{
        ni_id at = {0, 0};
        const int result = tool_open(&n->t, n->datasource, &n->handle, &at);
        if (result == NI_OK) {
                n->current = at.nii_object;
                return 0;
        }
        if (result == NI_NOUSER)
                return tool_exit(result);
        return failed_open(n, "open", NICL_DATASTORE);
}

static int run(struct nicl *n, int argc, char **argv)
{
        struct nicl_options o = {.raw = false};
        if (argc == 1) {
                tool_usage(&n->t);
                return 0;
        }
        int e = options(n, argc, argv, &o);
        if (e >= 0)
                return e;
        if (o.datasource >= argc)
                return tool_usage(&n->t);
        n->datasource = argv[o.datasource];
        const char *last = argv[argc - 1];
        const bool create = argc > 2 && (strcmp(last, "create") == 0 || strcmp(last, "-create") == 0);
        if (create && !o.raw) {
                fputs("Can't create a NetInfo domain\n", stderr);
                return 1;
        }
        e = o.raw ? open_raw(n, &o, create) : open_datasource(n);
        if (e)
                return e;
        if (create) {
                ni_free(n->handle);
                return 0;
        }
        n->interactive = o.datasource + 1 == argc;
        if (n->interactive) {
                nicl_interact(n);
                e = 0;
        } else {
                const enum nicl_status s = nicl_execute(n, argc - o.datasource - 1, argv + o.datasource + 1);
                e = s == NICL_USAGE ? 1 : (int)s % 256;
        }
        ni_free(n->handle);
        return e;
}

int nicl_run(int argc, char **argv)
{
        struct nicl n = {.bold = true};
        tool_init(&n.t, argv, usage);
        n.t.seconds = NICL_SECONDS;
        const int e = run(&n, argc, argv);
        disk_close(n.raw);
        return tool_done(&n.t, e);
}
