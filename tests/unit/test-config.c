#include "unit.h"

#include <errno.h>

#include "config/config.h"
#include "config/key.h"

typedef struct Read {
    int r;
    Config *config;
    char **errors, **warnings;
} Read;

static Read read_config(const char *first, const char *second)
{
    Read read = { 0 };
    ConfigSource sources[] = { { (char *)"a.conf", (char *)first }, { (char *)"b.conf", (char *)second } };
    read.r = config_parse(sources, second ? 2 : 1, &read.config, &read.errors, &read.warnings);
    return read;
}

static void done(Read *read)
{
    config_free(read->config);
    strv_free(read->errors);
    strv_free(read->warnings);
}

TEST(defaults_are_the_documented_ones)
{
    Read read = read_config("", NULL);
    assert_int_equal(read.r, 0);
    assert_int_equal(read.config->interval_seconds, HOUR);
    assert_int_equal(read.config->timeout_seconds, 10);
    assert_int_equal(read.config->concurrency, 64);
    assert_int_equal(read.config->remind_seconds, DAY);
    assert_int_equal(read.config->unreachable_after, 3);
    assert_int_equal(strv_length(read.config->bundles), 1);
    assert_string_equal(read.config->bundles[0], CONFIG_DEFAULT_BUNDLES);
    assert_int_equal(strv_length(read.warnings), 1); /* nothing to watch */
    done(&read);
}

TEST(an_endpoint_has_what_is_written_and_the_rest_from_its_engine)
{
    Read read = read_config(
        "interval = \"2h\";\n"
        "trust = { bundles = [ \"/b/*.pem\" ]; };\n"
        "endpoints = (\n"
        "  { name = \"orders\"; host = \"orders.example\"; engine = \"postgres\"; },\n"
        "  { name = \"billing\"; host = \"::1\"; port = 3307; engine = \"mariadb\"; farewell = \"login\";\n"
        "    user = \"u\"; password_credential = \"c\"; interval = \"6h\"; rotation = \"restart\";\n"
        "    ca = \"rds-ca-ecc384-g1\"; maintenance_window = \"sat:23:30-sun:00:30\";\n"
        "    addresses = [ \"10.0.0.1\", \"fd00::1\" ]; verify_name = \"v.example\"; region = \"eu-west-1\"; "
        "}\n"
        ");\n",
        NULL);
    assert_int_equal(read.r, 0);
    assert_int_equal(strv_length(read.warnings), 0);
    const Endpoint *orders = read.config->endpoints[0], *billing = read.config->endpoints[1];
    assert_int_equal(orders->port, 5432);
    assert_int_equal(orders->farewell, FAREWELL_CLOSE);
    assert_int_equal(orders->interval_seconds, 2 * HOUR);
    assert_int_equal(orders->rotation, CLASS_AUTO);
    assert_false(orders->maintenance_window.known);
    assert_string_equal(orders->origin, "a.conf:4");
    assert_int_equal(billing->port, 3307);
    assert_int_equal(billing->farewell, FAREWELL_LOGIN);
    assert_int_equal(billing->interval_seconds, 6 * HOUR);
    assert_int_equal(billing->rotation, CLASS_RESTART);
    assert_true(billing->maintenance_window.known);
    assert_string_equal(billing->addresses[1], "fd00::1");
    done(&read);
}

