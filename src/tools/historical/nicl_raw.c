/* nicl: versions of records (doc/tools.md 3.6), and what is there for databases on disk. */
#include "tools/historical/nicl.h"

#include "tools/historical/disk_domain.h"

#include "base/text.h"

#include <inttypes.h>

/* SELF's pseudo object numbers (doc/protocol.md 2.7). */
#define BY_VERSION UINT32_MAX
#define VERSION_OF (UINT32_MAX - 1)

enum nicl_status nicl_not_raw(const char *what)
{
        fflush(stdout);
        fprintf(stderr, "Can't %s in raw mode\n", what);
        return NICL_FAILED;
}

/* -- versions */
static ni_status record_of(struct nicl *n, uint32_t version, ni_id *ret)
{
        *ret = (ni_id){BY_VERSION, version};
        const ni_status s = ni_self(n->handle, ret);
        return s == NI_BADID ? NI_NODIR : s; /* a server that knows no versions */
}

static bool version_of(struct nicl *n, uint32_t object, uint32_t *ret)
{
        ni_id id = {VERSION_OF, object};
        if (ni_self(n->handle, &id) != NI_OK || id.nii_instance == UINT32_MAX)
                return false;
        *ret = id.nii_instance;
        return true;
}

void nicl_put_version(struct nicl *n, ni_id id)
{
        uint32_t version;
        printf("Record: %u   Version: ", id.nii_object);
        if (version_of(n, id.nii_object, &version)) /* a historical server need not tell */
                printf("%u", version);
        else
                putchar('-');
        printf("   Serial: %u\n", id.nii_instance);
}

static void put_line(ni_id record)
{
        printf("Record: %-10u   Version: %u\n", record.nii_object, record.nii_instance);
}

/* Every version from `from` to `to`, upwards or downwards; those that belong to no record are skipped. */
static ni_status put_range(struct nicl *n, uint32_t from, uint32_t to, bool up)
{
        ni_status s = NI_OK;
        for (uint64_t i = 0; s == NI_OK && i <= (uint64_t)to - from; i++) {
                ni_id record;
                s = record_of(n, up ? from + (uint32_t)i : to - (uint32_t)i, &record);
                if (s == NI_OK)
                        put_line(record);
                else if (s == NI_NODIR)
                        s = NI_OK;
        }
        return s;
}

static enum nicl_status current_version(struct nicl *n, const char *command, uint32_t most)
{
        ni_id id = {n->current, 0};
        const ni_status s = ni_self(n->handle, &id);
        if (s != NI_OK)
                return nicl_failed(n, s, command);
        printf("Maximum version: %u\n", most);
        nicl_put_version(n, id);
        return NICL_OK;
}

static enum nicl_status one_version(struct nicl *n, const char *command, uint32_t version)
{
        ni_id record;
        const ni_status s = record_of(n, version, &record);
        if (s == NI_NODIR) {
                printf("No record with version %u\n", version);
                return NICL_RECORD_ID;
        }
        if (s == NI_OK)
                printf("Record: %u   Version: %u\n", record.nii_object, record.nii_instance);
        return nicl_failed(n, s, command);
}

/* '<', '=', '>', or 0: it is no operator. */
static char operator_of(const char *word)
{
        static const char *const words[] = {"<lt", "=eq", ">gt"};
        for (int i = 0; i < 3; i++)
                if ((word[0] == words[i][0] && !word[1]) || strcmp(word, words[i] + 1) == 0)
                        return words[i][0];
        return 0;
}

static enum nicl_status usage(const char *command, const char *word)
{
        fprintf(stderr, "%s: a version is a number, found %s\n", command, word);
        return NICL_USAGE;
}

