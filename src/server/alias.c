#include "server/alias.h"

bool alias_matches(struct bytes value, uint32_t client)
{
        size_t at = bytes_find(value, '/');
        uint32_t addr, mask;
        if (at == value.len)
                at = bytes_find(value, '&');
        return ipv4_parse(bytes_sub(value, 0, at), &addr) &&
               ipv4_parse(bytes_sub(value, at + 1, value.len), &mask) && (client & mask) == addr;
}

static bool is_alias(struct domain *d, unsigned slot, struct bytes tag, uint32_t client, struct arena *a)
{
        const struct caller nobody = {0};
        const struct dir_policy policy = {0};
        struct namelist addrs = {0};
        bool present, is = false;
        struct dir_request rq = {
                .txn = domain_read_begin(d, slot), .caller = &nobody, .policy = &policy, .arena = a};
        if (!rq.txn)
                return false;
        if (bytes_eq(dir_root_option(&rq, "alias_name", NULL, &present), tag)) {
                dir_root_option(&rq, "alias_addrs", &addrs, &present);
                for (uint32_t i = 0; i < addrs.n && !is; i++)
                        is = alias_matches(addrs.v[i], client);
        }
        domain_read_end(d, slot);
        return is;
}

/* In the order of tags, as LISTREG shows them. */
struct domain *alias_find(struct registry *r, unsigned slot, struct bytes tag, uint32_t client,
                          struct arena *a)
{
        struct domain *all[LIMIT_DOMAINS], *found = NULL;
        pthread_rwlock_rdlock(&r->lock);
        const unsigned n = r->domains;
        for (unsigned i = 0; i < n; i++)
                all[i] = domain_hold(r->domain[i]);
        pthread_rwlock_unlock(&r->lock);
        for (unsigned i = 0; i < n; i++) {
                if (!found && tag.len && is_alias(all[i], slot, tag, client, a))
                        found = all[i];
                else
                        domain_release(all[i]);
        }
        return found;
}
