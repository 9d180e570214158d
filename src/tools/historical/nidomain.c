/* nidomain: front end to a host's binder (doc/tools.md 11). Binder calls have no handles: they go straight to
 * the client. */
#include "tools/historical/tool.h"

#include "client/client.h"
#include "model/path.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BINDER_PID    "/run/netinfo/nibindd.pid"
#define BINDER_SOCKET "/run/netinfo/netinfod.sock" /* where the binder is part of netinfod */

static const char usage[] =
        "usage: nidomain -l [HOST]                        list the tags served\n"
        "       nidomain -g TAG [HOST]                    show one tag\n"
        "       nidomain -m TAG [HOST]                    create a master database and server\n"
        "       nidomain -c TAG MASTER/REMOTETAG [HOST]   create a clone\n"
        "       nidomain -d TAG [HOST]                    destroy database and server\n"
        "       nidomain -u TAG [HOST]                    unregister only\n"
        "       nidomain -a TAG ALIAS [HOST]              register TAG's ports under a second tag\n";

static const struct operation {
        char letter;
        int words; /* between the letter and HOST */
        enum nibind_proc proc;
} operations[] = {{'l', 0, NIBIND_PROC_listreg},       {'g', 1, NIBIND_PROC_getregister},
                  {'m', 1, NIBIND_PROC_createmaster},  {'c', 2, NIBIND_PROC_createclone},
                  {'d', 1, NIBIND_PROC_destroydomain}, {'u', 1, NIBIND_PROC_unregister},
                  {'a', 2, NIBIND_PROC_register}};

static const struct operation *operation(const char *word)
{
        for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
                if (word[0] == '-' && word[1] == operations[i].letter && !word[2])
                        return &operations[i];
        return NULL;
}

/* An IPv4 address as a number; false: unknown. */
static bool address_of(const char *host, uint32_t *ret)
{
        const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
        struct addrinfo *found;
        if (getaddrinfo(host, NULL, &hints, &found) != 0)
                return false;
        *ret = ntohl(((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr.s_addr);
        freeaddrinfo(found);
        return true;
}

/* The binder's pid file or socket stands for the binder, where no variable names another place. -1: it may
 * run. */
static int not_running(const struct tool *t, const struct operation *o)
{
        if (secure_getenv("NETINFO_SOCKET") || secure_getenv("NETINFO_SERVER") ||
            access(BINDER_PID, F_OK) == 0 || access(BINDER_SOCKET, F_OK) == 0)
                return -1;
        if (o->letter == 'd' || o->letter == 'u')
                tool_say(t, "warning: the binder is not running (no %s); nothing was changed", BINDER_PID);
        else
                tool_say(t, "the binder is not running (no %s): start netinfod, or name a HOST", BINDER_PID);
        return o->letter == 'l' || o->letter == 'g' ? 0 : 1;
}

static void put(const struct tool *t, struct bytes tag, uint32_t udp, uint32_t tcp)
{
        fputs("tag=", stdout);
        tool_put_bytes(t, tag.data, tag.len);
        printf(" udp=%u tcp=%u\n", udp, tcp);
}

static int failed(const struct tool *t, enum ni_status s)
{
        tool_say(t, "operation failed - %s", ni_error(s));
        return 1;
}

static enum ni_status call(struct client *c, enum nibind_proc proc, const struct binder_args *args,
                           struct binder_result *ret)
{
        const enum ni_status s = client_binder(c, proc, args, ret);
        return s == NI_OK ? ret->status : s;
}

static int work(const struct tool *t, struct client *c, const struct operation *o, char **word,
                uint32_t master)
{
        static struct binder_result r; /* with room for all registrations */
        struct binder_args args = {.tag = o->words ? bytes_str(word[0]) : BYTES_NONE};
        enum ni_status s = NI_OK;
        if (o->letter == 'c') {
                const struct bytes whole = bytes_str(word[1]);
                const size_t slash = bytes_find(whole, '/');
                args.master_name = bytes_sub(whole, 0, slash);
                args.master_tag = bytes_sub(whole, slash + 1, whole.len);
                args.master_addr = master;
        } else if (o->letter == 'a') {
                s = call(c, NIBIND_PROC_getregister, &args, &r);
                if (s == NI_NOTAG) {
                        tool_say(t, "unknown tag %s", word[0]);
                        return 1;
                }
                args = (struct binder_args){
                        .tag = bytes_str(word[1]), .udp_port = r.udp_port, .tcp_port = r.tcp_port};
        }
        if (s == NI_OK)
                s = call(c, o->proc, &args, &r);
        if (s != NI_OK)
                return failed(t, s);
        if (o->letter == 'g')
                put(t, args.tag, r.udp_port, r.tcp_port);
        for (uint32_t i = 0; o->letter == 'l' && i < r.reg_count; i++)
                put(t, r.regs[i].tag, r.regs[i].udp_port, r.regs[i].tcp_port);
        return 0;
}

static int run(struct tool *t, int argc, char **argv)
{
        const struct operation *o = argc > 1 ? operation(argv[1]) : NULL;
        struct client_options options;
        struct client_why why;
        struct client *c;
        uint32_t master = 0;
        if (!o || argc < 2 + o->words || argc > 3 + o->words)
                return tool_usage(t);
        const char *host = argc == 3 + o->words ? argv[2 + o->words] : NULL;
        if ((o->letter == 'm' || o->letter == 'c') && !tag_is_valid(bytes_str(argv[2]))) {
                tool_say(t, "tag %s: it has 1 to 64 bytes, no '/', no leading '.' or '-'", argv[2]);
                return 1;
        }
        if (o->letter == 'c') {
                char name[256];
                const char *slash = strchr(argv[3], '/');
                if (!slash) {
                        tool_say(t, "missing '/' in %s", argv[3]);
                        return 1;
                }
                snprintf(name, sizeof(name), "%.*s", (int)(slash - argv[3]), argv[3]);
                if (!address_of(name, &master)) {
                        tool_say(t, "unknown host - %s", name);
                        return 1;
                }
        }
        const int stop = host ? -1 : not_running(t, o);
        if (stop >= 0)
                return stop;
        client_options_init(&options);
        options.server = host;
        options.timeout_ms = 25000;
        options.no_domain = true;
        const enum ni_status s = client_open(&options, &c, &why);
        if (s == NI_CANTFINDADDRESS)
                tool_say(t, "unknown host - %s", host);
        else if (s != NI_OK)
                tool_say(t, "cannot connect to server %s", host ? host : "localhost");
        if (s != NI_OK)
                return 1;
        const int e = work(t, c, o, argv + 2, master);
        client_close(c);
        return e;
}

int nidomain_run(int argc, char **argv)
{
        struct tool t;
        tool_init(&t, argv, usage);
        return tool_done(&t, run(&t, argc, argv));
}
