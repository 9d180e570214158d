/* Handles: which servers serve a domain, which of them answers, what happens when it does not
 * (doc/protocol.md 4.9). */
#include "api/api-internal.h"

#include "base/text.h"
#include "model/status.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RETRY_FIRST 4u /* seconds of pause after a failed round; doubled up to ... (protocol.md 3.7) */
#define RETRY_MOST  64u

struct api_handle *handle_new(const struct api_server *servers, unsigned count, bool direct,
                              const struct api_handle *like)
{
        struct api_handle *h = api_alloc(1, sizeof(*h));
        pthread_mutex_init(&h->lock, NULL);
        h->servers = api_alloc(count, sizeof(*servers));
        memcpy(h->servers, servers, count * sizeof(*servers));
        h->count = count;
        h->direct = direct;
        h->uid = getuid();
        if (like) { /* user, timeouts and abort flag are inherited; password and "need write" are not (4.6) */
                h->read_timeout = like->read_timeout;
                h->write_timeout = like->write_timeout;
                atomic_init(&h->abort_on, like->abort_on);
                h->has_user = like->has_user;
                h->uid = like->uid;
                memcpy(h->user, like->user, sizeof(h->user));
                h->port = like->port;
        }
        return h;
}

void *handle_local(const struct api_local *local)
{
        const struct api_server nobody = {.tag = "local"};
        struct api_handle *h = handle_new(&nobody, 1, true, NULL);
        h->local = local;
        return h;
}

static void disconnect(struct api_handle *h)
{
        if (h->client)
                client_close(h->client);
        h->client = NULL;
}

void handle_free(struct api_handle *h)
{
        if (!h)
                return;
        disconnect(h);
        if (h->password)
                explicit_bzero(h->password, strlen(h->password));
        free(h->password);
        free(h->servers);
        pthread_mutex_destroy(&h->lock);
        free(h);
}

static unsigned ms_of(int seconds)
{
        return seconds > 0 && seconds < 1000000 ? (unsigned)seconds * 1000u : 0;
}

static void apply_settings(struct api_handle *h)
{
        client_set_timeout(h->client, ms_of(h->read_timeout), ms_of(h->write_timeout));
        client_set_credentials(h->client, h->uid, h->has_password ? h->password : NULL);
}

static bool connect_current(struct api_handle *h)
{
        const struct api_server *s = &h->servers[h->current];
        struct client_options o;
        struct client_why why;
        char where[INET_ADDRSTRLEN + 8];
        if (h->client)
                return true;
        client_options_init(&o);
        o.tag = s->tag;
        o.timeout_ms = ms_of(h->read_timeout);
        if (s->host[0]) {
                o.server = s->host;
        } else if (s->addr) {
                api_server_text(s, h->port, where, sizeof(where));
                o.server = where;
        }
        if (client_open(&o, &h->client, &why) != NI_OK) {
                h->client = NULL;
                return false;
        }
        apply_settings(h);
        return true;
}

/* How long a handle that does not abort goes on, in seconds: for ever as the historical library does, or
 * NETINFO_RETRY_SECONDS (protocol.md 9 #16). */
static uint64_t patience(void)
{
        uint64_t seconds;
        const char *text = secure_getenv("NETINFO_RETRY_SECONDS");
        return text && text_u64(bytes_str(text), 1u << 30, &seconds) ? seconds : UINT64_MAX;
}

static enum ni_status try_round(struct api_handle *h, enum ni_proc proc, const struct ni_args *args,
                                struct ni_result *ret, bool once)
{
        for (unsigned i = 0; i < (once ? 1 : h->count); i++) {
                if (connect_current(h)) {
                        const enum ni_status s = client_ni(h->client, proc, args, ret);
                        if (s == NI_OK && proc == NI_PROC_rparent && ret->status == NI_FAILED)
                                return NI_NETROOT; /* an answer of old servers, to be taken so (4.5) */
                        if (s != NI_FAILED)
                                return s == NI_OK ? ret->status : s;
                        disconnect(h);
                }
                if (!once) {
                        h->current = (h->current + 1) % h->count;
                        h->on_master = false;
                }
        }
        return NI_FAILED;
}

static bool is_write(enum ni_proc proc)
{
        enum kind { READ, WRITE, CONTROL };
        static const enum kind kinds[NI_PROC_COUNT] = {
#define X(n, name, args, result, kind, udp) [n] = kind,
                NI_PROCS(X)
#undef X
        };
        return kinds[proc] == WRITE;
}

