/* damage-store FOLDER: another instance for directory 1, under the same sequence number, as no server would
 * do it: what only a digest can find. */
#include "store/store.h"

#include <stdio.h>

int main(int argc, char **argv)
{
        const struct store_options o = {0};
        struct store_why why = {{0}};
        struct store_node n;
        struct store_txn *t;
        struct store *s;
        if (argc != 2 || store_open(argv[1], &o, &s, &why) != NI_OK) {
                printf("%s\n", argc == 2 ? why.text : "usage: damage-store FOLDER");
                return 2;
        }
        enum ni_status st = store_write_begin(s, &t);
        if (st == NI_OK)
                st = store_get(t, 1, &n);
        n.id.instance += 1000;
        if (st == NI_OK)
                st = store_replay_node(t, &n);
        if (st == NI_OK)
                st = store_commit(t, NULL);
        store_close(s);
        return st != NI_OK;
}
