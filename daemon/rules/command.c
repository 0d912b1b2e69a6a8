#include "rules/command.h"

#include <string.h>

#include "base/alloc.h"

void command_show(StepList *steps, const char *endpoint)
{
    Step *step = steps_append(steps, STEP_LOOK, PLACE_HERE);
    step_words(step, "dbcertctl show");
    step_value(step, endpoint);
}

void command_probe(StepList *steps, const char *endpoint)
{
    Step *step = steps_append(steps, STEP_VERIFY, PLACE_HERE);
    step_words(step, "dbcertctl probe");
    step_value(step, endpoint);
}

void command_configure(StepList *steps, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *edit = xvasprintf(format, args);
    va_end(args);
    steps_by_hand(steps, STEP_CHANGE, PLACE_HERE, "%s in dbcertd's configuration, then:", edit);
    step_words(steps_append(steps, STEP_CHANGE, PLACE_HERE), "systemctl reload dbcertd");
}

void command_region(Step *step, const char *region)
{
    if (!region)
        return;
    step_words(step, "--region");
    step_value(step, region);
}

void command_members(Step *step, const RdsHostname *cluster)
{
    step_words(step, "aws");
    step_value(step, cluster->service);
    step_words(step, "describe-db-clusters --db-cluster-identifier");
    step_value(step, cluster->id);
    step_words(step, "--query 'DBClusters[].DBClusterMembers[].DBInstanceIdentifier'");
}

/* Which instances there are: those of the cluster that the host names, else all of the region. */
static void find_instance(StepList *steps, const Endpoint *endpoint, const RdsHostname *host,
                          const char *service)
{
    Step *step = steps_append(steps, STEP_LOOK, PLACE_AWS);
    if (host->service && rds_hostname_is_cluster(host))
        command_members(step, host);
    else {
        step_words(step, "aws");
        step_value(step, service);
        step_words(step,
                   "describe-db-instances --query 'DBInstances[].[DBInstanceIdentifier,Endpoint.Address]'");
    }
    command_region(step, endpoint->region);
}

Step *command_instance(StepList *steps, StepKind kind, const Endpoint *endpoint, const char *verb)
{
    RdsHostname host;
    const char *service = rds_hostname_parse(endpoint->host, &host) ? host.service : "rds";
    const char *id = rds_instance_identifier(endpoint, &host);
    if (!id)
        find_instance(steps, endpoint, &host, service);
    Step *step = steps_append(steps, kind, PLACE_AWS);
    step_words(step, "aws");
    step_value(step, service);
    step_value(step, verb);
    step_words(step, "--db-instance-identifier");
    step_value(step, id ? id : "DB-INSTANCE-IDENTIFIER");
    return step;
}

void command_restart(StepList *steps, const Endpoint *endpoint)
{
    Step *step = command_instance(steps, STEP_CHANGE, endpoint, "reboot-db-instance");
    command_region(step, endpoint->region);
    step_effect(step, "restarts the database: all connections end");
}

void command_bundle(StepList *steps, const char *url)
{
    Step *step = steps_append(steps, STEP_CHANGE, PLACE_HERE);
    step_words(step, "curl -fsSo /etc/dbcertd/bundles");
    step_glue_value(step, strrchr(url, '/'));
    step_value(step, url);
    step_words(step, "&& systemctl reload dbcertd");
}

void command_offer(StepList *steps, const char *region)
{
    Step *step = steps_append(steps, STEP_LOOK, PLACE_AWS);
    step_words(step, "aws rds describe-certificates --query 'Certificates[].CertificateIdentifier'");
    command_region(step, region);
}

void command_versions(StepList *steps, const Endpoint *endpoint)
{
    const RdsEndpoint *rds = endpoint->rds;
    Step *step = steps_append(steps, STEP_LOOK, PLACE_AWS);
    step_words(step, "aws rds describe-db-engine-versions --engine");
    step_value(step, rds ? rds->engine : endpoint->engine_name);
    if (rds && rds->engine_version) {
        step_words(step, "--engine-version");
        step_value(step, rds->engine_version);
    }
    step_words(step, "--include-all --query "
                     "'DBEngineVersions[].[EngineVersion,SupportsCertificateRotationWithoutRestart,"
                     "SupportedCACertificateIdentifiers]'");
    command_region(step, endpoint->region);
}
