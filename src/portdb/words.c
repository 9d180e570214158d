/* Sentences about ranges, states and disagreements; searching in texts. */
#include "portdb/resolve.h"

#include <strings.h>

const char *port_range_name(uint16_t port)
{
        return port < 1024 ? "System Port" : port < 49152 ? "User Port" : "Dynamic Port";
}

const char *port_range_meaning(uint16_t port)
{
        if (port < 1024)
                return "0-1023, also called well known: IANA assigns it by IETF Review or IESG Approval (RFC "
                       "6335)";
        if (port < 49152)
                return "1024-49151, also called registered: IANA assigns it by IETF Review, IESG Approval or "
                       "Expert "
                       "Review (RFC 6335)";
        return "49152-65535, also called private or ephemeral: never assigned; systems hand it out (RFC "
               "6335)";
}

const char *port_state_word(uint8_t status)
{
        switch (status) {
        case PORT_UNLISTED:
                return "unlisted";
        case PORT_UNKNOWN:
                return "unknown";
        default:
                return port_status_word(status);
        }
}

const char *port_word_text(unsigned bit)
{
        static const char *const words[PORT_WORDS] = {"ghost",     "retired", "squatted",
                                                      "contested", "dynamic", "never-assigned"};
        return bit < PORT_WORDS ? words[bit] : "?";
}

const char *port_disagreement_text(unsigned bit)
{
        static const char *const words[] = {"time", "scope", "transport", "artefact", "false"};
        return bit < 5 ? words[bit] : "?";
}

static bool holds(const char *text, struct bytes needle)
{
        const size_t n = strlen(text);
        for (size_t i = 0; i + needle.len <= n; i++) {
                if (strncasecmp(text + i, (const char *)needle.data, needle.len) == 0)
                        return true;
        }
        return false;
}

bool port_claim_mentions(const struct port_claim *c, struct bytes needle)
{
        return needle.len && (holds(c->name, needle) || holds(c->alias, needle) ||
                              holds(c->description, needle) || holds(c->note, needle));
}
