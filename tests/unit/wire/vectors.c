#include "vectors.h"

#include "xdr/cursor.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#ifndef DOC_FOLDER
#define DOC_FOLDER "doc"
#endif

struct dump {
        unsigned number;
        char label[128];
        struct buf data;
};

static struct dump *dumps;
static unsigned count;

static int digit(int c)
{
        return isdigit(c) ? c - '0' : c - 'a' + 10;
}

/* "0040  00000001 ...": true, and the bytes are appended. */
static bool hex_line(const char *line, struct buf *out)
{
        for (int i = 0; i < 4; i++)
                if (!isxdigit((unsigned char)line[i]))
                        return false;
        if (line[4] != ' ' || line[5] != ' ')
                return false;
        for (const char *p = line + 6; *p && *p != '\n'; p++) {
                if (*p == ' ')
                        continue;
                if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1]))
                        return false;
                buf_putc(out, (char)(digit(p[0]) << 4 | digit(p[1])));
                p++;
        }
        return true;
}

static void finish(struct dump *d)
{
        const char *paren = strrchr(d->label, '(');
        if (!paren || strtoul(paren + 1, NULL, 10) != d->data.len) {
                fprintf(stderr, "vector %u, %s: %zu bytes found\n", d->number, d->label, d->data.len);
                exit(1);
        }
        count++;
}

static void add(FILE *f)
{
        char line[512], label[128] = "";
        unsigned number = 0;
        bool inside = false;
        while (fgets(line, sizeof(line), f)) {
                dumps = realloc(dumps, (count + 1) * sizeof(*dumps));
                if (!dumps)
                        exit(1);
                struct buf bytes;
                buf_init(&bytes, 0);
                if (number && hex_line(line, &bytes)) {
                        if (!inside) {
                                dumps[count] = (struct dump){.number = number};
                                memcpy(dumps[count].label, label, sizeof(label));
                        }
                        inside = true;
                        buf_put(&dumps[count].data, buf_bytes(&bytes));
                        buf_done(&bytes);
                        continue;
                }
                buf_done(&bytes);
                if (inside)
                        finish(&dumps[count]);
                inside = false;
                sscanf(line, "== %u", &number);
                snprintf(label, sizeof(label), "%.*s", (int)sizeof(label) - 1, line);
        }
}

void vectors_load(const char *name)
{
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", DOC_FOLDER, name);
        FILE *f = fopen(path, "r");
        if (!f) {
                perror(path);
                exit(1);
        }
        add(f);
        fclose(f);
}

void vectors_free(void)
{
        for (unsigned i = 0; i < count; i++)
                buf_done(&dumps[i].data);
        free(dumps);
        dumps = NULL;
        count = 0;
}

unsigned vectors_count(void)
{
        return count;
}

struct bytes vector(unsigned number, const char *label)
{
        for (unsigned i = 0; i < count; i++)
                if (dumps[i].number == number && strncmp(dumps[i].label, label, strlen(label)) == 0)
                        return buf_bytes(&dumps[i].data);
        fail_msg("the document has no vector %u '%s'", number, label);
        return BYTES_NONE;
}

struct bytes vector_tcp(unsigned number, const char *label)
{
        const struct bytes v = vector(number, label);
        assert_true(v.len >= 4);
        assert_int_equal(xdr_load(v.data), 0x80000000u | (uint32_t)(v.len - 4));
        return bytes_sub(v, 4, v.len);
}
