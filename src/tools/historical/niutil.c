/* niutil: one operation on one directory (doc/tools.md 2). */
#include "tools/historical/edit.h"
#include "tools/historical/tool.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] = "usage: niutil -create      [opts] DOMAIN PATH\n"
                            "       niutil -destroy     [opts] DOMAIN PATH\n"
                            "       niutil -createprop  [opts] DOMAIN PATH KEY [VAL...]\n"
                            "       niutil -appendprop  [opts] DOMAIN PATH KEY VAL...\n"
                            "       niutil -mergeprop   [opts] DOMAIN PATH KEY VAL...\n"
                            "       niutil -insertval   [opts] DOMAIN PATH KEY VAL INDEX\n"
                            "       niutil -destroyprop [opts] DOMAIN PATH KEY...\n"
                            "       niutil -destroyval  [opts] DOMAIN PATH KEY VAL...\n"
                            "       niutil -renameprop  [opts] DOMAIN PATH OLDKEY NEWKEY\n"
                            "       niutil -read        [opts] DOMAIN PATH\n"
                            "       niutil -list        [opts] DOMAIN PATH [KEY]\n"
                            "       niutil -readprop    [opts] DOMAIN PATH KEY\n"
                            "       niutil -readval     [opts] DOMAIN PATH KEY INDEX\n"
                            "       niutil -rparent     [opts] DOMAIN\n"
                            "       niutil -resync      [opts] DOMAIN\n"
                            "       niutil -statistics  [opts] DOMAIN\n"
                            "       niutil -domainname  [opts] DOMAIN\n"
                            "opts:  -t                  DOMAIN is HOST/TAG\n"
                            "       -p                  ask for a password\n"
                            "       -u USER             act as USER (asks for the password)\n"
                            "       -P -                the password is the first line of standard input\n"
                            "       --password-file F   the password is the first line of file F\n"
                            "       -T SECONDS          time allowed for each call\n"
                            "       -n                  -rparent prints an address, not a name\n"
                            "       -R                  try again while the master is busy\n"
                            "       --                  ends the options\n";

struct niutil {
        struct tool t;
        const struct operation *operation;
        char **operand; /* from the domain on */
        int operands;
        bool numeric, retry;
        bool said_busy; /* an attempt that is repeated says so once */
        long index;
};

struct operation {
        const char *name;
        int least; /* operands, DOMAIN included */
        ni_status (*run)(struct niutil *u, void *h);
        bool writes;
        int index_at; /* operand that must be an integer; 0: none */
};

static bool is_news(struct niutil *u, ni_status s)
{
        const bool again = s == NI_MASTERBUSY && u->said_busy;
        u->said_busy |= s == NI_MASTERBUSY;
        return s != NI_OK && !again;
}

/* "ACTION[ KEY in] directory PATH: ERR" */
static ni_status failed(struct niutil *u, ni_status s, const char *action, const char *key)
{
        if (!is_news(u, s))
                return s;
        if (key)
                tool_say(&u->t, "%s %s in directory %s: %s", action, key, u->operand[1], ni_error(s));
        else
                tool_say(&u->t, "%s %s: %s", action, u->operand[1], ni_error(s));
        return s;
}

static ni_status failed_domain(struct niutil *u, ni_status s, const char *action)
{
        if (is_news(u, s))
                tool_say(&u->t, "%s domain %s: %s", action, u->operand[0], ni_error(s));
        return s;
}

static ni_status find(struct niutil *u, void *h, ni_id *id)
{
        return dir_find(h, FROM_ROOT, false, u->operand[1], id);
}

static ni_status create(struct niutil *u, void *h)
{
        ni_id id;
        return failed(u, dir_make(h, FROM_ROOT, false, u->operand[1], &id), "can't create directory", NULL);
}

static ni_status destroy(struct niutil *u, void *h)
{
        ni_id id;
        ni_status s = find(u, h, &id);
        if (s == NI_OK)
                s = dir_destroy(h, id.nii_object);
        return failed(u, s, "can't destroy directory", NULL);
}

static ni_status modify(struct niutil *u, void *h, enum edit edit, ni_namelist values, ni_index where)
{
        ni_id id;
        ni_status s = find(u, h, &id);
        if (s == NI_OK)
                s = prop_edit(h, &id, edit, u->operand[2], values, where);
        return failed(u, s, "can't modify", u->operand[2]);
}

static ni_namelist values_of(const struct niutil *u)
{
        return words_list(u->operand + 3, u->operands - 3);
}

static ni_status createprop(struct niutil *u, void *h)
{
        return modify(u, h, EDIT_SET, values_of(u), NI_INDEX_NULL);
}

static ni_status appendprop(struct niutil *u, void *h)
{
        return modify(u, h, EDIT_APPEND, values_of(u), NI_INDEX_NULL);
}

static ni_status mergeprop(struct niutil *u, void *h)
{
        return modify(u, h, EDIT_MERGE, values_of(u), NI_INDEX_NULL);
}