TEST(engines_of_the_api_map_to_families_and_ports)
{
    static const struct {
        const char *name;
        EngineFamily family;
        int port;
    } cases[] = {
        { "postgres", FAMILY_POSTGRES, 5432 },
        { "aurora-postgresql", FAMILY_POSTGRES, 5432 },
        { "mysql", FAMILY_MYSQL, 3306 },
        { "aurora-mysql", FAMILY_MYSQL, 3306 },
        { "mariadb", FAMILY_MYSQL, 3306 },
        { "sqlserver-ee", FAMILY_SQLSERVER, 1433 },
        { "sqlserver-se", FAMILY_SQLSERVER, 1433 },
        { "sqlserver-ex", FAMILY_SQLSERVER, 1433 },
        { "sqlserver-web", FAMILY_SQLSERVER, 1433 },
        { "custom-sqlserver-ee", FAMILY_SQLSERVER, 1433 },
        { "oracle-ee", FAMILY_ORACLE, 2484 },
        { "oracle-ee-cdb", FAMILY_ORACLE, 2484 },
        { "oracle-se2", FAMILY_ORACLE, 2484 },
        { "oracle-se2-cdb", FAMILY_ORACLE, 2484 },
        { "custom-oracle-ee-cdb", FAMILY_ORACLE, 2484 },
        { "db2-ae", FAMILY_DB2, 0 },
        { "db2-se", FAMILY_DB2, 0 },
        { "docdb", FAMILY_DOCDB, 27017 },
        { "neptune", FAMILY_TLS, 8182 },
        { "redshift", FAMILY_POSTGRES, 5439 },
        { "tls", FAMILY_TLS, 0 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const Engine *engine = engine_find(cases[i].name);
        assert_non_null(engine);
        assert_int_equal(engine->family, cases[i].family);
        assert_int_equal(engine->port, cases[i].port);
    }
    static const char *const others[] = { "",      "postgres-ee", "sqlserver-", "sqlserverx",
                                          "oracl", "mysql2",      "tls-x" };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_null(engine_find(others[i]));
    for (size_t i = 0; i < n_engines; i++)
        assert_non_null(strstr(ENGINE_NAMES, engines[i].name));
}

TEST(mysql_is_never_left_by_dropping_unless_asked)
{
    Read read = read_config("endpoints = ( { name = \"a\"; host = \"h\"; engine = \"mysql\"; },"
                            "{ name = \"b\"; host = \"h\"; engine = \"mariadb\"; farewell = \"drop\"; } );",
                            NULL);
    assert_int_equal(read.r, 0);
    assert_int_equal(read.config->endpoints[0]->farewell, FAREWELL_REFUSED);
    assert_int_equal(read.config->endpoints[1]->farewell, FAREWELL_DROP);
    done(&read);
}

TEST(a_drop_in_replaces_values_and_adds_endpoints)
{
    Read read =
        read_config("timeout = \"5s\"; endpoints = ( { name = \"a\"; host = \"h\"; engine = \"mysql\"; } );",
                    "timeout = \"7s\"; endpoints = ( { name = \"b\"; host = \"h\"; engine = \"mysql\"; } );");
    assert_int_equal(read.r, 0);
    assert_int_equal(read.config->timeout_seconds, 7);
    assert_int_equal(read.config->n_endpoints, 2);
    assert_string_equal(read.config->endpoints[1]->origin, "b.conf:1");
    done(&read);
}

/* Each text has exactly one thing wrong; the message has file, line, key and what would be right. */
static const struct {
    const char *text, *error;
} mistakes[] = {
    { "interval = 5;", "a.conf:1: interval: is a number; expected a duration from 10s to 30d, such as \"1h\"" },
    { "interval = \"5\";", "a.conf:1: interval: \"5\": expected a duration from 10s to 30d, such as \"1h\"" },
    { "\ninterval = \"9s\";",
      "a.conf:2: interval: \"9s\": expected a duration from 10s to 30d, such as \"1h\"" },
    { "timeout = \"2m\";", "a.conf:1: timeout: \"2m\": expected a duration from 1s to 1m, such as \"10s\"" },
    { "concurrency = 0;",
      "a.conf:1: concurrency: 0: expected a number of endpoints to probe at once, from 1 to 4096" },
    { "concurrency = \"9\";",
      "a.conf:1: concurrency: is a text; expected a number of endpoints to probe at once, from 1 to 4096" },
    { "intervall = \"1h\";", "a.conf:1: intervall: unknown key; did you mean \"interval\"?" },
    { "zzz = 1;", "a.conf:1: zzz: unknown key; dbcertd.conf(5) lists the known ones" },
    { "trust = { bundels = [ \"x\" ]; };", "a.conf:1: trust.bundels: unknown key; did you mean \"bundles\"?" },
    { "trust = 1;", "a.conf:1: trust: is a number; expected a group { ... }" },
    { "trust = { bundles = [ 1 ]; };", "a.conf:1: trust.bundles: element 1: expected a list of file patterns, "
                                       "such as [ \"/etc/dbcertd/bundles/*.pem\" ]" },
    { "endpoints = ( 5 );",
      "a.conf:1: endpoints: element 1 is a number; expected a list of groups ( { name = ...; host = "
      "...; engine = ...; }, ... )" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; } );",
      "a.conf:1: endpoints[0]: engine is missing; every endpoint has name, host and engine" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"postgress\"; } );",
      "a.conf:1: endpoints[0].engine: \"postgress\": did you mean \"postgres\"? Expected one "
      "of " ENGINE_NAMES },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"tls\"; } );",
      "a.conf:1: endpoints[0]: port is missing; engine \"tls\" has no default" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"mysql\"; port = 65536; } );",
      "a.conf:1: endpoints[0].port: 65536: expected a port from 1 to 65535" },
    { "endpoints = ( { name = \"a b\"; host = \"h\"; engine = \"mysql\"; } );",
      "a.conf:1: endpoints[0]: name \"a b\": expected letters, digits and . _ - only" },
    { "endpoints = ( { name = \"a\"; host = \"h;rm\"; engine = \"mysql\"; } );",
      "a.conf:1: endpoints[0]: host \"h;rm\": expected a host name or an address" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"mysql\"; hots = \"x\"; } );",
      "a.conf:1: endpoints[0].hots: unknown key; did you mean \"host\"?" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"mysql\"; rotation = \"onlin\"; } );",
      "a.conf:1: endpoints[0].rotation: \"onlin\": did you mean \"online\"? Expected one of auto, online, "
      "restart, acm, "
      "external" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"mysql\"; maintenance_window = \"sunday\"; } );",
      "a.conf:1: endpoints[0].maintenance_window: \"sunday\": expected a weekly window in UTC of at least 30 "
      "minutes, such "
      "as \"sun:05:00-sun:06:00\"" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"mysql\"; farewell = \"close\"; } );",
      "a.conf:1: endpoints[0]: farewell \"close\" would count as a failed connection on MySQL and MariaDB; "
      "expected "
      "refused, login, or drop if it has to be" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"postgres\"; farewell = \"login\"; } );",
      "a.conf:1: endpoints[0]: farewell \"login\" is for MySQL and MariaDB; leave it out for postgres" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"mysql\"; farewell = \"login\"; } );",
      "a.conf:1: endpoints[0]: farewell \"login\" needs user and password_credential" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"mysql\"; user = \"u\"; } );",
      "a.conf:1: endpoints[0]: user and password_credential are for farewell = \"login\" alone" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"mysql\"; addresses = [ \"nowhere\" ]; } );",
      "a.conf:1: endpoints[0]: addresses: \"nowhere\" is not an IPv4 or IPv6 address" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"mysql\"; },\n { name = \"a\"; host = \"h\"; "
      "engine = "
      "\"mysql\"; } );",
      "a.conf:2: endpoints[1]: name \"a\" is taken by the endpoint at a.conf:1" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"sqlserver-se\"; strict = 1; } );",
      "a.conf:1: endpoints[0].strict: is a number; expected true or false; true is for TDS 8.0 of SQL Server "
      "2022 and "
      "later" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"postgres\"; strict = true; } );",
      "a.conf:1: endpoints[0]: strict is for SQL Server; leave it out for postgres" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"oracle-ee-cdb\"; direct_tls = true; } );",
      "a.conf:1: endpoints[0]: direct_tls is for PostgreSQL; leave it out for oracle-ee-cdb" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"docdb\"; check_plaintext = true; } );",
      "a.conf:1: endpoints[0]: check_plaintext is for PostgreSQL, MySQL, MariaDB and SQL Server; leave it out "
      "for docdb, where a port has TLS or has none" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"mysql\"; check_plaintext = true; } );",
      "a.conf:1: endpoints[0]: check_plaintext logs in without TLS on MySQL and MariaDB; expected farewell = "
      "\"login\" "
      "with it" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"postgres\"; kind = \"proxy\"; ca = "
      "\"rds-ca-2019\"; } );",
      "a.conf:1: endpoints[0]: ca is for the authorities of RDS; leave it out for a proxy, whose certificates "
      "come from "
      "AWS Certificate Manager" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"redshift\"; ca = \"rds-ca-2019\"; } );",
      "a.conf:1: endpoints[0]: ca is for the authorities of RDS; leave it out for redshift, whose certificates "
      "come from "
      "AWS Certificate Manager" },
    { "alerts = { alertmanager = \"localhost:9093\"; };",
      "a.conf: alerts.alertmanager: \"localhost:9093\": expected a URL such as http://127.0.0.1:9093" },
    { "rds = ( { credentials = \"instance\"; } );",
      "a.conf:1: rds[0]: region is missing; every source has one" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"postgres\"; ca = \"rds-ca-$(id)\"; } );",
      "a.conf:1: endpoints[0]: ca \"rds-ca-$(id)\": expected a CA identifier such as rds-ca-rsa2048-g1" },
    { "endpoints = ( { name = \"a\"; host = \"h\"; engine = \"postgres\"; region = \"us-east-1;id\"; } );",
      "a.conf:1: endpoints[0]: region \"us-east-1;id\": expected a region such as us-east-1" },
    { "endpoints = ( { name = \"a\"; host = \"-h\"; engine = \"postgres\"; } );",
      "a.conf:1: endpoints[0]: host \"-h\": expected a host name or an address" },
    { "trust_stores = ( { name = \"a\"; path = \"/a\\nb\"; } );",
      "a.conf:1: trust_stores[0]: path \"/a\nb\": expected an absolute path without control characters" },
    { "trust_stores = ( { name = \"a\"; path = \"/a\"; password_credential = \"$(id)\"; } );",
      "a.conf:1: trust_stores[0]: password_credential \"$(id)\": expected letters, digits and . _ - only" },
    { "rds = ( { region = \"us east\"; } );",
      "a.conf:1: rds: region \"us east\": expected a region such as us-east-1" },
    { "rds = ( { region = \"us-east-1\"; credentials = \"instanc\"; } );",
      "a.conf:1: rds: credentials \"instanc\": expected instance, environment, container, or "
      "credential:NAME" },
    { "rds = ( { region = \"us-east-1\"; credentials = \"credential:../x\"; } );",
      "a.conf:1: rds: credentials \"credential:../x\": expected instance, environment, container, or "
      "credential:NAME" },
    { "rds = ( { region = \"us-east-1\"; endpoint_url = \"http://127.evil.test/\"; } );",
      "a.conf:1: rds: \"http://127.evil.test/\": expected https://, or http:// of this host itself" },
    { "rds = ( { region = \"us-east-1\"; sts_endpoint_url = \"https://sts.test/?x\"; } );",
      "a.conf:1: rds: \"https://sts.test/?x\": expected https://, or http:// of this host itself" },
    { "rds = ( { region = \"us-east-1\"; engines = [ \"postgers\" ]; } );",
      "a.conf:1: rds: engines: \"postgers\": did you mean \"postgres\"? Expected one of " ENGINE_NAMES },
    { "rds = ( { region = \"us-east-1\"; role = \"arn:aws:iam::1:user/somebody-else\"; } );",
      "a.conf:1: rds: role \"arn:aws:iam::1:user/somebody-else\": expected an ARN such as "
      "arn:aws:iam::123456789012:role/dbcertd" },
    { "rds = ( { region = \"us-east-1\"; external_id = \"who\"; } );",
      "a.conf:1: rds: external_id is for a role; give that, too, or leave it out" },
    { "rds = ( { region = \"us-east-1\"; },\n{ region = \"us-east-1\"; credentials = \"environment\"; } );",
      "a.conf:2: rds: the source at a.conf:1 has the name \"us-east-1\" already; give one of them another "
      "name" },
    { "rds = ( { region = \"us-east-1\"; interval = \"9s\"; } );",
      "a.conf:1: rds[0].interval: \"9s\": expected a duration from 10s to 1d, such as \"15m\"" },
    { "trust_stores = ( { name = \"a\"; path = \"/a\"; endpoints = [ \"orders.q\" ]; } );\nrds = ( { region = "
      "\"us-east-1\"; } );",
      "a.conf:1: trust store a: endpoints: no endpoint is named \"orders.q\"" },
    { "interval = ;", "a.conf:1: syntax error; expected libconfig's syntax: key = value;" },
};

