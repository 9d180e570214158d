/* nicl's lines: splitting them into words, the prompt, history and completion (doc/tools.md 3.8). */
#include "tools/historical/nicl.h"

#include "base/buf.h"

#include <editline/readline.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define HISTORY_MOST 100000

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

/* Cuts the next word off *line, in place; NULL at the end. A word that starts with a quote goes to the next
 * unescaped one. */
static char *next_word(char **line)
{
        char *p = *line;
        while (is_blank(*p))
                p++;
        if (!*p)
                return NULL;
        const bool quoted = *p == '"';
        char *const word = p, *to = p;
        if (quoted)
                p++;
        while (*p && (quoted ? *p != '"' : !is_blank(*p))) {
                if (*p == '\\' && p[1])
                        p++;
                *to++ = *p++;
        }
        *line = *p ? p + 1 : p;
        *to = '\0';
        return word;
}

static void one_line(struct nicl *n, char *line)
{
        const size_t blank = strspn(line, " \t");
        size_t room = 0;
        int argc = 0;
        line[strcspn(line, "\r\n")] = '\0';
        if (!line[blank] || line[blank] == '#')
                return;
        if (strcmp(line, "quit") == 0 || strcmp(line, "q") == 0 || strcmp(line, "exit") == 0) {
                n->leave = true;
                return;
        }
        /* A word needs at least one byte and a separator, but for the end of a quote. */
        room = strlen(line) + 2;
        char **argv = calloc(room, sizeof(*argv)), *word;
        if (!argv)
                return;
        for (char *rest = line; (word = next_word(&rest));)
                argv[argc++] = word;
        nicl_execute(n, argc, argv);
        free(argv);
}

void nicl_read_lines(struct nicl *n, FILE *f)
{
        char *line = NULL;
        size_t room = 0;
        while (!n->leave && getline(&line, &room, f) >= 0)
                one_line(n, line);
        if (n->sources)
                n->leave = false; /* `quit` ends the file, not the session */
        free(line);
}

/* -- completion ---------------------------------------------------------------------------------------------
 */

static struct nicl *completing; /* libedit's callbacks have no context */
static ni_namelist candidates;
static unsigned next_candidate;

static char *candidate(const char *text, int state)
{
        (void)text;
        if (!state)
                next_candidate = 0;
        return next_candidate < candidates.ninl_len ? strdup(candidates.ninl_val[next_candidate++]) : NULL;
}

static void complete_command(const char *text)
{
        const struct nicl_command *c;
        const size_t dash = text[0] == '-', length = strlen(text);
        for (unsigned i = 0; (c = nicl_command_at(i)); i++)
                for (const char *p = c->names; *p; p += strcspn(p, " "), p += *p == ' ') {
                        char word[32];
                        snprintf(word, sizeof(word), "%s%.*s", dash ? "-" : "", (int)strcspn(p, " "), p);
                        if (strncmp(word, text, length) == 0)
                                ni_namelist_insert(&candidates, word, NI_INDEX_NULL);
                }
}

/* A name as the user would type it: escaped for the path, and the escapes for the line. */
static void put_typed(struct buf *out, const char *name)
{
        for (; *name; name++) {
                if (*name == '/' || *name == '=' || *name == '\\')
                        buf_puts(out, *name == '\\' ? "\\\\\\" : "\\\\");
                else if (is_blank(*name) || *name == '"')
                        buf_putc(out, '\\');
                buf_putc(out, *name);
        }
}

static void complete_path(struct nicl *n, const char *text)
{
        const char *slash = strrchr(text, '/');
        const size_t kept = slash ? (size_t)(slash - text) + 1 : 0;
        char *typed = strdup(text), *rest = typed;
        ni_id id;
        ni_entrylist l;
        NI_INIT(&l);
        if (!typed)
                return;
        typed[kept] = '\0';
        const char *parent = kept ? next_word(&rest) : ".";
        if (dir_find(n->handle, n->current, true, parent ? parent : "/", &id) == NI_OK &&
            ni_list(n->handle, &id, "name", &l) == NI_OK)
                for (unsigned i = 0; i < l.niel_len; i++) {
                        struct buf whole;
                        if (!l.niel_val[i].names)
                                continue;
                        buf_init(&whole, 0);
                        buf_put(&whole, bytes_of(text, kept));
                        put_typed(&whole, l.niel_val[i].names->ninl_val[0]);
                        buf_putc(&whole, '\0');
                        if (!whole.failed && strncmp((const char *)whole.data, text, strlen(text)) == 0)
                                ni_namelist_insert(&candidates, (const char *)whole.data, NI_INDEX_NULL);
                        buf_done(&whole);
                }
        ni_entrylist_free(&l);
        free(typed);
}

