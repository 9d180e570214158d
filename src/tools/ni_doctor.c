#include "tools/doctor.h"
#include "tools/module.h"

#include "base/text.h"
#include "snapshot/inspect.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

enum { O_FROM = 256, O_FILES, O_CONFIG };
static const struct talk_option options[] = {
        {O_FILES, "files", NULL, "look at files only, ask no server"},
        {O_FROM, "from", "FOLDER", "look at the files below FOLDER instead of /"},
        {O_CONFIG, "config", "FILE", "the agent's configuration; default /etc/netinfo/agent.conf"},
        {0, NULL, NULL, NULL},
};
static const struct talk_manual manual = {
        .command = "doctor",
        .synopsis = "doctor [--json] [--files] [--from FOLDER]",
        .about = "Looks for what is wrong with this machine's part of NetInfo: nsswitch.conf, the module\n"
                 "of the C library, the images and the agent, permissions, port 987; the domains from\n"
                 "here to the root, their servers, clones and clocks; users and groups that are left\n"
                 "out, stand twice, or collide between domains and with /etc. Each finding says what,\n"
                 "why, and the way out. Nothing is changed. Exit status 1 when there is an error.",
        .options = options,
        .examples = "  ni doctor\n"
                    "  ni doctor --json\n"
                    "  ni doctor --files --from /srv/images/desktop",
        .talks = true,
        .json = true,
};

static const char *const severities[] = {"error", "warning", "note"};
static const char *const colors[] = {"31", "33", "36"};

const char *doctor_text(struct doctor *d, const char *format, ...)
{
        char words[8192];
        va_list ap;
        va_start(ap, format);
        vsnprintf(words, sizeof(words), format, ap);
        va_end(ap);
        const char *text = arena_str(&d->t->arena, bytes_str(words));
        return text ? text : "";
}

const char *doctor_path(struct doctor *d, const char *path)
{
        return d->from[0] ? doctor_text(d, "%s%s", d->from, path) : path;
}

/* Names come from the network, and may be cut in the middle of a character: what is no UTF-8 becomes `?`. */
static json_t *clean(struct doctor *d, const char *s)
{
        if (!s)
                return json_null();
        char *copy = arena_str(&d->t->arena, bytes_str(s));
        for (char *p = copy; copy && !text_is_utf8(bytes_str(s)) && *p; p++)
                if (*p & 0x80)
                        *p = '?';
        return json_string(copy ? copy : "");
}

void doctor_add(struct doctor *d, enum doctor_severity severity, const char *check, const char *thing,
                const char *reason, const char *way_out)
{
        d->count[severity]++;
        json_array_append_new(d->findings,
                              json_pack("{s:s,s:s,s:o,s:o,s:o}", "severity", severities[severity], "check",
                                        check, "thing", clean(d, thing), "reason", clean(d, reason),
                                        "way_out", clean(d, way_out)));
}

/* -- output
 * ---------------------------------------------------------------------------------------------------- */

static void put(struct talk *t, const json_t *j, const char *key, const char *lead, const char *tail)
{
        const char *s = json_string_value(json_object_get(j, key));
        if (!s)
                return;
        fputs(lead, stdout);
        talk_value(t, bytes_str(s));
        fputs(tail, stdout);
}

/* Those of one severity. */
static void print_findings(struct doctor *d, enum doctor_severity severity)
{
        struct talk *t = d->t;
        size_t i;
        json_t *j;
        json_array_foreach(d->findings, i, j)
        {
                if (strcmp(json_string_value(json_object_get(j, "severity")), severities[severity]) != 0)
                        continue;
                talk_color(t, colors[severity]);
                printf("%-8s", severities[severity]);
                talk_color(t, "");
                put(t, j, "thing", " ", ": ");
                put(t, j, "reason", "", "\n");
                put(t, j, "way_out", "         ", "\n");
        }
}

