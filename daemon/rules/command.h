#pragma once

/* Commands that findings and plans have in common. Each function appends steps to the list. */

#include "model/endpoint.h"
#include "model/step.h"
#include "rds/catalogue.h"
#include "rds/hostname.h"

/* Where there is no catalogue. */
#define BUNDLE_URL "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"

/* Asks dbcertd for an endpoint, and to probe it again. */
void command_show(StepList *steps, const char *endpoint);
void command_probe(StepList *steps, const char *endpoint);

/* An edit of dbcertd's configuration, in words, and the reload that reads it. */
void command_configure(StepList *steps, const char *format, ...) _printf_(2, 3);

/* " --region us-east-1"; nothing where it is not known. */
void command_region(Step *step, const char *region);

/*
 * "aws rds VERB --db-instance-identifier orders", to be completed by the caller, who adds the region last.
 * Where neither host nor API tells the identifier, a look that finds it out comes with it.
 */
Step *command_instance(StepList *steps, StepKind kind, const Endpoint *endpoint, const char *verb);

/* "aws rds reboot-db-instance", with its effect. */
void command_restart(StepList *steps, const Endpoint *endpoint);

/* "aws rds describe-db-clusters ...", for the identifiers of a cluster's instances. */
void command_members(Step *step, const RdsHostname *cluster);

/* Replaces dbcertd's own copy of a bundle, and reloads. */
void command_bundle(StepList *steps, const char *url);

/* "aws rds describe-certificates", for the CA identifiers that a region offers. */
void command_offer(StepList *steps, const char *region);

/* What the API says of the engine's versions: whether a rotation restarts them, and which CAs they can have. */
void command_versions(StepList *steps, const Endpoint *endpoint);
