/* Opens the shared object with the implementation. */
#include "tls/table.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

/* TLS_BUILT_NAME, a name alone, is found where the program itself says (the folder it was built in).
 * Installed programs say nothing, and it is not in the system's folders: then it is the installed one. The
 * loader does not look at the environment of set-user-id processes. (Sanitizers call the loader themselves,
 * and programs built with them are not installed: there it is the whole path.) */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct tls_table *table;
static struct tls_why reason;

static void *open_object(void)
{
        void *object = dlopen(TLS_BUILT_NAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (object)
                return object;
        object = dlopen(TLS_LIBRARY_PATH, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (!object) {
                const char *text = dlerror();
                snprintf(reason.text, sizeof(reason.text),
                         "TLS is not to be had: %s; it needs OpenSSL 3 (Debian's libssl3)",
                         text ? text : TLS_LIBRARY_PATH);
        }
        return object;
}

static void load(void)
{
        void *object = open_object();
        const struct tls_table *t = object ? dlsym(object, TLS_TABLE_NAME) : NULL;
        if (!object)
                return;
        if (t && strcmp(t->version, NETINFO_VERSION) == 0 && t->size == sizeof(*t))
                table = t;
        else
                snprintf(reason.text, sizeof(reason.text),
                         "TLS is not to be had: %s is of another release than this program (" NETINFO_VERSION
                         "); install both from the same one",
                         TLS_LIBRARY_PATH);
}

const struct tls_table *tls_table_get(struct tls_why *why)
{
        pthread_once(&once, load);
        if (!table && why)
                *why = reason;
        return table;
}

bool tls_usable(struct tls_why *why)
{
        return tls_table_get(why) != NULL;
}
