#include "model/status.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
        enum ni_status status;
        const char *symbol, *text;
} words[] = {
#define X(name, number, text) {name, #name, text},
        NI_STATUSES(X)
#undef X
};

const char *status_text(enum ni_status s)
{
        for (unsigned i = 0; i < COUNT(words); i++)
                if (words[i].status == s)
                        return words[i].text;
        return "(unknown error)";
}

const char *status_symbol(enum ni_status s)
{
        for (unsigned i = 0; i < COUNT(words); i++)
                if (words[i].status == s)
                        return words[i].symbol;
        return "NI_?";
}

int status_exit(enum ni_status s)
{
        switch (s) {
        case NI_OK:
                return 0;
        case NI_BADID:
        case NI_NODIR:
        case NI_NOPROP:
        case NI_NONAME:
        case NI_NOTAG:
                return 3;
        case NI_STALE:
        case NI_NOTEMPTY:
        case NI_UNRELATED:
        case NI_ALIVE:
        case NI_DUPTAG:
        case NI_MASTERBUSY:
                return 4;
        case NI_PERM:
        case NI_RDONLY:
        case NI_AUTHERROR:
        case NI_NOUSER:
                return 5;
        case NI_NORESPONSE:
        case NI_CANTFINDADDRESS:
        case NI_FAILED:
                return 6;
        default:
                return 1;
        }
}
