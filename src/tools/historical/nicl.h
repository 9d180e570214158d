/* nicl: a shell for one domain (doc/tools.md 3). Its commands give the statuses of 3.2. */
#ifndef NETINFO_TOOLS_HISTORICAL_NICL_H
#define NETINFO_TOOLS_HISTORICAL_NICL_H

#include "tools/historical/edit.h"
#include "tools/historical/tool.h"

#include <stdio.h>

enum nicl_status {
        NICL_OK = 0,
        NICL_DATASTORE = 1001,
        NICL_NO_FILE = 1002,
        NICL_READ_FAILED = 1003,
        NICL_WRITE_FAILED = 1004,
        NICL_CLONE = 1005,
        NICL_NO_ROOT = 1007,
        NICL_LOCKED = 1008,
        NICL_NO_DATA = 2002,
        NICL_RECORD_ID = 2003,
        NICL_PATH = 2004,
        NICL_KEY = 2005,
        NICL_SERIAL = 2006,
        NICL_CONSTRAINT = 2008,
        NICL_MODE = 3001,
        NICL_ACCESS = 4001,
        NICL_WRITE_ACCESS = 4003,
        NICL_FAILED = 9999,
        NICL_USAGE = 1 << 20 /* nothing was done; exit 1 */
};

struct disk_domain;

struct nicl {
        struct tool t;
        void *handle;
        struct disk_domain *raw; /* NULL: a server is asked */
        const char *datasource;
        ni_index current; /* directory */
        int verbose;      /* -v: 1, -vv: 2 */
        bool quiet, bold, interactive, x500;
        bool leave;       /* quit was typed */
        unsigned sources; /* nested `source` */
};

/* argv[0] is the command as typed, without its dash. */
typedef enum nicl_status nicl_run_command(struct nicl *n, int argc, char **argv);
struct nicl_command {
        const char *names; /* "read cat ." */
        int least;         /* words behind it */
        bool here;         /* interactively a missing PATH is the current directory */
        bool writes;       /* the master answers its reads too */
        nicl_run_command *run;
};
/* NULL behind the end. */
const struct nicl_command *nicl_command_at(unsigned i);

const char *nicl_text(enum nicl_status s);
/* 3.2; NI_RDONLY by its reason where a database on disk was written to. */
enum nicl_status nicl_fold(const struct nicl *n, ni_status s);
/* Says "WHAT: TEXT" unless all is well; gives the folded status. */
enum nicl_status nicl_failed(const struct nicl *n, ni_status s, const char *what);
/* Says "Can't WHAT in raw mode". */
enum nicl_status nicl_not_raw(const char *what);
/* The directory a command's PATH names, its failure said. */
enum nicl_status nicl_find(struct nicl *n, const char *command, const char *path, ni_id *ret);
/* Runs one command; argv[0] may have a dash. */
enum nicl_status nicl_execute(struct nicl *n, int argc, char **argv);
/* Lines of standard input, or of `f`, until its end or `quit`. */
void nicl_interact(struct nicl *n);
void nicl_read_lines(struct nicl *n, FILE *f);
/* "/users/amelia" with escapes; with -x500 its DN. Free it with ni_name_free. */
ni_name nicl_path_of(struct nicl *n, ni_index object);
/* "name=amelia,name=users", or "rootDSE". */
ni_name nicl_dn_of(struct nicl *n, ni_index object);
/* What a PATH means as dir_find knows it: itself, or with -x500 the path of a DN. Freed by the caller; NULL:
 * no memory. */
char *nicl_typed_path(const struct nicl *n, const char *typed);

/* "Record: ID   Version: V   Serial: S" and the line's end. */
void nicl_put_version(struct nicl *n, ni_id id);
enum nicl_status nicl_raw_statistics(struct nicl *n, const char *command);

nicl_run_command nicl_read, nicl_list, nicl_search, nicl_path, nicl_statistics, nicl_domainname, nicl_rparent,
        nicl_history, nicl_cd, nicl_pwd, nicl_echo, nicl_source, nicl_flush, nicl_help, nicl_refs;
nicl_run_command nicl_create, nicl_append, nicl_merge, nicl_insert, nicl_rename, nicl_delete, nicl_copy,
        nicl_move, nicl_load, nicl_resync, nicl_auth, nicl_setrdn, nicl_attach, nicl_detach, nicl_parent;

#endif
