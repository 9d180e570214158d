#include "tools/talk.h"

#include "base/text.h"
#include "model/path.h"
#include "model/status.h"

#include <stdio.h>

#define SUGGEST_MOST 20000u /* children looked at for "did you mean"; more would be felt as a pause */

/* The path up to and without step n, as text. */
static void put_steps(struct buf *out, const struct path *p, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                path_put_step(out, p->step[i].key, p->step[i].value);
        if (n == 0)
                buf_putc(out, '/');
}

/* The names of a directory's children as a NULL-terminated list; NULL when that fails. */
static const char **names_below(struct talk *t, const char *parent)
{
        struct ni_args args = {.value = BYTES_LIT("name")};
        struct ni_result list;
        struct client_why why;
        if (client_path(t->client, parent, &args.id, NULL, &why) != NI_OK ||
            client_ni(t->client, NI_PROC_list, &args, &list) != NI_OK || list.status != NI_OK)
                return NULL;
        const uint32_t most = list.entry_count < SUGGEST_MOST ? list.entry_count : SUGGEST_MOST;
        const char **names = arena_zalloc(&t->arena, (size_t)most + 1, sizeof(*names));
        for (uint32_t i = 0, n = 0; names && i < most; i++)
                if (list.entries[i].names.n)
                        names[n++] = arena_str(&t->arena, list.entries[i].names.v[0]);
        return t->arena.failed ? NULL : names;
}

void talk_no_directory(struct talk *t, const char *path, uint32_t step)
{
        struct path p;
        const char *reason;
        struct buf parent, words;
        if (!path_parse(bytes_str(path), &t->arena, &p, &reason) || p.numeric || step >= p.n) {
                talk_error(t, EXIT_NOT_FOUND, path, status_text(NI_NODIR), NULL);
                return;
        }
        buf_init(&parent, 0);
        buf_init(&words, 0);
        put_steps(&parent, &p, step);
        buf_putc(&parent, '\0');
        const char *folder = (const char *)parent.data;
        const char *wrong = arena_str(&t->arena, p.step[step].value);
        const char **names = bytes_eq_str(p.step[step].key, "name") ? names_below(t, folder) : NULL;
        const char *near = names && wrong ? text_suggest(wrong, names) : NULL;
        if (near) {
                buf_puts(&words, "did you mean ");
                if (step)
                        buf_puts(&words, folder);
                path_put_step(&words, BYTES_LIT("name"), bytes_str(near));
                buf_puts(&words, "?");
        } else {
                buf_printf(&words, "`ni ls %s` shows what is there", folder);
        }
        buf_putc(&words, '\0');
        talk_error(t, EXIT_NOT_FOUND, path, status_text(NI_NODIR),
                   words.failed ? NULL : (const char *)words.data);
        buf_done(&parent);
        buf_done(&words);
}

bool talk_path(struct talk *t, const char *path, struct ni_id *ret)
{
        struct client_why why;
        uint32_t step = 0;
        const enum ni_status status = client_path(t->client, path, ret, &step, &why);
        if (status == NI_NODIR)
                talk_no_directory(t, path, step);
        else if (status == NI_BADID)
                talk_error(t, EXIT_USAGE, NULL, why.text, NULL);
        else if (status != NI_OK)
                talk_status(t, status, path, NULL);
        return status == NI_OK;
}

bool talk_read(struct talk *t, enum ni_proc proc, const struct ni_args *args, struct ni_result *ret,
               const char *thing)
{
        enum ni_status status = client_ni(t->client, proc, args, ret);
        if (status == NI_OK)
                status = ret->status;
        if (status != NI_OK)
                talk_status(t, status, thing, NULL);
        return status == NI_OK;
}
