/* What to do where a server cannot be reached, does not speak TLS well, or does without it. */

#include <string.h>

#include "rds/hostname.h"
#include "rules/command.h"
#include "rules/remedy.h"

static EngineFamily family_of(const Case *c)
{
    return case_endpoint(c)->engine->family;
}

static bool is_aurora(const Case *c)
{
    return strncmp(case_endpoint(c)->engine_name, "aurora-", strlen("aurora-")) == 0;
}

/* Which parameter group the instance or the cluster has. */
static void find_group(const Case *c, StepList *steps, bool cluster)
{
    if (!cluster) {
        Step *step = command_instance(steps, STEP_LOOK, case_endpoint(c), "describe-db-instances");
        step_words(step, "--query 'DBInstances[].DBParameterGroups'");
        command_region(step, case_endpoint(c)->region);
        return;
    }
    Step *step = steps_append(steps, STEP_LOOK, PLACE_AWS);
    step_words(
        step,
        "aws rds describe-db-clusters --query 'DBClusters[].[DBClusterIdentifier,DBClusterParameterGroup]'");
    command_region(step, case_endpoint(c)->region);
}

/* "aws rds modify-db-parameter-group ..."; Aurora has such parameters in the cluster's group. */
static void set_parameter(const Case *c, StepList *steps, const char *assignment, const char *effect)
{
    bool docdb = family_of(c) == FAMILY_DOCDB, cluster = is_aurora(c) || docdb;
    find_group(c, steps, cluster);
    Step *step = steps_append(steps, STEP_CHANGE, PLACE_AWS);
    step_words(step, "aws");
    step_value(step, docdb ? "docdb" : "rds");
    if (cluster)
        step_words(step, "modify-db-cluster-parameter-group --db-cluster-parameter-group-name");
    else
        step_words(step, "modify-db-parameter-group --db-parameter-group-name");
    step_words(step, "DB-PARAMETER-GROUP --parameters");
    step_value(step, assignment);
    command_region(step, case_endpoint(c)->region);
    step_effect(step, "%s", effect);
}

/* What openssl s_client -starttls can say; it knows no TDS. */
static void look_at_chain(const Case *c, StepList *steps)
{
    static const char *const starttls[N_FAMILIES] = {
        [FAMILY_POSTGRES] = "postgres",
        [FAMILY_MYSQL] = "mysql",
    };
    const Endpoint *e = case_endpoint(c);
    Step *step = steps_append(steps, STEP_LOOK, PLACE_HERE);
    step_words(step, "openssl s_client -connect");
    step_value(step, c->address->address.text);
    step_glue(step, ":");
    step_glue_number(step, e->port);
    step_words(step, "-showcerts");
    if (starttls[family_of(c)] && !e->direct_tls) {
        step_words(step, "-starttls");
        step_value(step, starttls[family_of(c)]);
    }
    step_words(step, "</dev/null");
}

void remedy_self_signed(const Case *c, StepList *steps)
{
    if (family_of(c) == FAMILY_SQLSERVER) {
        command_show(steps, case_endpoint(c)->name);
        steps_by_hand(steps, STEP_CHANGE, PLACE_SERVER,
                      "choose a certificate of a CA in SQL Server Configuration Manager");
    } else {
        look_at_chain(c, steps);
        steps_by_hand(steps, STEP_CHANGE, PLACE_SERVER,
                      "configure a certificate of a CA on the server (ssl_cert, ssl_key)");
    }
    command_probe(steps, case_endpoint(c)->name);
}

void remedy_reach(const Case *c, StepList *steps)
{
    const Observation *latest = c->address->latest;
    if (latest->server_error == ER_CON_COUNT_ERROR)
        step_words(steps_append(steps, STEP_LOOK, PLACE_SERVER),
                   "mysql -e \"SHOW STATUS LIKE 'Threads_connected'; SHOW VARIABLES LIKE 'max_connections'\"");
    else if (latest->server_error == ER_HOST_NOT_PRIVILEGED) {
        step_words(steps_append(steps, STEP_LOOK, PLACE_SERVER),
                   "mysql -e 'SELECT user, host FROM mysql.user'");
        steps_by_hand(steps, STEP_CHANGE, PLACE_SERVER,
                      "allow the host of dbcertd: CREATE USER 'dbcertd'@'HOST' IDENTIFIED BY 'PASSWORD'");
    } else {
        Step *step = steps_append(steps, STEP_LOOK, PLACE_HERE);
        step_words(step, "nc -vz");
        step_value(step, c->address->address.text);
        step_number(step, case_endpoint(c)->port);
    }
    command_probe(steps, case_endpoint(c)->name);
}