TEST(every_mistake_is_told_with_its_place_and_what_would_be_right)
{
    for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
        Read read = read_config(mistakes[i].text, NULL);
        assert_int_equal(read.r, -EINVAL);
        assert_null(read.config);
        assert_string_equal(read.errors[0], mistakes[i].error);
        assert_int_equal(strv_length(read.errors), 1);
        done(&read);
    }
}

TEST(a_source_is_named_by_its_region_and_the_account_of_its_role)
{
    Read read = read_config(
        "rds = ( { region = \"us-east-1\"; }, { region = \"us-east-1\"; role = "
        "\"arn:aws-us-gov:iam::210987654321:role/a/b\"; }, { region = \"us-east-1\"; name = \"n\"; } );\n"
        "trust_stores = ( { name = \"a\"; path = \"/a\"; endpoints = [ \"orders.us-east-1\", "
        "\"shop.cluster.n\" ]; } );",
        NULL);
    assert_int_equal(read.r, 0);
    assert_int_equal(read.config->n_sources, 3);
    assert_string_equal(read.config->sources[0]->name, "us-east-1");
    assert_string_equal(read.config->sources[1]->name, "us-east-1.210987654321");
    assert_string_equal(read.config->sources[2]->name, "n");
    assert_string_equal(read.config->sources[0]->credentials, "instance");
    assert_int_equal(read.config->sources[0]->interval_seconds, 15 * MINUTE);
    assert_int_equal(strv_length(read.warnings), 0); /* that nothing is watched is not known */
    done(&read);
}

