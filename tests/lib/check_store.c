/* check-store FOLDER: the whole check of a domain's store, for tests. Exit status 1 with the problems on
 * stdout. */
#include "store/store.h"

#include <stdio.h>

static void say(void *context, const char *problem)
{
        (void)context;
        puts(problem);
}

int main(int argc, char **argv)
{
        const struct store_options o = {.read_only = true};
        struct store_check_report report = {0};
        struct store_why why = {{0}};
        struct store *s;
        struct store_txn *t;
        if (argc != 2 || store_open(argv[1], &o, &s, &why) != NI_OK) {
                printf("%s\n", argc == 2 ? why.text : "usage: check-store FOLDER");
                return 2;
        }
        enum ni_status st = store_reader_new(s, &t);
        if (st == NI_OK)
                st = store_read_begin(t);
        if (st == NI_OK)
                st = store_check(t, &report, say, NULL);
        printf("status %d, %llu directories, %llu journal entries, %llu problems\n", (int)st,
               (unsigned long long)report.directories, (unsigned long long)report.journal_entries,
               (unsigned long long)report.problems);
        store_read_end(t);
        store_reader_free(t);
        store_close(s);
        return st != NI_OK || report.problems || report.directories == 0;
}