enum nicl_status nicl_history(struct nicl *n, int argc, char **argv)
{
        ni_id newest;
        uint32_t version = 0;
        const ni_status s = record_of(n, UINT32_MAX, &newest);
        if (s == NI_NODIR || s == NI_BADOP) {
                fprintf(stderr, "%s: this server tells no versions\n", argv[0]);
                return NICL_MODE;
        }
        if (s != NI_OK)
                return nicl_failed(n, s, argv[0]);
        const uint32_t most = newest.nii_instance;
        if (argc == 1)
                return current_version(n, argv[0], most);
        const char what = operator_of(argv[1]);
        const char *number = argc > 1 + (what != 0) ? argv[1 + (what != 0)] : NULL;
        if (number && !text_u32(bytes_str(number), &version))
                return usage(argv[0], number);
        if (!number && !version_of(n, n->current, &version))
                return nicl_failed(n, NI_NODIR, argv[0]);
        if (what == '<')
                return version ? nicl_failed(n,
                                             put_range(n, 0, version - 1 < most ? version - 1 : most, false),
                                             argv[0])
                               : NICL_OK;
        if (what != '>')
                return one_version(n, argv[0], version);
        if (version >= most) {
                printf("Maximum version number is %u\n", most);
                return NICL_OK;
        }
        return nicl_failed(n, put_range(n, version + 1, most, true), argv[0]);
}

/* -- databases on disk */
enum nicl_status nicl_raw_statistics(struct nicl *n, const char *command)
{
        struct disk_counts c;
        const ni_status s = disk_counts(n->raw, &c);
        if (s == NI_OK)
                printf("checksum: %u\nversion: %" PRIu64 "\nmax_dsid: %u\nfetch_count: %" PRIu64
                       "\nsave_count: %" PRIu64 "\nremove_count: %" PRIu64 "\n",
                       c.checksum, c.version, c.highest, c.fetched, c.saved, c.removed);
        return nicl_failed(n, s, command);
}

/* PATH and ID of a repair. */
static enum nicl_status operands(struct nicl *n, char **argv, ni_id *ret, uint32_t *ret_other)
{
        if (!n->raw) {
                fprintf(stderr, "%s: %s\n", argv[0], nicl_text(NICL_MODE));
                return NICL_MODE;
        }
        if (!text_u32(bytes_str(argv[2]), ret_other)) {
                fprintf(stderr, "%s: ID is the number of a record, found %s\n", argv[0], argv[2]);
                return NICL_USAGE;
        }
        return nicl_find(n, argv[0], argv[1], ret);
}

static enum nicl_status hang(struct nicl *n, const char *command, ni_index object, ni_index parent)
{
        ni_index now;
        ni_id id = {object, 0};
        ni_status s = ni_parent(n->handle, &id, &now);
        if (s == NI_OK && object != 0 && now == parent)
                return NICL_OK;
        if (s == NI_OK)
                s = disk_move(n->raw, object, parent);
        if (s != NI_UNRELATED)
                return nicl_failed(n, s, command);
        fprintf(stderr, "%s: %s\n", command, nicl_text(NICL_CONSTRAINT));
        return NICL_CONSTRAINT;
}

enum nicl_status nicl_attach(struct nicl *n, int argc, char **argv)
{
        ni_id id;
        uint32_t child;
        (void)argc;
        const enum nicl_status s = operands(n, argv, &id, &child);
        return s == NICL_OK ? hang(n, argv[0], child, id.nii_object) : s;
}

enum nicl_status nicl_parent(struct nicl *n, int argc, char **argv)
{
        ni_id id;
        uint32_t parent;
        (void)argc;
        const enum nicl_status s = operands(n, argv, &id, &parent);
        return s == NICL_OK ? hang(n, argv[0], id.nii_object, parent) : s;
}

enum nicl_status nicl_detach(struct nicl *n, int argc, char **argv)
{
        ni_id id;
        uint32_t child;
        (void)argc;
        const enum nicl_status found = operands(n, argv, &id, &child);
        if (found != NICL_OK)
                return found;
        const ni_status s = disk_detach(n->raw, id.nii_object, child);
        if (s != NI_NOTEMPTY)
                return s == NI_UNRELATED ? nicl_failed(n, NI_NODIR, argv[0]) : nicl_failed(n, s, argv[0]);
        fprintf(stderr,
                "%s: %s: a record that is there hangs somewhere; delete removes it, move hangs it "
                "elsewhere\n",
                argv[0], nicl_text(NICL_CONSTRAINT));
        return NICL_CONSTRAINT;
}