TEST(all_mistakes_are_told_at_once_over_all_files)
{
    Read read =
        read_config("interval = 5;\ntimeout = 5;\nendpoints = ( { name = \"a\"; } );", "concurrency = 0;");
    assert_int_equal(read.r, -EINVAL);
    assert_int_equal(strv_length(read.errors), 5);
    assert_string_equal(
        read.errors[4],
        "b.conf:1: concurrency: 0: expected a number of endpoints to probe at once, from 1 to 4096");
    done(&read);
}

TEST(no_message_shows_the_password_of_a_url_that_was_pasted)
{
    static const char *const texts[] = {
        "socket_hosts = [ \"https://app:s3cret@bastion\" ]; endpoints = ();",
        "trust = { fetch_credentials = [ \"https://app:s3cret@mirror=name\" ]; };",
        "rds = ( { region = \"https://app:s3cret@x\"; } );",
        "timeout = \"https://app:s3cret@x\";",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        Read read = read_config(texts[i], "");
        char **messages = read.errors ? read.errors : read.warnings;
        assert_true(strv_length(messages) > 0);
        bool quoted = false;
        for (char **message = messages; *message; message++) {
            assert_null(strstr(*message, "s3cret"));
            quoted |= strstr(*message, "https://") != NULL;
        }
        assert_true(quoted);
        done(&read);
    }
}

