#include "tools/module.h"
#include "tools/talk.h"

#include "base/text.h"

#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>
#include <stdlib.h>

#define GROUPS_MOST 65536 /* what Linux lets a process have (NGROUPS_MAX) */

static const struct talk_manual manual = {
        .command = "getent",
        .synopsis = "getent passwd|group|shadow [KEY...]\n"
                    "getent initgroups USER...",
        .about = "Looks accounts up through the C library as any program would, but only in NetInfo's\n"
                 "module, without touching /etc/nsswitch.conf. A KEY that is a number is a uid or gid.\n"
                 "Without KEY: all of them. The output is that of getent(1); a KEY that is not found\n"
                 "gives exit status 3 (2 from getent), no usable images give 6.",
        .examples = "  ni getent passwd ada\n"
                    "  ni getent group 50\n"
                    "  ni getent initgroups ada",
        .json = true,
};

static bool use_module(struct talk *t)
{
        static const char *const databases[] = {"passwd", "group", "shadow", "initgroups"};
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

static json_t *text(const char *s)
{
        return s ? talk_json_bytes(bytes_str(s)) : json_null();
}

static json_t *json_passwd(const struct passwd *p)
{
        return json_pack("{s:o,s:o,s:I,s:I,s:o,s:o,s:o}", "name", text(p->pw_name), "passwd",
                         text(p->pw_passwd), "uid", (json_int_t)p->pw_uid, "gid", (json_int_t)p->pw_gid,
                         "gecos", text(p->pw_gecos), "dir", text(p->pw_dir), "shell", text(p->pw_shell));
}

static json_t *json_group(const struct group *g)
{
        json_t *members = json_array();
        for (char **m = g->gr_mem; *m; m++)
                json_array_append_new(members, text(*m));
        return json_pack("{s:o,s:o,s:I,s:o}", "name", text(g->gr_name), "passwd", text(g->gr_passwd), "gid",
                         (json_int_t)g->gr_gid, "members", members);
}

static json_t *json_shadow(const struct spwd *s)
{
        return json_pack("{s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I}", "name", text(s->sp_namp), "passwd",
                         text(s->sp_pwdp), "lstchg", (json_int_t)s->sp_lstchg, "min", (json_int_t)s->sp_min,
                         "max", (json_int_t)s->sp_max, "warn", (json_int_t)s->sp_warn, "inact",
                         (json_int_t)s->sp_inact, "expire", (json_int_t)s->sp_expire);
}

/* One record, by key or the next of an enumeration (key NULL); printed, or appended to `all`. False: none,
 * errno says why, 0 for "not found". */
typedef bool answer_fn(const char *key, json_t *all);

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
                json_array_append_new(all, json_pack("{s:o,s:o}", "name", text(key), "groups", list));
        return true;
}

static const struct database {
        const char *name;
        answer_fn *answer;
        void (*begin)(void), (*end)(void); /* NULL: no enumeration */
} databases[] = {
        {"passwd", answer_passwd, setpwent, endpwent},
        {"group", answer_group, setgrent, endgrent},
        {"shadow", answer_shadow, setspent, endspent},
        {"initgroups", answer_initgroups, NULL, NULL},
};

static void no_answer(struct talk *t, const struct database *d, const char *key)
{
        const char *thing = key ? arena_printf(&t->arena, "%s %s", d->name, key) : d->name;
        if (errno == 0)
                talk_error(t, EXIT_NOT_FOUND, thing, "not found", NULL);
        else if (errno == EACCES)
                talk_error(t, EXIT_DENIED, thing, strerror(errno),
                           "shadow is for root and members of the group shadow");
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
                if (!any && error)
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
                talk_usage(t, "which database? passwd, group, shadow or initgroups");
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
                talk_usage(&t, "initgroups of whom? give user names");
        else if (d && use_module(&t))
                look_up(&t, d);
        return talk_end(&t);
}
