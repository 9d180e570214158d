/* Build tool: makes the port table out of the files of data/ports/ (doc/port-table.md 4).
 *   mktable -o OUT --sources FILE [--editions KEY=FILE]... [--claims [KEY=]FILE]... */
#include "portdb/import.h"

#include "base/limits.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static bool refuse(const char *file, const struct port_problem *why)
{
        if (why->line)
                fprintf(stderr, "mktable: %s:%zu: %s\n", file, why->line, why->reason);
        else
                fprintf(stderr, "mktable: %s: %s\n", file, why->reason);
        return false;
}

static bool take(struct port_set *set, const char *option, char *argument)
{
        struct port_problem why = {.reason = ""};
        struct buf content;
        char *equals = strchr(argument, '=');
        const char *key = equals ? argument : NULL, *file = equals ? equals + 1 : argument;
        if (equals)
                *equals = 0;
        buf_init(&content, LIMIT_PORT_FILE);
        const int err = fs_read(file, LIMIT_PORT_FILE, &content);
        bool ok = false;
        if (err)
                snprintf(why.reason, sizeof(why.reason), "%s", strerror(err));
        else if (strcmp(option, "--sources") == 0)
                ok = port_read_sources(buf_bytes(&content), set, &why);
        else if (strcmp(option, "--editions") == 0 && key)
                ok = port_read_editions(buf_bytes(&content), set, key, &why);
        else if (strcmp(option, "--claims") == 0)
                ok = port_read_claims(buf_bytes(&content), set, key, &why);
        else
                snprintf(why.reason, sizeof(why.reason), "unknown option %s", option);
        buf_done(&content);
        return ok || refuse(file, &why);
}

static bool write_table(struct port_set *set, const char *out)
{
        struct port_table t;
        struct buf image;
        const char *why = "does not fit the format";
        buf_init(&image, LIMIT_PORT_FILE);
        bool ok = port_set_image(set, &image) && port_table_read(buf_bytes(&image), &t, &why) &&
                  port_table_verify(&t, &why);
        if (ok) {
                FILE *f = fopen(out, "wb");
                ok = f && fwrite(image.data, 1, image.len, f) == image.len;
                ok = f && fclose(f) == 0 && ok;
                why = strerror(errno);
        }
        if (!ok)
                fprintf(stderr, "mktable: %s: %s\n", out, why);
        buf_done(&image);
        return ok;
}

int main(int argc, char **argv)
{
        struct port_set set;
        const char *out = NULL;
        bool ok = argc > 1 && argc % 2 == 1;
        port_set_init(&set);
        for (int i = 1; ok && i + 1 < argc; i += 2) {
                if (strcmp(argv[i], "-o") == 0)
                        out = argv[i + 1];
                else
                        ok = take(&set, argv[i], argv[i + 1]);
        }
        if (ok && !out) {
                fprintf(stderr, "mktable: -o names no output\n");
                ok = false;
        }
        ok = ok && write_table(&set, out);
        port_set_done(&set);
        return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