static char **complete(const char *text, int start, int end)
{
        (void)end;
        bool first = true;
        for (int i = 0; i < start; i++)
                first &= is_blank(rl_line_buffer[i]);
        ni_namelist_free(&candidates);
        rl_attempted_completion_over = 1; /* no names of files */
        if (first)
                complete_command(text);
        else if (!completing->x500) /* a DN begins with its end */
                complete_path(completing, text);
        rl_completion_append_character = first ? ' ' : '\0';
        return candidates.ninl_len ? rl_completion_matches(text, candidate) : NULL;
}

/* -- history
 * -------------------------------------------------------------------------------------------------- */

/* The file's path, its folder made; NULL: nowhere to keep it. The caller frees it. */
static char *history_file(void)
{
        const char *state = secure_getenv("XDG_STATE_HOME"), *home = secure_getenv("HOME");
        char *path = NULL;
        const bool own = state && state[0] == '/';
        if (!own && !(home && home[0] == '/'))
                return NULL;
        if (asprintf(&path, "%s%s/netinfo/nicl_history", own ? state : home, own ? "" : "/.local/state") < 0)
                return NULL;
        for (char *p = path + 1; (p = strchr(p, '/')); p++) {
                *p = '\0';
                mkdir(path, 0700); /* what is there stays; what cannot be made is noticed when writing */
                *p = '/';
        }
        return path;
}

static bool is_secret(const char *line)
{
        line += strspn(line, " \t-");
        const size_t n = strcspn(line, " \t");
        return (n == 4 && memcmp(line, "auth", 4) == 0) || (n == 2 && memcmp(line, "su", 2) == 0);
}

static void prompt(struct nicl *n, struct buf *to)
{
        const char *term = getenv("TERM");
        const bool bold = n->bold && term && strcasecmp(term, "vt100") == 0;
        ni_name path = nicl_path_of(n, n->current);
        buf_clear(to);
        if (bold)
                buf_puts(to, "\001\033[1m\002");
        for (const char *p = path; *p; p++) /* names come from the server: no control bytes to a terminal */
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        buf_printf(to, "\\x%02X", (unsigned)(unsigned char)*p);
                else
                        buf_putc(to, *p);
        if (bold)
                buf_puts(to, "\001\033[0m\002");
        buf_puts(to, " > ");
        buf_putc(to, '\0');
        ni_name_free(&path);
}

static void edit_lines(struct nicl *n)
{
        struct buf text;
        char *file = history_file(), *line = NULL;
        completing = n;
        rl_readline_name = "nicl";
        rl_initialize();
        rl_attempted_completion_function = complete;
        rl_completer_word_break_characters = (char[]){" \t"};
        using_history();
        stifle_history(HISTORY_MOST);
        if (file)
                read_history(file);
        buf_init(&text, 0);
        while (!n->leave) {
                prompt(n, &text);
                line = readline(text.failed ? "> " : (const char *)text.data);
                if (!line)
                        break;
                if (*line && !is_secret(line))
                        add_history(line);
                one_line(n, line);
                explicit_bzero(line, strlen(line)); /* `auth` lines hold a password */
                free(line);
        }
        if (!line)
                putchar('\n');
        if (file) {
                const mode_t mask = umask(077);
                write_history(file);
                umask(mask);
        }
        puts("Goodbye");
        buf_done(&text);
        ni_namelist_free(&candidates);
        free(file);
}

void nicl_interact(struct nicl *n)
{
        if (!n->quiet && isatty(STDIN_FILENO) == 1)
                edit_lines(n);
        else
                nicl_read_lines(n, stdin);
}