static void allow_tls_of_oracle(const Case *c, StepList *steps)
{
    Step *look = command_instance(steps, STEP_LOOK, case_endpoint(c), "describe-db-instances");
    step_words(look, "--query 'DBInstances[].[OptionGroupMemberships,VpcSecurityGroups]'");
    command_region(look, case_endpoint(c)->region);
    command_configure(steps, "if the option group has the option SSL, set port to the SSL option's for %s",
                      case_endpoint(c)->name);
    Step *step = steps_append(steps, STEP_CHANGE, PLACE_AWS);
    step_words(step, "aws rds add-option-to-option-group --option-group-name OPTION-GROUP --apply-immediately "
                     "--options OptionName=SSL,Port=2484,VpcSecurityGroupMemberships=SECURITY-GROUP");
    command_region(step, case_endpoint(c)->region);
    step_effect(step, "adds a listener with TLS to every instance of the option group");
}

static void allow_tls_of_engine(const Case *c, StepList *steps)
{
    const char *name = case_endpoint(c)->name;
    switch (family_of(c)) {
    case FAMILY_POSTGRES:
        step_words(steps_append(steps, STEP_CHANGE, PLACE_SERVER),
                   "psql -c 'ALTER SYSTEM SET ssl = on' -c 'SELECT pg_reload_conf()'");
        break;
    case FAMILY_MYSQL:
        step_words(steps_append(steps, STEP_LOOK, PLACE_SERVER), "mysql -e \"SHOW VARIABLES LIKE 'have_ssl'\"");
        steps_by_hand(steps, STEP_CHANGE, PLACE_SERVER, "set ssl_cert and ssl_key, and restart the server");
        break;
    case FAMILY_SQLSERVER:
        command_show(steps, name);
        steps_by_hand(steps, STEP_CHANGE, PLACE_SERVER,
                      "choose a certificate in SQL Server Configuration Manager, and restart the server");
        break;
    case FAMILY_ORACLE:
        allow_tls_of_oracle(c, steps);
        break;
    case FAMILY_DB2:
        command_configure(steps, "set port to the one that the parameter ssl_svcename names for %s", name);
        break;
    case FAMILY_DOCDB:
        set_parameter(c, steps, "ParameterName=tls,ParameterValue=enabled,ApplyMethod=pending-reboot",
                      "from the next restart on, refuses clients without TLS");
        break;
    case FAMILY_TLS:
        command_configure(steps, "set engine or port for %s", name);
        break;
    }
}

void remedy_allow_tls(const Case *c, StepList *steps)
{
    const Endpoint *e = case_endpoint(c);
    if (e->direct_tls || e->strict)
        command_configure(steps, "leave %s out for %s", e->strict ? "strict" : "direct_tls", e->name);
    else
        allow_tls_of_engine(c, steps);
    command_probe(steps, e->name);
}

#define REFUSES_PLAINTEXT "refuses clients without TLS"

static void require_tls_of_proxy(const Case *c, StepList *steps)
{
    RdsHostname host;
    bool known = rds_hostname_parse(case_endpoint(c)->host, &host);
    Step *step = steps_append(steps, STEP_CHANGE, PLACE_AWS);
    step_words(step, "aws rds modify-db-proxy --require-tls --db-proxy-name");
    step_value(step, known ? host.id : "DB-PROXY-NAME");
    command_region(step, case_endpoint(c)->region);
    step_effect(step, REFUSES_PLAINTEXT);
}

static void require_tls_of_redshift(const Case *c, StepList *steps)
{
    const char *region = case_endpoint(c)->region;
    Step *look = steps_append(steps, STEP_LOOK, PLACE_AWS);
    step_words(
        look, "aws redshift describe-clusters --query 'Clusters[].[ClusterIdentifier,ClusterParameterGroups]'");
    command_region(look, region);
    Step *step = steps_append(steps, STEP_CHANGE, PLACE_AWS);
    step_words(step, "aws redshift modify-cluster-parameter-group --parameter-group-name PARAMETER-GROUP "
                     "--parameters ParameterName=require_ssl,ParameterValue=true");
    command_region(step, region);
    step_effect(step, REFUSES_PLAINTEXT);
}

