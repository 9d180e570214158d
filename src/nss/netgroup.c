/* netgroup: doc/resolution.md 11.1. The C library follows nested names, and decides what matches. */
#include "nss/map.h"

#include <string.h>
#include <sys/mman.h>

/* The C library has it in a header of its own; what stands here is ours to keep between the calls. Several of
 * them may be under way in one thread: innetgr in the middle of an enumeration. */
struct __netgrent {
        enum { TRIPLE, GROUP } type;
        union {
                struct {
                        const char *host, *user, *domain; /* NULL: any */
                } triple;
                const char *group;
        } val;
        char *data;
        size_t data_size;
        union {
                char *cursor;
                unsigned long position;
        } insertedname;
        int first;
        void *known_groups, *needed_groups, *nip; /* not ours */
};

NSS_DOOR nss_setnetgrent _nss_netinfo_setnetgrent;
NSS_DOOR nss_endnetgrent _nss_netinfo_endnetgrent;
NSS_DOOR nss_getnetgrent_r _nss_netinfo_getnetgrent_r;

/* A copy of the record on pages of its own (a guest does not allocate from the host's heap), so that an
 * enumeration does not notice new generations. `data` points to it. */
struct copy {
        uint32_t triples, groups; /* still to come */
        char *at, *end;
        char text[];
};

static void drop(struct __netgrent *g)
{
        const int saved = errno;
        if (g->data)
                munmap(g->data, g->data_size);
        g->data = NULL;
        g->data_size = 0;
        errno = saved;
}

/* The next string of the copy; NULL: it is damaged. */
static char *next(struct copy *c)
{
        char *const s = c->at, *const nul = s < c->end ? memchr(s, '\0', (size_t)(c->end - s)) : NULL;
        if (nul)
                c->at = nul + 1;
        return nul ? s : NULL;
}

static enum nss_status answer(const struct snap_map_view *v, void *question, int *errnop)
{
        struct __netgrent *g = question;
        const size_t size = sizeof(struct copy) + v->text_len;
        const int saved = errno;
        drop(g); /* of a turn that was not good */
        struct copy *c = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (c == MAP_FAILED) {
                const enum nss_status status = nss_says(NSS_STATUS_UNAVAIL, errno, errnop);
                errno = saved;
                return status;
        }
        g->data = (char *)c;
        g->data_size = size;
        memcpy(c->text, v->text, v->text_len);
        *c = (struct copy){v->first / 3, v->second, c->text, c->text + v->text_len};
        if (v->first % 3 || !next(c) || !next(c))
                return nss_not_found(SNAP_DAMAGED, errnop);
        return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_netinfo_setnetgrent(const char *group, struct __netgrent *result)
{
        int error;
        const struct nss_key key = nss_key_name(group);
        result->data = NULL; /* the C library ends what it began */
        result->data_size = 0;
        result->first = 1;
        const enum nss_status status = nss_ask(SNAP_NETGROUP, &key, answer, result, &error);
        if (status != NSS_STATUS_SUCCESS)
                drop(result);
        return status;
}

enum nss_status _nss_netinfo_endnetgrent(struct __netgrent *result)
{
        drop(result);
        return NSS_STATUS_SUCCESS;
}

/* Copies the next n strings behind each other into the buffer; the copy c goes on only when they fit. */
static enum nss_status take(struct copy *c, unsigned n, const char **strings, char *buffer, size_t buflen,
                            int *errnop)
{
        char *const before = c->at;
        for (unsigned i = 0; i < n; i++) {
                const char *s = next(c);
                if (!s)
                        return nss_not_found(SNAP_DAMAGED, errnop);
                const size_t size = strlen(s) + 1;
                if (size > buflen) {
                        c->at = before;
                        return nss_too_small(errnop);
                }
                memcpy(buffer, s, size);
                strings[i] = size > 1 ? buffer : NULL;
                buffer += size;
                buflen -= size;
        }
        return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_netinfo_getnetgrent_r(struct __netgrent *result, char *buffer, size_t buflen,
                                           int *errnop)
{
        struct copy *c = (struct copy *)(void *)result->data;
        const char *strings[3];
        if (!c)
                return nss_says(NSS_STATUS_UNAVAIL, ENOENT, errnop);
        if (!c->triples && !c->groups) /* RETURN: no other source shall add to this netgroup */
                return result->first ? nss_says(NSS_STATUS_NOTFOUND, ENOENT, errnop) : NSS_STATUS_RETURN;
        const enum nss_status status = take(c, c->triples ? 3 : 1, strings, buffer, buflen, errnop);
        if (status != NSS_STATUS_SUCCESS)
                return status;
        if (c->triples) {
                c->triples--;
                result->type = TRIPLE;
                result->val.triple.host = strings[0];
                result->val.triple.user = strings[1];
                result->val.triple.domain = strings[2];
        } else {
                c->groups--;
                result->type = GROUP;
                result->val.group = strings[0];
        }
        result->first = 0;
        return NSS_STATUS_SUCCESS;
}
