/* The people of people.h as files for the peers: bench-people-files USERS FOLDER writes passwd, group, and
 * base.ldif and data.ldif (RFC 2307) for slapadd. */
#include "../people.h"

#include <stdbool.h>
#include <stdlib.h>

static FILE *create(const char *folder, const char *name)
{
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        FILE *f = fopen(path, "w");
        if (!f) {
                perror(path);
                exit(1);
        }
        return f;
}

static void put_user(FILE *passwd, FILE *ldif, uint32_t i)
{
        char line[256], name[32], gecos[64];
        people_passwd_line(line, i);
        people_user(name, i);
        people_gecos(gecos, i);
        fprintf(passwd, "%s\n", line);
        fprintf(ldif,
                "dn: uid=%s,ou=people,dc=lab,dc=test\nobjectClass: account\nobjectClass: posixAccount\nuid: "
                "%s\n"
                "cn: %s\ngecos: %s\nuidNumber: %u\ngidNumber: %u\nhomeDirectory: /home/%s\nloginShell: "
                "/bin/bash\n\n",
                name, name, gecos, gecos, PEOPLE_UID + i, PEOPLE_GID + i / 10, name);
}

static void put_group(FILE *group, FILE *ldif, uint32_t users, uint32_t g)
{
        char name[32];
        uint32_t member[PEOPLE_MEMBERS], n = 0;
        people_group(name, g);
        fprintf(group, "%s:x:%u:", name, PEOPLE_GID + g);
        fprintf(ldif, "dn: cn=%s,ou=groups,dc=lab,dc=test\nobjectClass: posixGroup\ncn: %s\ngidNumber: %u\n",
                name, name, PEOPLE_GID + g);
        for (uint32_t k = 0; k < PEOPLE_MEMBERS; k++) {
                bool again = false; /* a value may be there once in LDAP */
                member[n] = people_member(users, g, k);
                for (uint32_t j = 0; j < n; j++)
                        again |= member[j] == member[n];
                if (again)
                        continue;
                people_user(name, member[n]);
                fprintf(group, "%s%s", n ? "," : "", name);
                fprintf(ldif, "memberUid: %s\n", name);
                n++;
        }
        fputs("\n", group);
        fputs("\n", ldif);
}

int main(int argc, char **argv)
{
        const uint32_t users = argc == 3 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
        if (users < 10) {
                fprintf(stderr, "usage: bench-people-files USERS FOLDER, at least 10\n");
                return 2;
        }
        FILE *passwd = create(argv[2], "passwd"), *group = create(argv[2], "group"),
             *base = create(argv[2], "base.ldif"), *data = create(argv[2], "data.ldif");
        for (uint32_t i = 0; i < users; i++)
                put_user(passwd, data, i);
        for (uint32_t g = 0; g < users / 10; g++)
                put_group(group, data, users, g);
        fputs("dn: dc=lab,dc=test\nobjectClass: dcObject\nobjectClass: organization\no: lab\ndc: lab\n\n"
              "dn: ou=people,dc=lab,dc=test\nobjectClass: organizationalUnit\nou: people\n\n"
              "dn: ou=groups,dc=lab,dc=test\nobjectClass: organizationalUnit\nou: groups\n\n",
              base);
        return (fclose(passwd) | fclose(group) | fclose(base) | fclose(data)) != 0;
}
