/* Sub-commands of `ni`. Each lives in a file of its own, src/tools/ni_NAME.c, and is one row of the table in
 * src/tools/ni.c. */
#ifndef NETINFO_TOOLS_COMMAND_H
#define NETINFO_TOOLS_COMMAND_H

#include <stdbool.h>

/* Exit statuses of `ni` (README "Manners"). */
enum ni_exit {
        EXIT_ANSWERED = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        EXIT_NOT_FOUND = 3,
        EXIT_CONFLICT = 4,
        EXIT_DENIED = 5,
        EXIT_UNREACHABLE = 6,
};

/* argv[0] is the sub-command's own name; argv[argc] is NULL. `--help` and `-h` are the sub-command's own
 * business (help_print). Returns an exit status. Data goes to stdout, talk to stderr. */
typedef int ni_command_run(int argc, char **argv);

struct ni_command {
        const char *name;
        const char *summary; /* one line, for `ni help` */
        ni_command_run *run;
        bool needs_server;
};

ni_command_run ni_ls_run, ni_get_run, ni_set_run, ni_add_run, ni_rm_run, ni_log_run, ni_status_run,
        ni_domain_run, ni_getent_run, ni_explain_run, ni_doctor_run;
ni_command_run ni_find_run, ni_mv_run, ni_watch_run, ni_backup_run, ni_restore_run;
ni_command_run ni_import_run, ni_export_run;
/* `ni import nidb`, `ni import nis`, `ni import ldif`, `ni export ldif`, `ni export cups` */
ni_command_run import_nidb_run, import_nis_run, import_ldif_run, export_ldif_run, export_cups_run;
ni_command_run ni_aliases_run, ni_printers_run, ni_automount_run;
ni_command_run ni_port_run, ni_ports_run;
ni_command_run ni_snapshot_run, ni_store_run;
ni_command_run ni_init_run, ni_token_run, ni_join_run, ni_machine_run, ni_renew_run;

#endif
