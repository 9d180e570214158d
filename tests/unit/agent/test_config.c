/* agent.conf: values, limits, and mistakes that name their line. */
#include "records.h"

#include "agent/config.h"

static void parses(struct agent_config *c, const char *text)
{
        struct agent_config_why why = {""};
        assert_true(agent_config_defaults(c, NULL));
        if (!agent_config_parse(c, "agent.conf", bytes_str(text), &why))
                fail_msg("%s", why.text);
}

static void test_values(void **state)
{
        (void)state;
        struct agent_config c;
        parses(&c, "");
        assert_string_equal(c.domain, "local");
        assert_int_equal(c.min_id, 1000);
        assert_string_equal(c.snapshots, "/run/netinfo/snapshots");
        assert_false(c.publish_hashes);
        assert_string_equal(c.machine, "/var/lib/netinfo/machine");
        assert_string_equal(c.plain_networks, "");
        agent_config_done(&c);
        parses(&c, "# a comment\n\n min_id = 1 \r\nserver=/run/x.sock\nallow = staff  wheel\npublish_hashes "
                   "= yes\n"
                   "durable = none\nshadow_group = none\npublish_interval = 20\nsnapshots = /s s\n"
                   "allow_empty_passwords=no\nquarantine = 5\ndomain = network");
        assert_int_equal(c.min_id, 1);
        assert_string_equal(c.server, "/run/x.sock");
        assert_int_equal(c.allow_count, 2);
        assert_true(bytes_eq_str(c.allow[0], "staff") && bytes_eq_str(c.allow[1], "wheel"));
        assert_true(c.publish_hashes);
        assert_string_equal(c.durable, "");
        assert_string_equal(c.shadow_group, "");
        assert_int_equal(c.publish_interval, 20);
        assert_string_equal(c.snapshots, "/s s");
        assert_string_equal(c.domain, "network");
        assert_int_equal(c.quarantine, 5);
        assert_true(c.climb);
        assert_int_equal(c.max_domains, 8);
        agent_config_done(&c);
        parses(&c,
               "domains = local , 10.0.0.1:1987/network  [::1]/network,top.example/root\nmax_domains = 3\n"
               "max_directories = 10\nmax_megabytes = 1\npoll_interval = 300\nparent_port = 1987\nstate = "
               "none\n");
        assert_false(c.climb);
        assert_int_equal(c.above_count, 2);
        assert_int_equal(c.above[0]->n, 2);
        assert_string_equal(c.above[0]->v[0].address, "10.0.0.1:1987");
        assert_string_equal(c.above[0]->v[0].tag, "network");
        assert_string_equal(c.above[0]->v[1].address, "[::1]");
        assert_string_equal(c.above[1]->v[0].address, "top.example");
        assert_string_equal(c.above[1]->v[0].tag, "root");
        assert_int_equal(c.parent_port, 1987);
        assert_int_equal(c.poll_interval, 300);
        assert_string_equal(c.state, "");
        agent_config_done(&c);
        parses(&c, "machine = none\nplain_networks = 10.0.0.0/8 192.0.2.7\n");
        assert_string_equal(c.machine, "");
        assert_string_equal(c.plain_networks, "10.0.0.0/8 192.0.2.7");
        agent_config_done(&c);
        parses(&c, "domains = local\n");
        assert_false(c.climb);
        assert_int_equal(c.above_count, 0);
        agent_config_done(&c);
        assert_true(agent_config_defaults(&c, "/tmp/d"));
        assert_string_equal(c.server, "/tmp/d/netinfod.sock");
        assert_string_equal(c.snapshots, "/tmp/d/snapshots");
        assert_string_equal(c.durable, "");
        assert_string_equal(c.own_files, "/tmp/d/etc");
        assert_string_equal(c.machine, "/tmp/d/machine");
        agent_config_done(&c);
}

static void test_mistakes(void **state)
{
        (void)state;
        static const struct {
                const char *text, *want;
        } cases[] = {
                {"min_id = 1\nmin_ids = 5\n", "agent.conf:2: `min_ids` is no key; did you mean min_id?"},
                {"\n\ncolour = red\n", "agent.conf:3: `colour` is no key; netinfo-agent(8) lists them"},
                {"min_id\n", "agent.conf:1: `min_id` is no `key = value`"},
                {"min_id = many\n",
                 "agent.conf:1: `min_id` must be a number within the limits of netinfo-agent(8)"},
                {"min_id = 0\n",
                 "agent.conf:1: `min_id` must be a number within the limits of netinfo-agent(8)"},
                {"publish_hashes = maybe\n", "agent.conf:1: `publish_hashes` must be yes or no"},
                {"snapshots = here\n", "agent.conf:1: `snapshots` must be a path that begins with /"},
                {"server =\n", "agent.conf:1: `server` needs a value"},
                {"domains = 10.0.0.1/network\n",
                 "agent.conf:1: `domains` must be `chain`, or begin with `local`"},
                {"domains = local,, 10.0.0.1/network\n", "agent.conf:1: `domains` has a comma too many"},
                {"domains = local, 10.0.0.1\n",
                 "agent.conf:1: `domains` needs servers as host/tag or host:port/tag"},
                {"domains = local, 10.0.0.1:x/network\n", "agent.conf:1: `domains` Bad port"},
                {"max_domains = 33\n",
                 "agent.conf:1: `max_domains` must be a number within the limits of netinfo-agent(8)"},
                {"poll_interval = 0\n",
                 "agent.conf:1: `poll_interval` must be a number within the limits of netinfo-agent(8)"},
                {"plain_networks = 10.0.0.0/8 10.0.0.1/8\n",
                 "agent.conf:1: `plain_networks` must be networks, as 10.0.0.0/8, or addresses, with blanks "
                 "between"},
                {"machine = here\n", "agent.conf:1: `machine` must be a path that begins with /"},
                {"domain = a/b\n", "agent.conf:1: `domain` is no tag of a domain"},
        };
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct agent_config c;
                struct agent_config_why why = {""};
                assert_true(agent_config_defaults(&c, NULL));
                assert_false(agent_config_parse(&c, "agent.conf", bytes_str(cases[i].text), &why));
                assert_string_equal(why.text, cases[i].want);
                agent_config_done(&c);
        }
        struct agent_config c;
        struct agent_config_why why = {""};
        assert_true(agent_config_defaults(&c, NULL));
        assert_false(agent_config_read(&c, "/nonexistent/agent.conf", true, &why));
        assert_non_null(strstr(why.text, "/nonexistent/agent.conf"));
        assert_true(agent_config_read(&c, "/nonexistent/agent.conf", false, &why));
        agent_config_done(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_mistakes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