static ni_status insertval(struct niutil *u, void *h)
{
        return modify(u, h, EDIT_INSERT, words_list(u->operand + 3, 1),
                      u->index < 0 || u->index > (long)INT32_MAX ? NI_INDEX_NULL : (ni_index)u->index);
}

static ni_status destroyval(struct niutil *u, void *h)
{
        return modify(u, h, EDIT_TAKE_ALL, values_of(u), NI_INDEX_NULL);
}

static ni_status destroyprop(struct niutil *u, void *h)
{
        ni_id id;
        ni_status s = find(u, h, &id);
        for (int i = 2; s == NI_OK && i < u->operands; i++)
                s = prop_destroy(h, &id, u->operand[i]);
        return failed(u, s, "can't destroy", u->operand[2]);
}

static ni_status renameprop(struct niutil *u, void *h)
{
        ni_id id;
        ni_status s = find(u, h, &id);
        if (s == NI_OK)
                s = prop_rename(h, &id, u->operand[2], u->operand[3]);
        return failed(u, s, "can't rename", u->operand[2]);
}

static void put_all(const struct niutil *u, const ni_proplist *l)
{
        for (unsigned i = 0; i < l->nipl_len; i++)
                tool_put_property(&u->t, &l->nipl_val[i]);
}

static ni_status read_all(struct niutil *u, void *h)
{
        ni_id id;
        ni_proplist l;
        NI_INIT(&l);
        ni_status s = find(u, h, &id);
        if (s != NI_OK)
                return failed(u, s, "can't open directory", NULL);
        s = ni_read(h, &id, &l);
        if (s == NI_OK)
                put_all(u, &l);
        ni_proplist_free(&l);
        return failed(u, s, "can't read directory", NULL);
}

static ni_status list(struct niutil *u, void *h)
{
        ni_id id;
        ni_entrylist l;
        NI_INIT(&l);
        ni_status s = find(u, h, &id);
        if (s != NI_OK)
                return failed(u, s, "can't open directory", NULL);
        s = ni_list(h, &id, u->operands > 2 ? u->operand[2] : "name", &l);
        for (unsigned i = 0; s == NI_OK && i < l.niel_len; i++) {
                const ni_namelist *names = l.niel_val[i].names;
                printf("%u\t", l.niel_val[i].id);
                for (unsigned k = 0; names && k < names->ninl_len; k++) {
                        putchar(' ');
                        tool_put(&u->t, names->ninl_val[k]);
                }
                putchar('\n');
        }
        ni_entrylist_free(&l);
        return failed(u, s, "can't list directory", NULL);
}

/* The values of the property asked for, with the failure said. */
static ni_status values(struct niutil *u, void *h, ni_namelist *ret)
{
        ni_id id;
        NI_INIT(ret);
        const ni_status s = find(u, h, &id);
        if (s != NI_OK)
                return failed(u, s, "can't open directory", NULL);
        return failed(u, ni_lookupprop(h, &id, u->operand[2], ret), "can't get property", u->operand[2]);
}

static ni_status readprop(struct niutil *u, void *h)
{
        ni_namelist l;
        const ni_status s = values(u, h, &l);
        for (unsigned i = 0; s == NI_OK && i < l.ninl_len; i++) {
                if (i)
                        putchar(' ');
                tool_put(&u->t, l.ninl_val[i]);
        }
        if (s == NI_OK)
                putchar('\n');
        ni_namelist_free(&l);
        return s;
}

static ni_status readval(struct niutil *u, void *h)
{
        ni_namelist l;
        ni_status s = values(u, h, &l);
        if (s == NI_OK && u->index >= 0 && (unsigned long)u->index < l.ninl_len) {
                tool_put(&u->t, l.ninl_val[u->index]);
                putchar('\n');
        } else if (s == NI_OK) {
                tool_say(&u->t, "property %s in directory %s has no value at index %s", u->operand[2],
                         u->operand[1], u->operand[3]);
                s = NI_NONAME;
        }
        ni_namelist_free(&l);
        return s;
}

static ni_status rparent(struct niutil *u, void *h)
{
        struct sockaddr_in a;
        ni_name tag;
        char host[NI_MAXHOST];
        const ni_status s = netinfo_rparent(h, &a, &tag);
        if (s == NI_NETROOT) {
                puts("root domain: no parent");
                return s;
        }
        if (s != NI_OK)
                return failed_domain(u, s, "can't find rparent for");
        if (u->numeric || getnameinfo((const struct sockaddr *)&a, sizeof(a), host, sizeof(host), NULL, 0,
                                      NI_NAMEREQD) != 0)
                inet_ntop(AF_INET, &a.sin_addr, host, sizeof(host));
        printf("%s/", host);
        tool_put(&u->t, tag);
        putchar('\n');
        ni_name_free(&tag);
        return NI_OK;
}

static ni_status resync(struct niutil *u, void *h)
{
        return failed_domain(u, ni_resync(h), "can't resync");
}

