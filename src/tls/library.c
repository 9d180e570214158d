/* Opens the shared object with the implementation. */
#include "tls/table.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>

/* The dynamic section of the program or library that this file is linked into. */
extern ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));

/* Programs in the build tree say where the loader is to look (DT_RUNPATH), and TLS_BUILT_NAME alone is found
 * there; installed ones say nothing, and have one place: what is in the environment or in the system's
 * folders does not count for them. (Sanitizers call the loader themselves, and programs built with them are
 * not installed: there it is the whole path.) */
static bool is_installed(void)
{
        for (const ElfW(Dyn) *d = _DYNAMIC; d->d_tag != DT_NULL; d++)
                if (d->d_tag == DT_RUNPATH || d->d_tag == DT_RPATH)
                        return false;
        return true;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct tls_table *table;
static struct tls_why reason;

static void *open_object(void)
{
        const int how = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
        void *object = is_installed() ? NULL : dlopen(TLS_BUILT_NAME, how);
        if (!object)
                object = dlopen(TLS_LIBRARY_PATH, how);
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
