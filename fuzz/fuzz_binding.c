/* The core of binding against a world that does what it likes: each byte of the input is one event. Whatever
 * comes, the answer is a candidate or the sender of a reply, never the domain itself, and the core always
 * says when it wants to be woken. */
#include "check.h"

#include "binding/binding.h"

#define OURS 0x0a000001u

struct input {
        const uint8_t *at, *end;
};

static uint8_t next(struct input *in)
{
        return in->at < in->end ? *in->at++ : 0;
}

static struct binding_actions out;
static struct binding_action asked[16]; /* the last questions */
static unsigned asks, climb, looks;

static void step(struct binding *b, struct binding_event *e, uint64_t *now)
{
        e->now = *now;
        binding_step(b, e, &out);
        CHECK(out.n <= BINDING_ACTIONS);
        for (unsigned i = 0; i < out.n; i++) {
                const struct binding_action *a = &out.v[i];
                if (a->kind == BINDING_SEND)
                        asked[asks++ % 16] = *a;
                looks += a->kind == BINDING_LOOK;
                if (a->kind == BINDING_CLIMB)
                        climb = a->climb;
                CHECK(a->kind != BINDING_TELL || a->reason);
        }
        CHECK(looks > 0 || out.wake != UINT64_MAX); /* it waits for a look, or for the clock */
        CHECK(looks > 0 || out.wake > *now || out.n == 0 || out.v[0].kind != BINDING_SEND);
        const struct binding_answer a = binding_answer(b);
        CHECK(a.state != BINDING_IS_BOUND || a.parent.addr != OURS || strcmp(a.parent.tag, "local") != 0);
}

static void look(struct binding *b, struct input *in, uint64_t *now)
{
        static const char tags[][8] = {"local", "network", "a", "b"};
        struct binding_candidate c[4] = {{0}};
        struct binding_interface f[2] = {{.addr = 0x7f000001, .mask = 0xff000000, .loopback = true},
                                         {OURS, 0xffffff00, 0x0a0000ff, false}};
        const struct binding_server own[1] = {{0x0a000009, "local"}};
        const uint8_t how = next(in);
        for (unsigned i = 0; i < 4; i++) {
                const uint8_t x = next(in);
                c[i].addr = x % 8 == 7   ? BINDING_BROADCAST
                            : x % 8 == 6 ? 0x0a010000u + x
                                         : 0x0a000000u + x % 8;
                c[i].here = x & 0x80 && x % 8 == 1;
                memcpy(c[i].tag, tags[x >> 4 & 3], 8);
        }
        const struct binding_world w = {how & 0x80,        c, f, own, how % 5, how & 0x40 ? 1 : 2,
                                        how & 0x20 ? 1 : 0};
        struct binding_event e = {.kind = BINDING_LOOKED, .world = &w};
        looks = looks ? looks - 1 : 0;
        step(b, &e, now);
}

static void reply(struct binding *b, struct input *in, uint64_t *now)
{
        const struct binding_action *a = &asked[next(in) % 16];
        const uint8_t how = next(in);
        enum binding_query q;
        struct binding_reply r = {
                .xid = a->xid ^ (how & 1), .from = a->to ^ (how & 2 ? 5u : 0), .from_port = a->port};
        r.accepted = how & 4;
        r.status = how & 8 ? 19 : 0;
        r.udp_port = how & 16 ? 0 : 700u + next(in) * 300u;
        r.port = how & 32 ? 0 : 660;
        struct binding_event e = {.kind = BINDING_REPLIED, .reply = &r};
        if (binding_wants(b, r.xid, r.from, r.from_port, &q))
                step(b, &e, now);
}

static void climbed(struct binding *b, struct input *in, uint64_t *now)
{
        const struct binding_server chain[] = {
                {0x0a000002, "network"}, {OURS, "local"}, {0x0a000009, "local"}};
        const uint8_t how = next(in);
        struct binding_event e = {.kind = BINDING_CLIMBED, .climb = climb - (how & 1), .chain = chain};
        e.chain_length = (how >> 1) % 4;
        step(b, &e, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = {data, data + (size < 4096 ? size : 4096)};
        uint64_t now = 0;
        struct binding_event e = {.kind = BINDING_START};
        struct binding *b = binding_new("local", 1);
        CHECK(b);
        asks = climb = looks = 0;
        memset(asked, 0, sizeof(asked));
        step(b, &e, &now);
        while (in.at < in.end) {
                const uint8_t what = next(&in);
                e = (struct binding_event){.kind = BINDING_TIME};
                switch (what % 8) {
                case 0:
                        if (looks) /* only what was asked for, as the contract says */
                                look(b, &in, &now);
                        break;
                case 1:
                case 2:
                        reply(b, &in, &now);
                        break;
                case 3:
                        climbed(b, &in, &now);
                        break;
                case 4: /* as it wants it */
                        if (out.wake != UINT64_MAX && out.wake > now)
                                now = out.wake;
                        step(b, &e, &now);
                        break;
                case 5:
                        now += (uint64_t)(what >> 3) * 1000;
                        step(b, &e, &now);
                        break;
                default:
                        e.kind = what & 8 ? BINDING_ASKED : what & 16 ? BINDING_CHANGED : BINDING_FORGET;
                        step(b, &e, &now);
                }
        }
        binding_free(b);
        return 0;
}