static enum ni_status simple(struct api_handle *h, enum ni_proc proc, uint32_t object, const char *key,
                             struct bytes value, struct ni_result *ret)
{
        struct ni_args a = {.id = {object, 0}, .key = bytes_str(key), .value = value};
        return try_round(h, proc, &a, ret, false);
}

/* Makes the master current: the host part of the root's `master`, by its /machines entry (4.9). False: not to
 * be found. */
static bool find_master(struct api_handle *h)
{
        struct ni_result r;
        char host[256], address[INET_ADDRSTRLEN];
        struct in_addr in;
        if (h->direct || h->on_master || h->count == 1)
                return true;
        if (simple(h, NI_PROC_read, 0, "", BYTES_NONE, &r) != NI_OK)
                return false;
        const struct bytes master = proplist_first(&r.props, "master");
        const size_t slash = bytes_find(master, '/');
        if (slash == master.len || slash >= sizeof(host))
                return false;
        snprintf(host, sizeof(host), "%.*s", (int)slash, (const char *)master.data);
        if (simple(h, NI_PROC_lookup, 0, "name", BYTES_LIT("machines"), &r) != NI_OK || !r.object_count ||
            simple(h, NI_PROC_lookupread, r.objects[0], "name", bytes_str(host), &r) != NI_OK)
                return false;
        const struct property *p = proplist_get(&r.props, BYTES_LIT("ip_address"));
        for (uint32_t i = 0; p && i < p->values.n; i++) {
                snprintf(address, sizeof(address), "%.*s", BYTES_FMT(p->values.v[i]));
                for (unsigned k = 0; inet_pton(AF_INET, address, &in) == 1 && k < h->count; k++) {
                        if (h->servers[k].addr != ntohl(in.s_addr))
                                continue;
                        if (k != h->current)
                                disconnect(h);
                        h->current = k;
                        h->on_master = true;
                        return true;
                }
        }
        return false;
}

enum ni_status handle_call(struct api_handle *h, enum ni_proc proc, const struct ni_args *args,
                           struct ni_result *ret)
{
        const bool to_master = h->need_write || is_write(proc);
        unsigned pause = RETRY_FIRST;
        if (h->local) {
                const enum ni_status s = h->local->call(h->local->context, proc, args, ret);
                return s == NI_OK ? ret->status : s;
        }
        for (uint64_t waited = 0, most = patience();;
             waited += pause, pause = pause < RETRY_MOST ? pause * 2 : pause) {
                if (to_master && !find_master(h))
                        return NI_FAILED;
                const enum ni_status s = try_round(h, proc, args, ret, to_master || h->direct);
                if (s != NI_FAILED || is_write(proc) || h->abort_on || waited >= most)
                        return s;
                sleep(pause);
        }
}

enum ni_status edit_status(uint32_t status)
{
        const char *symbol = status_symbol((enum ni_status)status);
        return strcmp(symbol, "NI_?") == 0 ? NI_SYSTEMERR : (enum ni_status)status;
}

enum ni_status handle_edit(struct api_handle *h, const struct ext_edit_args *args,
                           struct ext_edit_result *ret)
{
        if (!h->local && (!find_master(h) || !connect_current(h)))
                return NI_FAILED;
        const enum ni_status s =
                h->local ? h->local->edit(h->local->context, args, ret) : client_edit(h->client, args, ret);
        if (s == NI_FAILED)
                disconnect(h);
        return s == NI_OK ? edit_status(ret->status) : s;
}

enum ni_status handle_edit_ahead(struct api_handle *h, const struct ext_edit_args *args, uint32_t *ret_ticket)
{
        if (!find_master(h) || !connect_current(h))
                return NI_FAILED;
        return client_edit_ahead(h->client, args, ret_ticket);
}

enum ni_status handle_search(struct api_handle *h, const struct ext_search_args *args,
                             struct ext_search_result *ret)
{
        enum ni_status s = h->local ? NI_BADOP : NI_FAILED;
        if (h->need_write && !h->local && !find_master(h))
                return NI_FAILED;
        for (unsigned i = 0; s == NI_FAILED && i < (h->need_write ? 1 : h->count); i++) {
                if (connect_current(h)) {
                        s = client_search(h->client, args, ret);
                        if (s != NI_FAILED)
                                break;
                        disconnect(h);
                }
                if (!h->need_write) {
                        h->current = (h->current + 1) % h->count;
                        h->on_master = false;
                }
        }
        if (s != NI_OK || ret->status == NI_OK)
                return s;
        return ret->status == EXT_TAKE_SNAPSHOT ? NI_STALE : (enum ni_status)ret->status;
}