static void require_tls_at_rds(const Case *c, StepList *steps)
{
    if (case_endpoint(c)->kind == KIND_PROXY)
        require_tls_of_proxy(c, steps);
    else if (case_endpoint(c)->engine->acm)
        require_tls_of_redshift(c, steps);
    else if (family_of(c) == FAMILY_MYSQL)
        set_parameter(c, steps,
                      is_aurora(c)
                          ? "ParameterName=require_secure_transport,ParameterValue=ON,ApplyMethod=immediate"
                          : "ParameterName=require_secure_transport,ParameterValue=1,ApplyMethod=immediate",
                      REFUSES_PLAINTEXT);
    else if (family_of(c) == FAMILY_SQLSERVER)
        set_parameter(c, steps, "ParameterName=rds.force_ssl,ParameterValue=1,ApplyMethod=pending-reboot",
                      "from the next restart on, " REFUSES_PLAINTEXT);
    else
        set_parameter(c, steps, "ParameterName=rds.force_ssl,ParameterValue=1,ApplyMethod=immediate",
                      REFUSES_PLAINTEXT);
}

void remedy_require_tls(const Case *c, StepList *steps)
{
    if (case_is_rds(c))
        require_tls_at_rds(c, steps);
    else if (family_of(c) == FAMILY_MYSQL) {
        Step *step = steps_append(steps, STEP_CHANGE, PLACE_SERVER);
        step_words(step, "mysql -e 'SET GLOBAL require_secure_transport = ON'");
        step_effect(step, REFUSES_PLAINTEXT);
    } else if (family_of(c) == FAMILY_SQLSERVER)
        steps_by_hand(steps, STEP_CHANGE, PLACE_SERVER,
                      "set Force Encryption in SQL Server Configuration Manager, and restart the server; "
                      "that " REFUSES_PLAINTEXT);
    else {
        steps_by_hand(steps, STEP_CHANGE, PLACE_SERVER,
                      "write hostssl in place of host in pg_hba.conf; that " REFUSES_PLAINTEXT ". Then:");
        step_words(steps_append(steps, STEP_CHANGE, PLACE_SERVER), "psql -c 'SELECT pg_reload_conf()'");
    }
    command_probe(steps, case_endpoint(c)->name);
}

static void modernise_oracle(const Case *c, StepList *steps)
{
    Step *look = command_instance(steps, STEP_LOOK, case_endpoint(c), "describe-db-instances");
    step_words(look, "--query 'DBInstances[].OptionGroupMemberships'");
    command_region(look, case_endpoint(c)->region);
    Step *options = steps_append(steps, STEP_LOOK, PLACE_AWS);
    step_words(options, "aws rds describe-option-groups --option-group-name OPTION-GROUP");
    command_region(options, case_endpoint(c)->region);
    steps_by_hand(steps, STEP_CHANGE, PLACE_AWS,
                  "set SQLNET.SSL_VERSION to 1.2 and SQLNET.CIPHER_SUITE to one with ECDHE in the SSL option");
}

void remedy_modernise(const Case *c, StepList *steps)
{
    if (case_is_rds(c) && family_of(c) == FAMILY_SQLSERVER)
        set_parameter(c, steps, "ParameterName=rds.tls12,ParameterValue=enabled,ApplyMethod=pending-reboot",
                      "from the next restart on, accepts TLS 1.2");
    else if (case_is_rds(c) && family_of(c) == FAMILY_ORACLE)
        modernise_oracle(c, steps);
    else
        steps_by_hand(steps, STEP_CHANGE, PLACE_SERVER, "allow TLS 1.2 with ECDHE on the server");
    command_probe(steps, case_endpoint(c)->name);
}

void remedy_unblock(const Case *c, StepList *steps)
{
    if (case_is_rds(c)) {
        command_show(steps, case_endpoint(c)->name);
        steps_by_hand(steps, STEP_CHANGE, PLACE_SERVER,
                      "as the master user, from another host: FLUSH HOSTS, or TRUNCATE TABLE "
                      "performance_schema.host_cache");
    } else
        step_words(steps_append(steps, STEP_CHANGE, PLACE_SERVER),
                   "mysql -e 'FLUSH HOSTS' || mysql -e 'TRUNCATE TABLE performance_schema.host_cache'");
    if (case_endpoint(c)->farewell == FAREWELL_DROP)
        command_configure(steps, "set farewell = \"refused\" or \"login\" for %s (the server counts \"drop\")",
                          case_endpoint(c)->name);
    command_probe(steps, case_endpoint(c)->name);
}

void remedy_look_up(const Case *c, StepList *steps)
{
    Step *step = steps_append(steps, STEP_LOOK, PLACE_HERE);
    step_words(step, "getent ahosts");
    step_value(step, case_endpoint(c)->host);
}