static void count_key(const char *name, const Key *key, void *userdata)
{
    _cleanup_free_ char *example = key_example(key);
    assert_true(example || key->keys);
    assert_non_null(key->help);
    assert_true(strlen(name) > 0);
    ++*(unsigned *)userdata;
}

TEST(thresholds_are_the_endpoint_s_own_else_everybody_s_else_the_documented_ones)
{
    Read read = read_config("thresholds = { expiring_warning = \"60d\"; ca_notice = \"3650d\"; };\n"
                            "endpoints = (\n"
                            "  { name = \"a\"; host = \"a\"; engine = \"postgres\"; },\n"
                            "  { name = \"b\"; host = \"b\"; engine = \"postgres\";\n"
                            "    thresholds = { expiring_warning = \"20d\"; online_grace = \"15d\"; }; }\n"
                            ");\n",
                            NULL);
    assert_int_equal(read.r, 0);
    const Thresholds *a = &read.config->endpoints[0]->thresholds, *b = &read.config->endpoints[1]->thresholds;
    assert_int_equal(a->expiring_warning, 60 * DAY);
    assert_int_equal(b->expiring_warning, 20 * DAY);
    assert_int_equal(a->online_grace, 8 * DAY);
    assert_int_equal(b->online_grace, 15 * DAY);
    assert_int_equal(a->ca_notice, 3650 * (int64_t)DAY);
    assert_int_equal(b->ca_notice, 3650 * (int64_t)DAY);
    done(&read);

    read = read_config("", NULL); /* the table's defaults are the code's */
    assert_memory_equal(&read.config->thresholds, &thresholds_default, sizeof thresholds_default);
    done(&read);
}

