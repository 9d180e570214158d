#include "portdb/owner.h"

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

union end {
        const struct sockaddr *sa;
        const struct sockaddr_in *in;
        const struct sockaddr_in6 *in6;
};

static bool put_end(const struct sockaddr *sa, __be32 address[4], __be16 *ret_port)
{
        const union end e = {.sa = sa};
        if (sa->sa_family == AF_INET) {
                address[0] = e.in->sin_addr.s_addr;
                *ret_port = e.in->sin_port;
        } else if (sa->sa_family == AF_INET6) {
                memcpy(address, &e.in6->sin6_addr, 16);
                *ret_port = e.in6->sin6_port;
        }
        return sa->sa_family == AF_INET || sa->sa_family == AF_INET6;
}

/* The message about the socket that was asked for, and no other. */
static bool read_answer(const struct nlmsghdr *h, size_t n, const struct inet_diag_sockid *asked,
                        uint32_t *ret_uid)
{
        int left = (int)n;
        if (!mnl_nlmsg_ok(h, left) || h->nlmsg_type != SOCK_DIAG_BY_FAMILY)
                return false; /* an error: there is none */
        const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
        if (mnl_nlmsg_get_payload_len(h) < sizeof(*m) || m->id.idiag_sport != asked->idiag_sport ||
            m->id.idiag_dport != asked->idiag_dport ||
            m->idiag_inode == 0) /* without: closed, nobody's any more */
                return false;
        *ret_uid = m->idiag_uid;
        return true;
}

bool port_owner_of_peer(const struct sockaddr *near, const struct sockaddr *far, uint32_t *ret_uid)
{
        char buffer[4096];
        struct nlmsghdr *h = mnl_nlmsg_put_header(memset(buffer, 0, 256));
        struct inet_diag_req_v2 *r = mnl_nlmsg_put_extra_header(h, sizeof(*r));
        h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
        h->nlmsg_flags = NLM_F_REQUEST;
        r->sdiag_family = (uint8_t)far->sa_family;
        r->sdiag_protocol = IPPROTO_TCP;
        r->idiag_states = UINT32_MAX;
        r->id.idiag_cookie[0] = r->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
        if (far->sa_family != near->sa_family || !put_end(far, r->id.idiag_src, &r->id.idiag_sport) ||
            !put_end(near, r->id.idiag_dst, &r->id.idiag_dport))
                return false;
        const struct inet_diag_sockid asked = r->id;
        struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (!nl)
                return false;
        bool told = false;
        if (mnl_socket_sendto(nl, h, h->nlmsg_len) > 0) { /* the kernel has answered when this returns */
                const ssize_t n = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
                told = n > 0 && read_answer((const struct nlmsghdr *)buffer, (size_t)n, &asked, ret_uid);
        }
        mnl_socket_close(nl);
        return told;
}
