#include "tools/module.h"
#include "tools/ni_getent.h"

#include "base/text.h"
#include "snapshot/inspect.h"

#include <aliases.h>
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <gshadow.h>
#include <netdb.h>
#include <nss.h>
#include <pwd.h>
#include <rpc/netdb.h>
#include <shadow.h>
#include <stdio.h>
#include <stdlib.h>

#define GROUPS_MOST 65536 /* what Linux lets a process have (NGROUPS_MAX) */

static const struct talk_manual manual = {
        .command = "getent",
        .synopsis = "getent passwd|group|shadow|gshadow [KEY...]\n"
                    "getent hosts|networks|services|protocols|rpc|aliases [KEY...]\n"
                    "getent initgroups|ahosts|ethers|netgroup KEY...",
        .about = "Looks something up through the C library as any program would, but only in NetInfo's\n"
                 "module, without touching /etc/nsswitch.conf. A KEY is a name, or a number (uid, gid,\n"
                 "port, protocol), or an address. Without KEY: all of them. The output is that of\n"
                 "getent(1); a KEY that is not found gives exit status 3 (2 from getent), no usable\n"
                 "images give 6.",
        .examples = "  ni getent passwd ada\n"
                    "  ni getent group 50\n"
                    "  ni getent initgroups ada\n"
                    "  ni getent hosts relay 10.1.1.9\n"
                    "  ni getent services 443/tcp\n"
                    "  ni getent netgroup trusted",
        .json = true,
};

static bool use_module(struct talk *t)
{
        static const char *const databases[] = {"passwd", "group",    "shadow",   "initgroups", "gshadow",
                                                "hosts",  "networks", "services", "protocols",  "rpc",
                                                "ethers", "netgroup", "aliases"};
        if (!dlopen(MODULE_FILE, RTLD_NOW)) {
                talk_error(t, EXIT_FAILED, NULL, dlerror(),
                           "install the module, or run ni from a build folder that holds it");
                return false;
        }
        for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++)
                if (__nss_configure_lookup(databases[i], "netinfo") != 0) {
                        talk_error(t, EXIT_FAILED, databases[i], strerror(errno), NULL);
                        return false;
                }
        return true;
}

/* -- answers --------------------------------------------------------------------------------------------- */

json_t *getent_text(const char *s)
{
        return s ? talk_json_bytes(bytes_str(s)) : json_null();
}

json_t *getent_texts(char *const *list)
{
        json_t *all = json_array();
        for (; *list; list++)
                json_array_append_new(all, getent_text(*list));
        return all;
}

static json_t *json_passwd(const struct passwd *p)
{
        return json_pack("{s:o,s:o,s:I,s:I,s:o,s:o,s:o}", "name", getent_text(p->pw_name), "passwd",
                         getent_text(p->pw_passwd), "uid", (json_int_t)p->pw_uid, "gid",
                         (json_int_t)p->pw_gid, "gecos", getent_text(p->pw_gecos), "dir",
                         getent_text(p->pw_dir), "shell", getent_text(p->pw_shell));
}

static json_t *json_group(const struct group *g)
{
        return json_pack("{s:o,s:o,s:I,s:o}", "name", getent_text(g->gr_name), "passwd",
                         getent_text(g->gr_passwd), "gid", (json_int_t)g->gr_gid, "members",
                         getent_texts(g->gr_mem));
}

static json_t *json_shadow(const struct spwd *s)
{
        return json_pack("{s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I}", "name", getent_text(s->sp_namp), "passwd",
                         getent_text(s->sp_pwdp), "lstchg", (json_int_t)s->sp_lstchg, "min",
                         (json_int_t)s->sp_min, "max", (json_int_t)s->sp_max, "warn", (json_int_t)s->sp_warn,
                         "inact", (json_int_t)s->sp_inact, "expire", (json_int_t)s->sp_expire);
}

static bool answer_passwd(const char *key, json_t *all)
{
        uint32_t uid;
        const struct passwd *p;
        errno = 0;
        if (!key)
                p = getpwent();
        else
                p = text_u32(bytes_str(key), &uid) ? getpwuid(uid) : getpwnam(key);
        if (p && all)
                json_array_append_new(all, json_passwd(p));
        else if (p)
                putpwent(p, stdout);
        return p;
}

static bool answer_group(const char *key, json_t *all)
{
        uint32_t gid;
        const struct group *g;
        errno = 0;
        if (!key)
                g = getgrent();
        else
                g = text_u32(bytes_str(key), &gid) ? getgrgid(gid) : getgrnam(key);
        if (g && all)
                json_array_append_new(all, json_group(g));
        else if (g)
                putgrent(g, stdout);
        return g;
}

static bool answer_shadow(const char *key, json_t *all)
{
        errno = 0;
        const struct spwd *s = key ? getspnam(key) : getspent();
        if (s && all)
                json_array_append_new(all, json_shadow(s));
        else if (s)
                putspent(s, stdout);
        return s;
}

