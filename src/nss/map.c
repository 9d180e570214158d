#include "nss/map.h"

#include <stdalign.h>
#include <string.h>

/* -- keys */
static struct nss_key key_of(char space, const void *bytes, size_t len)
{
        struct nss_key k;
        k.bytes[0] = (uint8_t)space;
        k.len = 1;
        nss_key_add(&k, bytes, len);
        return k;
}

void nss_key_add(struct nss_key *k, const char *text, size_t len)
{
        if (k->len == 0 || len > sizeof(k->bytes) - k->len) {
                k->len = 0;
                return;
        }
        memcpy(k->bytes + k->len, text, len);
        k->len += len;
}

struct nss_key nss_key_name(const char *name)
{
        return key_of(SNAP_KEY_NAME, name, strlen(name));
}

struct nss_key nss_key_folded(const char *name, bool host)
{
        size_t len = strlen(name);
        if (host && len > 1 && name[len - 1] == '.')
                len--;
        struct nss_key k = key_of(SNAP_KEY_NAME, name, len);
        for (size_t i = 1; i < k.len; i++)
                if (k.bytes[i] >= 'A' && k.bytes[i] <= 'Z')
                        k.bytes[i] = (uint8_t)(k.bytes[i] - 'A' + 'a');
        return k;
}

struct nss_key nss_key_number(uint32_t number)
{
        const uint8_t bytes[] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                                 (uint8_t)number};
        return key_of(SNAP_KEY_NUMBER, bytes, sizeof(bytes));
}

struct nss_key nss_key_address(const void *address, size_t len)
{
        return key_of(SNAP_KEY_ADDRESS, address, len);
}

/* -- copies */
void *nss_take(struct nss_room *room, uint64_t n, size_t align)
{
        const size_t gap = (size_t)(-(uintptr_t)room->at & (align - 1));
        if (gap > room->left || n > room->left - gap)
                return NULL;
        char *const p = room->at + gap;
        room->at = p + n;
        room->left -= gap + (size_t)n;
        return p;
}

/* One string of the copy; NULL: it does not end before `end`. */
static char *next_string(char **at, const char *end)
{
        char *const s = *at, *const nul = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;
        if (nul)
                *at = nul + 1;
        return nul ? s : NULL;
}

static bool next_list(char **list, uint32_t n, char **at, const char *end)
{
        for (uint32_t i = 0; i < n; i++)
                if (!(list[i] = next_string(at, end)))
                        return false;
        list[n] = NULL;
        return true;
}

enum nss_status nss_copy(struct nss_room *room, const struct snap_map_view *v, struct nss_strings *ret,
                         int *errnop)
{
        ret->first = nss_take(room, (v->first + 1ull) * sizeof(char *), alignof(char *));
        ret->second =
                ret->first ? nss_take(room, (v->second + 1ull) * sizeof(char *), alignof(char *)) : NULL;
        char *const text = ret->second ? nss_take(room, v->text_len, 1) : NULL;
        if (!text)
                return nss_too_small(errnop);
        memcpy(text, v->text, v->text_len);
        char *at = text;
        const char *const end = text + v->text_len;
        if (!(ret->name = next_string(&at, end)) || !(ret->extra = next_string(&at, end)) ||
            !next_list(ret->first, v->first, &at, end) || !next_list(ret->second, v->second, &at, end) ||
            at != end)
                return nss_not_found(SNAP_DAMAGED, errnop);
        return NSS_STATUS_SUCCESS;
}

/* -- asking */
enum nss_status nss_ask(enum snap_kind kind, const struct nss_key *key, nss_answer *answer, void *question,
                        int *errnop)
{
        for (unsigned turn = 0; turn < SNAP_TURNS; turn++) {
                struct snap_pin pin;
                struct snap_map_view v;
                const int err = snap_pin(kind, SNAP_NEEDS_NAMES, &pin);
                if (err)
                        return nss_no_image(err, errnop);
                const enum snap_result found =
                        key->len > 1 ? snap_map_by_key(&pin.image, key->bytes, key->len, &v) : SNAP_ABSENT;
                const enum nss_status status =
                        found == SNAP_FOUND ? answer(&v, question, errnop) : nss_not_found(found, errnop);
                if (snap_stands(&pin))
                        return status;
        }
        return nss_too_busy(errnop);
}

enum nss_status nss_next(enum snap_kind kind, nss_answer *answer, void *question, int *errnop)
{
        struct nss_walk *w = nss_walk(kind, errnop);
        if (!w)
                return NSS_STATUS_UNAVAIL;
        for (;; w->position++) {
                struct snap_map_view v;
                const enum snap_result found =
                        w->position > UINT32_MAX
                                ? SNAP_ABSENT
                                : snap_map_listed(&w->own.pair.base, (uint32_t)w->position, &v);
                if (found != SNAP_FOUND)
                        return nss_not_found(found, errnop);
                const enum nss_status status = answer(&v, question, errnop);
                if (status == NSS_STATUS_SUCCESS)
                        w->position++;
                if (status != NSS_STATUS_NOTFOUND)
                        return status;
        }
}