static ni_status statistics(struct niutil *u, void *h)
{
        ni_proplist l;
        NI_INIT(&l);
        const ni_status s = ni_statistics(h, &l);
        if (s == NI_OK)
                put_all(u, &l);
        ni_proplist_free(&l);
        return failed_domain(u, s, "can't get statistics for");
}

static ni_status domainname(struct niutil *u, void *h)
{
        ni_name name;
        const ni_status s = ni_pwdomain(h, &name);
        if (s != NI_OK)
                return failed_domain(u, s, "can't get name for");
        tool_put(&u->t, name);
        putchar('\n');
        ni_name_free(&name);
        return NI_OK;
}

static const struct operation operations[] = {
        {"-create", 2, create, true, 0},
        {"-destroy", 2, destroy, true, 0},
        {"-createprop", 3, createprop, true, 0},
        {"-appendprop", 4, appendprop, true, 0},
        {"-mergeprop", 4, mergeprop, true, 0},
        {"-insertval", 5, insertval, true, 4},
        {"-destroyprop", 3, destroyprop, true, 0},
        {"-destroyval", 4, destroyval, true, 0},
        {"-renameprop", 4, renameprop, true, 0},
        {"-read", 2, read_all, false, 0},
        {"-list", 2, list, false, 0},
        {"-readprop", 3, readprop, false, 0},
        {"-readval", 4, readval, false, 3},
        {"-rparent", 1, rparent, false, 0},
        {"-resync", 1, resync, true, 0},
        {"-statistics", 1, statistics, false, 0},
        {"-stat", 1, statistics, false, 0},
        {"-domainname", 1, domainname, false, 0},
};

static const struct operation *operation(const char *word)
{
        for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
                if (strcmp(operations[i].name, word) == 0)
                        return &operations[i];
        return NULL;
}

static int too_few(struct niutil *u, const char *word)
{
        tool_say(&u->t, "insufficient number of arguments for %s", word);
        return tool_usage(&u->t);
}

/* An option with an argument. 0: done, else the exit status. */
static int valued(struct niutil *u, const char *option, char *argument)
{
        bool good = true;
        if (!argument)
                return too_few(u, option);
        if (strcmp(option, "-T") == 0) {
                good = tool_take_seconds(&u->t, argument);
        } else if (strcmp(option, "-u") == 0) {
                free(u->t.user);
                u->t.user = tool_take(argument);
                u->t.ask = true;
        } else if (strcmp(option, "-P") == 0) {
                good = tool_take_password(&u->t, argument);
        } else {
                good = tool_password_file(&u->t, argument);
        }
        return good ? 0 : 1;
}

/* Words before the domain. 0: go on, else the exit status. */
static int options(struct niutil *u, int argc, char **argv)
{
        int i = 1;
        for (; i < argc && argv[i][0] == '-'; i++) {
                const char *w = argv[i];
                if (strcmp(w, "--") == 0) {
                        i++;
                        break;
                }
                if (operation(w))
                        u->operation = operation(w);
                else if (strcmp(w, "-t") == 0)
                        u->t.by_tag = true;
                else if (strcmp(w, "-p") == 0)
                        u->t.ask = true;
                else if (strcmp(w, "-n") == 0)
                        u->numeric = true;
                else if (strcmp(w, "-R") == 0)
                        u->retry = true;
                else if (strcmp(w, "-T") == 0 || strcmp(w, "-u") == 0 || strcmp(w, "-P") == 0 ||
                         strcmp(w, "--password-file") == 0) {
                        const int e = valued(u, w, i + 1 < argc ? argv[i + 1] : NULL);
                        if (e)
                                return e;
                        i++;
                } else if (!u->operation) {
                        return tool_usage(&u->t);
                }
        }
        u->operand = argv + i;
        u->operands = argc - i;
        if (!u->operation)
                return tool_usage(&u->t);
        if (u->operands < u->operation->least)
                return too_few(u, argv[1]);
        return 0;
}

static int check_index(struct niutil *u)
{
        int64_t n;
        if (!u->operation->index_at)
                return 0;
        const char *word = u->operand[u->operation->index_at];
        if (!text_i64(bytes_str(word), &n)) {
                tool_say(&u->t, "the index must be an integer");
                fprintf(stderr, "found %s\n", word);
                return 3;
        }
        u->index = (long)n;
        return 0;
}

int niutil_run(int argc, char **argv)
{
        struct niutil u = {.index = 0};
        void *h;
        int result;
        tool_init(&u.t, argv, usage);
        int e = options(&u, argc, argv);
        if (!e)
                e = check_index(&u);
        if (e)
                return tool_done(&u.t, e);
        for (;;) {
                result = tool_open(&u.t, u.operand[0], &h, NULL);
                if (result != NI_OK)
                        break;
                if (u.operation->writes && !(u.t.by_tag && u.operation->run == resync))
                        ni_needwrite(h, 1);
                result = (int)u.operation->run(&u, h);
                ni_free(h);
                if (result != NI_MASTERBUSY || !u.retry)
                        break;
                sleep(1);
        }
        return tool_done(&u.t, tool_exit(result));
}
