/* Whole images made by a process of their own, while this one goes on publishing (doc/agent.md "Publishing").
 * It is a copy of this process as of one moment, so it needs no lock and disturbs nobody: it merges, writes
 * the images aside, looks every key up, forces them to the disk, tells what it did in memory that both have,
 * and ends. */
#include "agent/publish-internal.h"

#include "sys/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* One image, or, as a table counts once for both, passwd and shadow one after the other; each is given back
 * before the next one is made, so that never more than one is in memory. */
static int make_one(const struct publish_what *w, const struct merge_rules *r,
                    const struct snap_publication *like, unsigned kind, struct publish_told *told)
{
        struct job *j = calloc(1, sizeof(*j));
        struct snap_publication p = *like;
        struct snap_report said;
        char path[4096 + 64];
        if (!j)
                return ENOMEM;
        arena_init(&j->arena, LIMIT_ARENA);
        j->folder = *w->config->state ? w->config->state : *w->config->durable ? w->config->durable : NULL;
        j->whole = kind < SNAP_ACCOUNTS ? 1u << kind : 0;
        int err = kind < SNAP_ACCOUNTS ? publish_from_tables(w, r, j, &told->users, &told->groups)
                                       : publish_maps(w->domains, w->n, r, 1u << kind, j);
        if (!err && publish_is_lost(w))
                err = EIO;
        if (!err) {
                p.map[kind] = j->map[kind];
                err = snap_prepare(&p, &said);
                snprintf(told->trouble, sizeof(told->trouble), "%s", said.what);
        }
        if (!err && kind < SNAP_ACCOUNTS &&
            snap_aside_path(path, sizeof(path), p.folder, (enum snap_kind)kind))
                publish_base_take(&told->base[kind], path, kind, j);
        told->left_out[kind] = j->left_out[kind];
        memcpy(told->first_left_out[kind], j->first_left_out[kind], sizeof(told->first_left_out[kind]));
        publish_job_done(j);
        free(j);
        return err;
}

static void make_all(const struct publish_what *w, const struct merge_rules *r,
                     const struct snap_publication *like, unsigned images, struct publish_told *told)
{
        for (unsigned k = 0; !told->error && k < SNAP_KINDS; k++)
                if (images & 1u << k)
                        told->error = make_one(w, r, like, k, told);
        __atomic_store_n(&told->done, true, __ATOMIC_RELEASE);
}

bool publish_beside_begin(struct publisher *p, const struct publish_what *w, const struct merge_rules *r,
                          unsigned images, struct publish_report *report)
{
        struct publish_beside *b = &p->beside;
        const struct snap_publication like = publish_publication(w->config, report);
        struct publish_told *told =
                mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (told == MAP_FAILED)
                return false;
        *b = (struct publish_beside){
                .busy = true, .fd = -1, .images = images, .today = w->today, .told = told};
        snprintf(b->folder[0], sizeof(b->folder[0]), "%s", like.folder);
        snprintf(b->folder[1], sizeof(b->folder[1]), "%s", like.durable ? like.durable : "");
        for (unsigned i = 0; i < 2; i++)
                if (b->folder[i][0]) {
                        snap_discard(b->folder[i]);
                        snap_sweep(b->folder[i], like.quarantine_s);
                }
        publish_count(w, images, table_mark);
        /* Nobody waits for what is made in a quiet moment. */
        const int pid = process_beside(w->whole, &b->fd);
        if (pid == 0) {
                make_all(w, r, &like, images, told);
                process_leave(0);
        }
        b->pid = pid;
        if (pid > 0)
                return true;
        b->pid = 0;
        publisher_abort(p);
        return false;
}

int publish_beside_end(struct publisher *p, struct publish_report *ret_report)
{
        struct publish_beside *b = &p->beside;
        const int status = b->pid ? process_reap(b->pid) : -1;
        b->pid = 0;
        if (status != 0 || !b->told || !__atomic_load_n(&b->told->done, __ATOMIC_ACQUIRE)) {
                snprintf(ret_report->trouble, sizeof(ret_report->trouble),
                         "the process that made whole images ended before it was done (status %d)", status);
                return ECHILD;
        }
        snprintf(ret_report->trouble, sizeof(ret_report->trouble), "%s", b->told->trouble);
        return b->told->error;
}

void publisher_abort(struct publisher *p)
{
        struct publish_beside *b = &p->beside;
        if (b->pid)
                process_kill(b->pid);
        if (b->fd >= 0)
                process_forget(b->fd);
        if (b->told)
                munmap(b->told, sizeof(*b->told));
        for (unsigned i = 0; i < 2; i++)
                if (b->folder[i][0])
                        snap_discard(b->folder[i]);
        *b = (struct publish_beside){.fd = -1};
}

void publisher_give_up(struct publisher *p)
{
        if (p->beside.pid)
                process_kill(p->beside.pid);
        p->beside.pid = 0;
}

int publisher_fd(const struct publisher *p)
{
        return p->beside.fd;
}

bool publisher_is_busy(const struct publisher *p)
{
        return p->beside.busy;
}
