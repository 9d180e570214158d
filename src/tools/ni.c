/* The program `ni`: one command, a table of sub-commands. */
#include "tools/command.h"

#include "base/text.h"
#include "sys/fs.h"
#include "tools/port_site.h"

#include <stdio.h>
#include <string.h>

static ni_command_run help_run, version_run;

static const struct ni_command commands[] = {
        {"ls", "list the children of a directory", ni_ls_run, true},
        {"get", "show the properties of a directory", ni_get_run, true},
        {"set", "set properties", ni_set_run, true},
        {"add", "make a directory", ni_add_run, true},
        {"rm", "remove a directory, properties or values", ni_rm_run, true},
        {"mv", "move a directory, or rename it", ni_mv_run, true},
        {"find", "find directories by their properties", ni_find_run, true},
        {"import", "read a flat file such as /etc/passwd into a domain", ni_import_run, true},
        {"export", "print a flat file from a domain", ni_export_run, true},
        {"aliases", "print the mail aliases of all domains for a mail server", ni_aliases_run, true},
        {"automount", "print the mounts of all domains as maps of autofs", ni_automount_run, true},
        {"printers", "show the printers of all domains, or make print queues of them", ni_printers_run, true},
        {"log", "show the changes of a domain, newest first", ni_log_run, true},
        {"watch", "show changes as they are made", ni_watch_run, true},
        {"status", "show the server and the state of a domain", ni_status_run, true},
        {"domain", "list, create and destroy domains, draw their hierarchy", ni_domain_run, true},
        {"init", "make this server the first one of a fleet whose machines know each other", ni_init_run,
         true},
        {"token", "make, list and take away what machines enrol with", ni_token_run, true},
        {"join", "enrol this machine with a token", ni_join_run, true},
        {"machine", "list the machines of the fleet, or take one out", ni_machine_run, true},
        {"renew", "renew this machine's certificate", ni_renew_run, true},
        {"backup", "write a domain into a file, or check such a file", ni_backup_run, true},
        {"restore", "make a domain out of a backup", ni_restore_run, false},
        {"getent", "look accounts up through the C library and NetInfo's module", ni_getent_run, false},
        {"explain", "show why a lookup gives what it gives, and who may write", ni_explain_run, false},
        {"doctor", "find what is wrong with this machine's part of NetInfo", ni_doctor_run, false},
        {"snapshot", "show and verify the images that lookups read", ni_snapshot_run, false},
        {"store", "show, check, dump, load and copy the store of a domain", ni_store_run, false},
        {"port", "say what a network port is, and what listens there", port_site_run, false},
        {"ports", "list network ports and who holds them", ports_site_run, false},
        {"help", "show this text, or the help of a command", help_run, false},
        {"version", "show the version", version_run, false},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_commands(void)
{
        puts("usage: ni COMMAND [options] [operands]\n\n"
             "NetInfo: a directory of users, groups, hosts and services for a fleet of Unix machines.\n");
        for (size_t i = 0; i < COMMANDS; i++)
                printf("  %-10s %s\n", commands[i].name, commands[i].summary);
        puts("\nExamples:\n"
             "  ni ls /users\n"
             "  ni add /users/ada uid=5001 gid=100 home=/home/ada shell=/bin/bash\n"
             "  ni log -1\n\n"
             "`ni COMMAND --help` says more; so does `man ni`.");
}

static const struct ni_command *find(const char *name)
{
        for (size_t i = 0; i < COMMANDS; i++)
                if (strcmp(commands[i].name, name) == 0)
                        return &commands[i];
        return NULL;
}

static int unknown(const char *name)
{
        const char *names[COMMANDS + 1];
        for (size_t i = 0; i < COMMANDS; i++)
                names[i] = commands[i].name;
        names[COMMANDS] = NULL;
        const char *near = text_suggest(name, names);
        fprintf(stderr, "ni: there is no command `%s`%s%s%s\n  `ni help` lists them\n", name,
                near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
        return EXIT_USAGE;
}

static int finish(int exit)
{
        const char *why = fs_finish_stdout();
        if (!why)
                return exit;
        fprintf(stderr, "ni: standard output: %s\n", why);
        return exit ? exit : EXIT_FAILED;
}

static int help_run(int argc, char **argv)
{
        static char option[] = "--help";
        if (argc < 2 || argv[1][0] == '-') {
                print_commands();
                return finish(EXIT_ANSWERED);
        }
        const struct ni_command *c = find(argv[1]);
        if (!c)
                return unknown(argv[1]);
        if (c->run == help_run || c->run == version_run) {
                print_commands();
                return finish(EXIT_ANSWERED);
        }
        char *words[] = {argv[1], option, NULL};
        return c->run(2, words);
}

static int version_run(int argc, char **argv)
{
        if (argc > 1 && argv[1][0] == '-' && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
                puts("usage: ni version");
        else
                puts("NetInfo " NETINFO_VERSION);
        return finish(EXIT_ANSWERED);
}

int main(int argc, char **argv)
{
        fs_keep_standard();
        if (argc < 2) {
                fputs("ni: which command?\n  `ni help` lists them\n", stderr);
                return EXIT_USAGE;
        }
        const char *name = argv[1];
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
                name = "help";
        else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
                name = "version";
        else if (name[0] == '-') {
                fprintf(stderr,
                        "ni: options follow the command: ni COMMAND %s\n  `ni help` lists the commands\n",
                        name);
                return EXIT_USAGE;
        }
        const struct ni_command *c = find(name);
        return c ? c->run(argc - 1, argv + 1) : unknown(name);
}