TEST(thresholds_that_contradict_one_another_or_the_bounds_are_errors)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "thresholds = { expiring_critical = \"40d\"; };",
          "a.conf: thresholds: expiring_critical is more than" },
        { "thresholds = { ca_warning = \"800d\"; };", "ca_warning is more than ca_notice" },
        { "thresholds = { online_grace = \"1h\"; };",
          "thresholds.online_grace: \"1h\": expected a duration from 1d to 90d" },
        { "thresholds = { online_grase = \"9d\"; };", "did you mean \"online_grace\"?" },
        { "endpoints = ( { name = \"a\"; host = \"a\"; engine = \"postgres\"; thresholds = { acm_warning = "
          "\"7d\"; }; } );",
          "a.conf:1: a: thresholds: acm_critical is more than acm_warning, with those of all endpoints" },
        { "endpoints = ( { name = \"a\"; host = \"a\"; engine = \"postgres\"; thresholds = { acm_warning = 7; "
          "}; } );",
          "endpoints[0].thresholds.acm_warning: is a number; expected a duration" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Read read = read_config(cases[i].text, NULL);
        assert_int_equal(read.r, -EINVAL);
        assert_int_equal(strv_length(read.errors), 1);
        assert_non_null(strstr(read.errors[0], cases[i].error));
        done(&read);
    }
}

TEST(the_table_names_every_key_once)
{
    unsigned n = 0;
    key_for_each(count_key, &n);
    assert_int_equal(n, 79);
}

RUN_TESTS(cmocka_unit_test(defaults_are_the_documented_ones),
          cmocka_unit_test(an_endpoint_has_what_is_written_and_the_rest_from_its_engine),
          cmocka_unit_test(engines_of_the_api_map_to_families_and_ports),
          cmocka_unit_test(mysql_is_never_left_by_dropping_unless_asked),
          cmocka_unit_test(a_drop_in_replaces_values_and_adds_endpoints),
          cmocka_unit_test(every_mistake_is_told_with_its_place_and_what_would_be_right),
          cmocka_unit_test(a_source_is_named_by_its_region_and_the_account_of_its_role),
          cmocka_unit_test(all_mistakes_are_told_at_once_over_all_files),
          cmocka_unit_test(no_message_shows_the_password_of_a_url_that_was_pasted),
          cmocka_unit_test(thresholds_are_the_endpoint_s_own_else_everybody_s_else_the_documented_ones),
          cmocka_unit_test(thresholds_that_contradict_one_another_or_the_bounds_are_errors),
          cmocka_unit_test(the_table_names_every_key_once));
