#include "server/loop.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void run_notes(struct loop *l)
{
        pthread_mutex_lock(&l->mutex);
        struct note *n = l->first;
        l->first = l->last = NULL;
        pthread_mutex_unlock(&l->mutex);
        while (n) {
                struct note *next = n->next;
                n->run(n, l->context);
                n = next;
        }
        if (l->after)
                l->after(l->context);
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
        uint64_t count;
        (void)what;
        if (read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
                run_notes(context);
}

int loop_init(struct loop *l, void *context, void (*after)(void *context))
{
        *l = (struct loop){.context = context, .after = after, .wake_fd = -1};
        pthread_mutex_init(&l->mutex, NULL);
        struct event_config *config = event_config_new();
        if (!config)
                return ENOMEM;
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK); /* only its own thread touches it */
        l->base = event_base_new_with_config(config);
        event_config_free(config);
        if (!l->base)
                return ENOMEM;
        l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (l->wake_fd < 0)
                return errno;
        if (event_assign(&l->wake, l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l) < 0 ||
            event_add(&l->wake, NULL) < 0)
                return ENOMEM;
        return 0;
}

void loop_done(struct loop *l)
{
        while (l->first)
                run_notes(l);
        if (l->wake_fd >= 0) {
                if (event_initialized(&l->wake))
                        event_del(&l->wake);
                close(l->wake_fd);
        }
        if (l->base)
                event_base_free(l->base);
        pthread_mutex_destroy(&l->mutex);
        l->base = NULL;
        l->wake_fd = -1;
}

void loop_post(struct loop *l, struct note *n)
{
        n->next = NULL;
        pthread_mutex_lock(&l->mutex);
        const bool was_empty = !l->first;
        if (was_empty)
                l->first = n;
        else
                l->last->next = n;
        l->last = n;
        pthread_mutex_unlock(&l->mutex);
        if (was_empty) {
                const uint64_t one = 1;
                if (write(l->wake_fd, &one, sizeof(one)) < 0) {
                        /* only a full counter says EAGAIN, and then the loop is awake anyway */
                }
        }
}

void loop_run(struct loop *l)
{
        event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *l)
{
        event_base_loopbreak(l->base);
}