static bool answer_initgroups(const char *key, json_t *all)
{
        static gid_t gids[GROUPS_MOST];
        int n = GROUPS_MOST;
        errno = 0;
        if (getgrouplist(key, (gid_t)-1, gids, &n) < 0)
                return false;
        json_t *list = all ? json_array() : NULL;
        if (!all)
                printf("%-21s", key);
        for (int i = 0; i < n; i++) {
                if (gids[i] == (gid_t)-1)
                        continue;
                if (list)
                        json_array_append_new(list, json_integer((json_int_t)gids[i]));
                else
                        printf(" %u", gids[i]);
        }
        if (!all)
                putchar('\n');
        else
                json_array_append_new(all, json_pack("{s:o,s:o}", "name", getent_text(key), "groups", list));
        return true;
}

static void begin_hosts(void)
{
        sethostent(0);
}

static void begin_networks(void)
{
        setnetent(0);
}

static void begin_services(void)
{
        setservent(0);
}

static void begin_protocols(void)
{
        setprotoent(0);
}

static void begin_rpc(void)
{
        setrpcent(0);
}

static const struct database {
        const char *name;
        getent_answer *answer;
        void (*begin)(void), (*end)(void); /* NULL: no enumeration */
} databases[] = {
        {"passwd", answer_passwd, setpwent, endpwent},
        {"group", answer_group, setgrent, endgrent},
        {"shadow", answer_shadow, setspent, endspent},
        {"gshadow", getent_gshadow, setsgent, endsgent},
        {"initgroups", answer_initgroups, NULL, NULL},
        {"hosts", getent_hosts, begin_hosts, endhostent},
        {"ahosts", getent_ahosts, NULL, NULL},
        {"networks", getent_networks, begin_networks, endnetent},
        {"services", getent_services, begin_services, endservent},
        {"protocols", getent_protocols, begin_protocols, endprotoent},
        {"rpc", getent_rpc, begin_rpc, endrpcent},
        {"ethers", getent_ethers, NULL, NULL},
        {"netgroup", getent_netgroup, NULL, NULL},
        {"aliases", getent_aliases, setaliasent, endaliasent},
};

/* Some questions of the C library end the same way for "not there" and "no images at all". */
static bool images_are_there(void)
{
        const char *folder;
        uint64_t generation = SNAP_GENERATION_NONE;
        for (unsigned i = 0; (folder = snap_folder_choice(i)); i++)
                if (snap_folder_generation(folder, &generation) == 0)
                        break;
        return generation != SNAP_GENERATION_NONE;
}

static void no_answer(struct talk *t, const struct database *d, const char *key)
{
        const char *thing = key ? arena_printf(&t->arena, "%s %s", d->name, key) : d->name;
        if (errno == 0 && images_are_there())
                talk_error(t, EXIT_NOT_FOUND, thing, "not found", NULL);
        else if (errno == EACCES)
                talk_error(t, EXIT_DENIED, thing, strerror(errno),
                           "it is for root and members of the group shadow");
        else if (errno == EBADMSG)
                talk_error(t, EXIT_UNREACHABLE, thing,
                           "the images are damaged, or others than root and you can write to them",
                           "`ni snapshot verify` says which; netinfo-agent makes new ones");
        else
                talk_error(t, EXIT_UNREACHABLE, thing, "there are no images to look into",
                           "netinfo-agent makes them; NETINFO_SNAPSHOTS may name their folder");
}

static void look_up(struct talk *t, const struct database *d)
{
        json_t *all = t->json ? json_array() : NULL;
        for (int i = 1; i < t->operands; i++)
                if (!d->answer(t->operand[i], all))
                        no_answer(t, d, t->operand[i]);
        if (t->operands == 1) {
                bool any = false;
                d->begin();
                while (d->answer(NULL, all))
                        any = true;
                const int error = errno;
                d->end();
                errno = error;
                if (!any && error && !(error == ENOENT && images_are_there())) /* else the list is empty */
                        no_answer(t, d, NULL);
        }
        if (all && t->exit != EXIT_UNREACHABLE)
                talk_json(t, all);
        else
                json_decref(all);
}

static const struct database *choose(struct talk *t)
{
        const char *names[sizeof(databases) / sizeof(databases[0]) + 1] = {NULL};
        if (t->operands == 0) {
                talk_usage(t, "which database? passwd, group, hosts, services ...");
                return NULL;
        }
        for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
                if (strcmp(databases[i].name, t->operand[0]) == 0)
                        return &databases[i];
                names[i] = databases[i].name;
        }
        const char *near = text_suggest(t->operand[0], names);
        talk_usage(t, "the module has no database %s%s%s%s", t->operand[0], near ? "; did you mean " : "",
                   near ? near : "", near ? "?" : "");
        return NULL;
}

int ni_getent_run(int argc, char **argv)
{
        struct talk t;
        module_reach(argc, argv);
        talk_begin(&t, &manual, argc, argv);
        if (talk_option(&t) != TALK_END)
                return talk_end(&t);
        const struct database *d = choose(&t);
        if (d && !d->begin && t.operands == 1)
                talk_usage(&t, strcmp(d->name, "initgroups") == 0
                                       ? "initgroups of whom? give user names"
                                       : "this has no list: give names or addresses");
        else if (d && use_module(&t))
                look_up(&t, d);
        return talk_end(&t);
}