static void print_all(struct doctor *d)
{
        if (d->t->json) {
                talk_json(d->t, json_pack("{s:b,s:I,s:I,s:I,s:I,s:O}", "healthy", d->count[DOCTOR_ERROR] == 0,
                                          "errors", (json_int_t)d->count[DOCTOR_ERROR], "warnings",
                                          (json_int_t)d->count[DOCTOR_WARNING], "notes",
                                          (json_int_t)d->count[DOCTOR_NOTE], "checks", (json_int_t)d->checks,
                                          "findings", d->findings));
                return;
        }
        for (unsigned s = 0; s < 3; s++)
                print_findings(d, (enum doctor_severity)s);
        printf("%s%u checks: %u errors, %u warnings, %u notes\n", json_array_size(d->findings) ? "\n" : "",
               d->checks, d->count[DOCTOR_ERROR], d->count[DOCTOR_WARNING], d->count[DOCTOR_NOTE]);
}

/* -- the command
 * ----------------------------------------------------------------------------------------------- */

/* "FILE:3: reason" or "FILE: reason" without the file, which is said already. */
static const char *config_reason(struct doctor *d, const char *file, const char *text)
{
        const size_t n = strlen(file);
        if (strncmp(text, file, n) != 0 || text[n] != ':')
                return doctor_text(d, "%s", text);
        return text[n + 1] == ' ' ? doctor_text(d, "%s", text + n + 2)
                                  : doctor_text(d, "line %s", text + n + 1);
}

/* The agent's configuration, or the defaults when it is bad, which is a finding. */
static bool read_config(struct doctor *d, const char *config)
{
        struct agent_config_why why;
        const char *file = config ? config : doctor_path(d, "/etc/netinfo/agent.conf");
        if (!agent_config_defaults(&d->agent, NULL))
                return false;
        if (!agent_config_read(&d->agent, file, config != NULL, &why)) {
                doctor_add(d, DOCTOR_ERROR, "configuration", file, config_reason(d, file, why.text),
                           "netinfo-agent(8) lists the keys");
                agent_config_done(&d->agent);
                if (!agent_config_defaults(&d->agent, NULL))
                        return false;
        }
        const char *chosen = d->from[0] ? NULL : secure_getenv(SNAP_VARIABLE);
        d->chosen = chosen && *chosen;
        d->snapshots = d->chosen ? chosen : doctor_path(d, d->agent.snapshots);
        return true;
}

static void examine(struct doctor *d, const char *config)
{
        d->findings = json_array();
        d->checks++;
        if (!read_config(d, config)) {
                talk_error(d->t, EXIT_FAILED, NULL, "out of memory", NULL);
                return;
        }
        doctor_nsswitch(d);
        doctor_module(d);
        doctor_images(d);
        doctor_permissions(d);
        if (!d->files_only) {
                if (!d->from[0])
                        doctor_port(d);
                doctor_domains(d);
        }
        doctor_agent(d);
        print_all(d);
        if (d->count[DOCTOR_ERROR])
                d->t->exit = EXIT_FAILED;
        agent_config_done(&d->agent);
}

static bool good_folder(struct talk *t, const char *from)
{
        struct stat st;
        if (!from[0] || (stat(from, &st) == 0 && S_ISDIR(st.st_mode)))
                return true;
        talk_usage(t, "--from %s: there is no such folder", from);
        return false;
}

int ni_doctor_run(int argc, char **argv)
{
        struct talk t;
        struct doctor d = {.t = &t, .from = ""};
        const char *config = NULL;
        module_reach(argc, argv);
        talk_begin(&t, &manual, argc, argv);
        for (int o; (o = talk_option(&t)) != TALK_END;) {
                if (o == TALK_STOP)
                        return talk_end(&t);
                d.files_only |= o == O_FILES;
                d.from = o == O_FROM ? t.argument : d.from;
                config = o == O_CONFIG ? t.argument : config;
        }
        if (t.operands)
                talk_usage(&t, "no operands are wanted");
        else if (good_folder(&t, d.from))
                examine(&d, config);
        json_decref(d.findings);
        return talk_end(&t);
}