enum ni_status handle_rparent(struct api_handle *h, struct api_server *ret)
{
        const struct ni_args args = {.number = 0};
        struct ni_result r;
        uint64_t left = h->read_timeout > 0 ? (uint64_t)h->read_timeout : 5; /* protocol.md 3.7 */
        if (!h->abort_on)
                left = patience();
        for (;;) {
                pthread_mutex_lock(&h->lock);
                const enum ni_status s = handle_call(h, NI_PROC_rparent, &args, &r);
                if (s == NI_OK) {
                        *ret = (struct api_server){.addr = r.addr};
                        snprintf(ret->tag, sizeof(ret->tag), "%.*s", BYTES_FMT(r.value));
                }
                pthread_mutex_unlock(&h->lock);
                if (s != NI_NORESPONSE || left == 0)
                        return s;
                const unsigned pause = left < RETRY_FIRST ? (unsigned)left : RETRY_FIRST;
                sleep(pause);
                left -= pause;
        }
}

/* -- settings
 * --------------------------------------------------------------------------------------------------------------------
 */

NI_API void ni_free(void *handle)
{
        handle_free(handle);
}

NI_API void ni_setabort(void *handle, int on)
{
        ((struct api_handle *)handle)->abort_on = on != 0;
}

static void set_timeout(struct api_handle *h, int *which, int seconds)
{
        pthread_mutex_lock(&h->lock);
        *which = seconds;
        if (h->client)
                apply_settings(h);
        pthread_mutex_unlock(&h->lock);
}

NI_API void ni_setreadtimeout(void *handle, int seconds)
{
        struct api_handle *h = handle;
        set_timeout(h, &h->read_timeout, seconds);
}

NI_API void ni_setwritetimeout(void *handle, int seconds)
{
        struct api_handle *h = handle;
        set_timeout(h, &h->write_timeout, seconds);
}

NI_API void ni_needwrite(void *handle, int on)
{
        ((struct api_handle *)handle)->need_write = on != 0;
}

NI_API ni_status ni_setpassword(void *handle, const char *password)
{
        struct api_handle *h = handle;
        pthread_mutex_lock(&h->lock);
        if (h->password)
                explicit_bzero(h->password, strlen(h->password));
        free(h->password);
        h->password = password ? ni_name_dup(password) : NULL;
        h->has_password = password != NULL;
        if (h->client)
                apply_settings(h);
        pthread_mutex_unlock(&h->lock);
        return NI_OK;
}

NI_API ni_status ni_setuser(void *handle, const char *user)
{
        struct api_handle *h = handle;
        if (!user) {
                pthread_mutex_lock(&h->lock);
                h->has_user = false;
                h->uid = getuid();
                pthread_mutex_unlock(&h->lock);
                return ni_setpassword(handle, NULL);
        }
        ni_id users;
        ni_proplist record;
        uint32_t uid;
        NI_INIT(&record);
        if (strlen(user) >= sizeof(h->user) || ni_root(handle, &users) != NI_OK ||
            ni_pathsearch(handle, &users, "/users") != NI_OK ||
            ni_lookupread(handle, &users, "name", user, &record) != NI_OK)
                return NI_NOUSER;
        const ni_index at = ni_proplist_match(record, "uid", NULL);
        const bool found = at != NI_INDEX_NULL && record.ni_proplist_val[at].nip_val.ni_namelist_len > 0 &&
                           text_u32(bytes_str(record.ni_proplist_val[at].nip_val.ni_namelist_val[0]), &uid);
        ni_proplist_free(&record);
        if (!found)
                return NI_NOUSER;
        pthread_mutex_lock(&h->lock);
        h->has_user = true;
        h->uid = uid;
        snprintf(h->user, sizeof(h->user), "%s", user);
        const bool keep = h->has_password;
        if (keep && h->client)
                apply_settings(h);
        pthread_mutex_unlock(&h->lock);
        return keep ? NI_OK : ni_setpassword(handle, "");
}

NI_API ni_status ni_addrtag(void *handle, struct sockaddr_in *address, ni_name *tag)
{
        struct api_handle *h = handle;
        ni_id root;
        const ni_status s = ni_root(handle, &root); /* connects if necessary */
        if (s != NI_OK)
                return s;
        pthread_mutex_lock(&h->lock);
        const struct api_server *now = &h->servers[h->current];
        *address = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_port = htons(h->client ? client_local_port(h->client) : 0),
                                        .sin_addr.s_addr = htonl(now->addr ? now->addr : INADDR_LOOPBACK)};
        *tag = ni_name_dup(now->tag);
        pthread_mutex_unlock(&h->lock);
        return NI_OK;
}
