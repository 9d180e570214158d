/* Build aside, verify, swap: the store of a copy under way (doc/replication.md 4). */
#include "server/replica-internal.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <stdio.h>

bool replica_aside_new(struct replica *r)
{
        struct store_why why = {{0}};
        struct store_options o = r->d->options;
        o.no_sync = true;
        replica_aside_drop(r);
        if (store_create(r->aside_folder, STORE_CLONE, &o, &r->aside, &why) == NI_OK)
                return true;
        r->aside = NULL;
        replica_tell(r, "away", why.text);
        return false;
}

void replica_aside_drop(struct replica *r)
{
        store_close(r->aside);
        r->aside = NULL;
        fs_remove_tree(r->aside_folder);
}

static void say_problem(void *context, const char *problem)
{
        const struct replica *r = context;
        log_event(LOG_LEVEL_ERROR, "replica-problem", "tag=%s problem=\"%s\"", r->d->tag, problem);
}

static bool check(struct replica *r, struct follow_point *ret)
{
        struct store_check_report report = {0};
        struct store_txn *t = NULL;
        struct store_info info;
        if (store_reader_new(r->aside, &t) != NI_OK)
                return false;
        enum ni_status st = store_read_begin(t);
        if (st == NI_OK)
                st = store_check(t, &report, say_problem, r);
        if (st == NI_OK)
                st = store_get_info(t, &info);
        store_read_end(t);
        store_reader_free(t);
        if (st != NI_OK || report.problems)
                return false;
        *ret = point_of_info(&info);
        return true;
}

/* Of another moment than the master's STATUS: then it is compared when that is reached. */
static bool is_as_told(const struct follow_point *told, const struct follow_point *got)
{
        return !told || told->epoch != got->epoch || told->seq != got->seq ||
               (told->checksum == got->checksum &&
                memcmp(told->digest, got->digest, sizeof(got->digest)) == 0);
}

bool replica_aside_swap(struct replica *r, const struct follow_point *told, struct follow_point *ret)
{
        struct store_why why = {{0}};
        const bool right = r->aside && check(r, ret) && is_as_told(told, ret);
        const bool synced = right && store_sync(r->aside) == NI_OK;
        store_close(r->aside);
        r->aside = NULL;
        if (!synced)
                replica_tell(r, "away",
                             right ? "the copy cannot be forced to the disk"
                                   : "what the master sent makes no whole domain; `ni store check` there");
        const bool swapped = synced && domain_swap(r->d, r->aside_folder,
                                                   r->origin.kind == STORE_ORIGIN_FOLLOW, &why) == NI_OK;
        if (synced && !swapped)
                replica_tell(r, "away", why.text);
        fs_remove_tree(r->aside_folder);
        return swapped;
}
