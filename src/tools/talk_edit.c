#include "tools/talk_edit.h"

#include "model/access.h"
#include "model/status.h"
#include "sys/fs.h"
#include "sys/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Splits at the first unescaped '='; *ret_value is NULL without one. */
static struct bytes split_key(struct talk *t, const char *word, const char **ret_value)
{
        uint8_t *key = arena_alloc(&t->arena, strlen(word) + 1);
        size_t n = 0;
        *ret_value = NULL;
        if (!key)
                return BYTES_NONE;
        for (const char *p = word; *p; p++) {
                if (*p == '=') {
                        *ret_value = p + 1;
                        break;
                }
                if (*p == '\\' && p[1])
                        p++;
                key[n++] = (uint8_t)*p;
        }
        return bytes_of(key, n);
}

static bool add_value(struct talk *t, struct proplist *l, struct bytes key, struct bytes value)
{
        struct property *p = proplist_get(l, key);
        if (value.len > NI_NAME_MAX || key.len > NI_NAME_MAX || bytes_find(value, 0) != value.len) {
                talk_usage(t, "%.*s: a name or value has at most 65535 bytes, and no NUL among them",
                           BYTES_FMT(bytes_sub(key, 0, 100)));
                return false;
        }
        if (!p) {
                if (proplist_add(l, &t->arena, key, &value, 1))
                        return true;
        } else if (p->values.n < NI_VALUES_MAX) {
                struct bytes *v = arena_zalloc(&t->arena, (size_t)p->values.n + 1, sizeof(*v));
                if (v) {
                        if (p->values.n)
                                memcpy(v, p->values.v, p->values.n * sizeof(*v));
                        v[p->values.n] = value;
                        p->values = (struct namelist){v, p->values.n + 1};
                        return true;
                }
        }
        talk_error(t, EXIT_FAILED, NULL, "too many values", NULL);
        return false;
}

/* Words that stand in for a password without being one. */
static bool is_no_secret(const char *value)
{
        static const char *const words[] = {"", "*", "!", "!!", "!*", "x", "*LK*", "*NP*"};
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (strcmp(value, words[i]) == 0)
                        return true;
        return false;
}

bool edit_word(struct talk *t, struct proplist *l, const char *word)
{
        const char *value;
        const struct bytes key = split_key(t, word, &value);
        if (key.len == 0) {
                talk_usage(t, "`%s` is no property: write key=value", word);
                return false;
        }
        if (!value)
                return proplist_get(l, key) || proplist_add(l, &t->arena, key, NULL, 0);
        if (access_secret(key) && !is_no_secret(value)) {
                const char *way_out =
                        arena_printf(&t->arena, "give it in a file: --file %.*s=FILE (- is standard input)",
                                     BYTES_FMT(key));
                talk_error(t, EXIT_USAGE, arena_str(&t->arena, key),
                           "a secret on the command line is there for every user of this machine to read",
                           way_out);
                return false;
        }
        return add_value(t, l, key, bytes_str(value));
}

/* All of standard input, at most one byte more than a value may have. 0 or errno. */
static int read_input(struct buf *to)
{
        uint8_t *space = buf_add(to, NI_NAME_MAX + 2);
        size_t have = 0;
        if (!space)
                return ENOMEM;
        for (ssize_t n = 1; n != 0 && have < to->len;) {
                n = read(STDIN_FILENO, space + have, to->len - have);
                if (n > 0)
                        have += (size_t)n;
                else if (n < 0 && errno != EINTR)
                        return errno;
        }
        buf_truncate(to, have);
        return 0;
}

/* Whole content of a file or of standard input without its last newline, into the arena. 0 or errno. */
static int slurp(struct talk *t, const char *file, struct bytes *ret)
{
        struct buf content;
        buf_init(&content, 0);
        const int error =
                strcmp(file, "-") == 0 ? read_input(&content) : fs_read(file, NI_NAME_MAX + 1, &content);
        if (!error) {
                struct bytes b = buf_bytes(&content);
                if (b.len && b.data[b.len - 1] == '\n')
                        b.len--;
                *ret = arena_bytes(&t->arena, b);
        }
        if (content.data)
                explicit_bzero(content.data, content.cap);
        buf_done(&content);
        return error;
}

bool edit_file(struct talk *t, struct proplist *l, const char *word)
{
        const char *file;
        struct bytes value;
        const struct bytes key = split_key(t, word, &file);
        if (key.len == 0 || !file || !*file) {
                talk_usage(t, "--file %s: write KEY=FILE", word);
                return false;
        }
        const int error = slurp(t, file, &value);
        if (error) {
                talk_error(t, EXIT_FAILED, file, strerror(error),
                           error == EFBIG ? "a value has at most 65535 bytes" : NULL);
                return false;
        }
        return add_value(t, l, key, value);
}

bool edit_words(struct talk *t, struct proplist *l, int from)
{
        for (int i = from; i < t->operands; i++)
                if (!edit_word(t, l, t->operand[i]))
                        return false;
        return true;
}

static void note_answer(struct talk *t, enum ni_status status, const struct ext_edit_result *r)
{
        if (status != NI_OK)
                talk_status(t, status, NULL, status == NI_BADOP ? "use niutil for historical servers" : NULL);
        else if (r->status == NI_OK && r->seq > t->written)
                t->written = r->seq;
}

bool edit_send(struct talk *t, const char *what, struct ext_op *ops, uint32_t n, struct ext_edit_result *ret)
{
        const struct ext_edit_args args = {.what = bytes_str(what), .ops = ops, .op_count = n};
        const enum ni_status status = client_edit(t->client, &args, ret);
        note_answer(t, status, ret);
        return status == NI_OK;
}

bool edit_ahead(struct talk *t, const char *what, struct ext_op *ops, uint32_t n, uint32_t *ret_ticket)
{
        const struct ext_edit_args args = {.what = bytes_str(what), .ops = ops, .op_count = n};
        const enum ni_status status = client_edit_ahead(t->client, &args, ret_ticket);
        if (status != NI_OK)
                talk_status(t, status, NULL, NULL);
        return status == NI_OK;
}

bool edit_answer(struct talk *t, uint32_t *ret_ticket, struct ext_edit_result *ret)
{
        const enum ni_status status = client_edit_answer(t->client, ret_ticket, ret);
        note_answer(t, status, ret);
        return status == NI_OK;
}

void edit_refused(struct talk *t, uint32_t status, const char *thing, const char *exists)
{
        switch (status) {
        case EXT_ASSERTION:
                talk_error(t, EXIT_CONFLICT, thing, "exists already", exists);
                return;
        case EXT_UNKNOWN_OUTCOME:
                talk_error(t, EXIT_FAILED, thing,
                           "the server's store failed in the middle: the change may or may not stand",
                           "look before you repeat it (`ni log -1`), and see the server's log");
                return;
        case NI_NOTEMPTY:
                talk_error(t, status_exit(NI_NOTEMPTY), thing, "has children", "use -r to remove them too");
                return;
        default:
                talk_status(t, (enum ni_status)status, thing, NULL);
        }
}

bool edit_again(uint32_t status, int round)
{
        if (status != NI_STALE || round + 1 >= EDIT_TRIES)
                return false;
        /* Many writers that all lost one round must not meet again in the next: 0 to 4 ms per round, at most
         * 64 ms. */
        const uint32_t most = 4000000u * (round < 16 ? (uint32_t)round : 16u);
        const struct timespec pause = {0, most ? (long)(random_u32() % most) : 0};
        nanosleep(&pause, NULL);
        return true;
}
