#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/file.h"
#include "rds/inventory.h"

#define NOW at("2026-11-20T12:00:00Z")

/* "<DescribeXResponse><DescribeXResult>...": an answer around its records. */
static char *answer(const char *action, const char *inside)
{
    return xasprintf("<?xml version=\"1.0\"?>\n<%sResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\">"
                     "<%sResult>%s</%sResult><ResponseMetadata><RequestId>9135fff3</RequestId>"
                     "</ResponseMetadata></%sResponse>",
                     action, action, inside, action, action);
}

static int parse(ApiAction action, const char *xml, ApiRecords *records, char **marker, char **why)
{
    return api_parse(action, (const uint8_t *)xml, strlen(xml), records, marker, why);
}

/* Adds what an action answers. */
static void take(RdsAnswers *answers, ApiAction action, const char *inside)
{
    _cleanup_free_ char *xml = answer(api_action_to_string(action), inside), *marker = NULL, *why = NULL;
    assert_int_equal(parse(action, xml, &answers->of[action], &marker, &why), 0);
}

static const char orders[] =
    "<DBInstances><DBInstance>"
    "<PendingModifiedValues><CACertificateIdentifier>rds-ca-ecc384-g1</CACertificateIdentifier></"
    "PendingModifiedValues>"
    "<DBSubnetGroup><Subnets><Subnet><SubnetStatus>Active</SubnetStatus></Subnet></Subnets></DBSubnetGroup>"
    "<Engine>postgres</Engine><EngineVersion>16.4</EngineVersion><DBInstanceStatus>available</DBInstanceStatus>"
    "<Endpoint><Port>5433</Port><Address>orders.c9akciq32rgq.us-east-1.rds.amazonaws.com</Address></Endpoint>"
    "<CACertificateIdentifier>rds-ca-rsa2048-g1</CACertificateIdentifier>"
    "<CertificateDetails><ValidTill>2027-05-01T12:34:56.789Z</ValidTill><CAIdentifier>rds-ca-rsa4096-g1</"
    "CAIdentifier>"
    "</CertificateDetails><DBInstanceIdentifier> orders\n</DBInstanceIdentifier>"
    "<PreferredMaintenanceWindow>sun:05:00-sun:06:00</PreferredMaintenanceWindow>"
    "<DBInstanceArn>arn:aws:rds:us-east-1:123456789012:db:orders</DBInstanceArn>"
    "<TagList><Tag><Key>watch</Key><Value/></Tag><Tag><Value>production</Value><Key>stage</Key></Tag></TagList>"
    "</DBInstance></DBInstances>";

static RdsSource source_of(void)
{
    return (RdsSource) { .name = (char *)"us-east-1", .region = (char *)"us-east-1", .interval_seconds = 900 };
}

static void make(const RdsSource *source, const RdsAnswers *answers, const RdsInventory *before, int64_t now,
                 RdsInventory *ret)
{
    const RdsInventory nothing = { 0 };
    inventory_make(source, answers, before ? before : &nothing, now, ret);
}

TEST(an_answer_s_records_have_what_is_asked_for_wherever_it_stands)
{
    RdsAnswers answers = { 0 };
    take(&answers, API_DB_INSTANCES, orders);
    const ApiRecord *r = &answers.of[API_DB_INSTANCES].items[0];
    assert_int_equal(answers.of[API_DB_INSTANCES].n, 1);
    assert_string_equal(api_text(r, INSTANCE_IDENTIFIER), "orders");
    assert_string_equal(api_text(r, INSTANCE_PORT), "5433");
    assert_string_equal(api_text(r, INSTANCE_CA), "rds-ca-rsa2048-g1");
    assert_string_equal(api_text(r, INSTANCE_CERTIFICATE_CA), "rds-ca-rsa4096-g1");
    assert_string_equal(api_text(r, INSTANCE_PENDING_CA), "rds-ca-ecc384-g1");
    /* Keys and values of tags stay together, be one of them empty or the other one first. */
    assert_string_equal(api_item(r, INSTANCE_TAG_KEY_S, 0), "watch");
    assert_string_equal(api_item(r, INSTANCE_TAG_VALUE_S, 0), "");
    assert_string_equal(api_item(r, INSTANCE_TAG_KEY_S, 1), "stage");
    assert_string_equal(api_item(r, INSTANCE_TAG_VALUE_S, 1), "production");
    assert_string_equal(api_item(r, INSTANCE_TAG_VALUE_S, 2), "");
    rds_answers_deinit(&answers);
}

TEST(pages_add_up_and_an_answer_that_is_no_good_adds_nothing)
{
    static const char *const bad[] = {
        "",
        "no XML",
        "<DescribeCertificatesResponse>",
        "<DescribeDBInstancesResponse><DescribeDBInstancesResult/></DescribeDBInstancesResponse>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><DescribeCertificatesResponse>&b;</DescribeCertificatesResponse>",
        "<DescribeCertificatesResponse><DescribeCertificatesResult>&unknown;</DescribeCertificatesResult>"
        "</DescribeCertificatesResponse>",
        "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>",
    };
    ApiRecords records = { 0 };
    char *marker = NULL, *why = NULL;
    _cleanup_free_ char *first =
        answer("DescribeCertificates",
               "<Certificates><Certificate><CertificateIdentifier>a</CertificateIdentifier></Certificate>"
               "</Certificates><Marker>next</Marker>"
               "<DefaultCertificateForNewLaunches>a</DefaultCertificateForNewLaunches>");
    _cleanup_free_ char *second =
        answer("DescribeCertificates", "<Certificates><Certificate/></Certificates><Marker/>");
    assert_int_equal(parse(API_CERTIFICATES, first, &records, &marker, &why), 0);
    assert_string_equal(marker, "next");
    assert_string_equal(records.default_ca, "a");
    free(marker);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(parse(API_CERTIFICATES, bad[i], &records, &marker, &why), -EINVAL);
        assert_non_null(why);
        free(TAKE(why));
        assert_int_equal(records.n, 1);
    }
    for (size_t cut = 1; cut < strlen(first); cut++) { /* cut off anywhere */
        assert_int_equal(api_parse(API_CERTIFICATES, (const uint8_t *)first, cut, &records, &marker, &why),
                         -EINVAL);
        free(TAKE(why));
    }
    assert_int_equal(parse(API_CERTIFICATES, second, &records, &marker, &why), 0);
    assert_null(marker);
    assert_int_equal(records.n, 2);
    assert_null(api_text(&records.items[1], CERTIFICATE_IDENTIFIER));
    api_records_deinit(&records);
}

TEST(an_error_s_code_and_message_are_told_and_nothing_else_is_an_error)
{
    static const char error[] =
        "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>Throttling</Code>"
        "<Message>Rate exceeded</Message></Error><RequestId>1</RequestId></ErrorResponse>";
    static const char *const none[] = { "", "<html/>", "<ErrorResponse/>",
                                        "<ErrorResponse><Error><Message>x</Message></Error></ErrorResponse>" };
    char *code = NULL, *message = NULL;
    assert_true(api_parse_error((const uint8_t *)error, strlen(error), &code, &message));
    assert_string_equal(code, "Throttling");
    assert_string_equal(message, "Rate exceeded");
    free(code);
    free(message);
    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        assert_false(api_parse_error((const uint8_t *)none[i], strlen(none[i]), &code, &message));
}

/* What the documented example of DescribePendingMaintenanceActions looks like: the resource comes last. */
static const char pending[] =
    "<PendingMaintenanceActions><ResourcePendingMaintenanceActions><PendingMaintenanceActionDetails>"
    "<PendingMaintenanceAction><Action>system-upgrade</Action><ForcedApplyDate>2026-01-01T00:00:00Z</"
    "ForcedApplyDate>"
    "</PendingMaintenanceAction><PendingMaintenanceAction><Description>Rotation</Description>"
    "<CurrentApplyDate>2027-01-03T05:00:00Z</CurrentApplyDate><Action>ca-certificate-rotation</Action>"
    "<AutoAppliedAfterDate>soon</AutoAppliedAfterDate></PendingMaintenanceAction></"
    "PendingMaintenanceActionDetails>"
    "<ResourceIdentifier>arn:aws:rds:us-east-1:123456789012:db:orders</ResourceIdentifier>"
    "</ResourcePendingMaintenanceActions></PendingMaintenanceActions>";

static const char versions[] =
    "<DBEngineVersions><DBEngineVersion><Engine>postgres</Engine><EngineVersion>16.4</EngineVersion>"
    "<SupportsCertificateRotationWithoutRestart>true</SupportsCertificateRotationWithoutRestart>"
    "<SupportedCACertificateIdentifiers><member>rds-ca-rsa2048-g1</member><member>rds-ca-ecc384-g1</member>"
    "</SupportedCACertificateIdentifiers></DBEngineVersion></DBEngineVersions>";

TEST(the_answers_of_one_round_come_together)
{
    const RdsSource source = source_of();
    RdsAnswers answers = { 0 };
    RdsInventory inventory;
    take(&answers, API_DB_INSTANCES, orders);
    take(&answers, API_PENDING_MAINTENANCE_ACTIONS, pending);
    take(&answers, API_DB_ENGINE_VERSIONS, versions);
    take(&answers, API_CERTIFICATES,
         "<DefaultCertificateForNewLaunches>rds-ca-ecc384-g1</DefaultCertificateForNewLaunches>");
    make(&source, &answers, NULL, NOW, &inventory);
    const RdsEndpoint *e = &inventory.endpoints[0];
    assert_int_equal(inventory.n_endpoints, 1);
    assert_null(e->problem);
    assert_int_equal(e->port, 5433);
    assert_string_equal(e->ca, "rds-ca-rsa4096-g1"); /* the certificate's own comes first */
    assert_string_equal(e->pending_ca, "rds-ca-ecc384-g1");
    assert_true(e->valid_till == at("2027-05-01T12:34:56Z"));
    assert_int_equal(e->online, SUPPORT_YES);
    assert_string_equal(e->offered, "rds-ca-rsa2048-g1, rds-ca-ecc384-g1");
    assert_true(rds_endpoint_offers(e, "rds-ca-ecc384-g1") && rds_endpoint_offers(e, "rds-ca-rsa2048-g1"));
    assert_false(rds_endpoint_offers(e, "rds-ca-rsa4096-g1") || rds_endpoint_offers(e, "rds-ca-ecc384"));
    assert_string_equal(e->default_ca, "rds-ca-ecc384-g1");
    assert_true(e->maintenance == 1 && e->current_apply == at("2027-01-03T05:00:00Z"));
    assert_true(e->auto_applied_after == INSTANT_NONE && e->forced_apply == INSTANT_NONE);

    _cleanup_free_ char *name = inventory_name(&source, e);
    _cleanup_(endpoint_unrefp) Endpoint *endpoint = inventory_endpoint(&source, e, name);
    assert_string_equal(endpoint->name, "orders.us-east-1");
    assert_true(endpoint->maintenance_window.known && endpoint->discovered);
    assert_string_equal(endpoint_ca(endpoint), "rds-ca-rsa4096-g1");
    assert_string_equal(endpoint_next_ca(endpoint), "rds-ca-ecc384-g1");
    rds_inventory_deinit(&inventory);
    rds_answers_deinit(&answers);
}

TEST(what_is_missing_stays_for_a_while_and_what_was_refused_stays_as_it_was)
{
    const RdsSource source = source_of();
    RdsAnswers full = { 0 }, empty = { 0 },
               refused = { .refused = { [API_DB_ENGINE_VERSIONS] = true,
                                        [API_CERTIFICATES] = true,
                                        [API_PENDING_MAINTENANCE_ACTIONS] = true } };
    RdsInventory first, second, third, fourth;
    take(&full, API_DB_INSTANCES, orders);
    take(&full, API_DB_ENGINE_VERSIONS, versions);
    take(&full, API_PENDING_MAINTENANCE_ACTIONS, pending);
    take(&refused, API_DB_INSTANCES, orders);
    make(&source, &full, NULL, NOW, &first);
    make(&source, &refused, &first, NOW + 900, &second);
    assert_true(second.n_endpoints == 1 && rds_endpoint_same(&second.endpoints[0], &first.endpoints[0]));
    assert_true(second.endpoints[0].since == NOW); /* it says the same since then */
    make(&source, &empty, &second, NOW + 1800, &third);
    assert_int_equal(third.n_endpoints, 1);
    assert_true(third.endpoints[0].missing_since == NOW + 1800);
    assert_true(rds_endpoint_is_away(&third.endpoints[0]));
    make(&source, &empty, &third, NOW + 3599, &fourth);
    assert_int_equal(fourth.n_endpoints, 1);
    rds_inventory_deinit(&fourth);
    make(&source, &full, &third, NOW + 3600, &fourth); /* it is back */
    assert_true(fourth.n_endpoints == 1 && fourth.endpoints[0].missing_since == INSTANT_NONE);
    rds_inventory_deinit(&fourth);
    make(&source, &empty, &third, NOW + 3600, &fourth); /* it is not */
    assert_int_equal(fourth.n_endpoints, 0);
    RdsAnswers denied = { .refused = { [API_DB_INSTANCES] = true } };
    RdsInventory fifth;
    make(&source, &denied, &third, NOW + 360000, &fifth);
    assert_int_equal(fifth.n_endpoints, 1); /* nobody said that it is gone for good */
    rds_inventory_deinit(&fifth);
    rds_inventory_deinit(&fourth);
    rds_inventory_deinit(&third);
    rds_inventory_deinit(&second);
    rds_inventory_deinit(&first);
    rds_answers_deinit(&refused);
    rds_answers_deinit(&full);
}

TEST(whoever_stopped_or_is_being_made_is_away_and_others_are_not)
{
    static const struct {
        const char *status;
        bool away;
    } cases[] = { { "available", false },    { "stopped", true },    { "stopping", true },
                  { "starting", true },      { "creating", true },   { "deleting", true },
                  { "modifying", false },    { "rebooting", false }, { "backing-up", false },
                  { "storage-full", false }, { NULL, false } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const RdsEndpoint e = { .status = (char *)cases[i].status, .missing_since = INSTANT_NONE };
        assert_int_equal(rds_endpoint_is_away(&e), cases[i].away);
    }
}

static char *read_shared(const char *data, const char *name)
{
    _cleanup_free_ char *path = xasprintf("%s/api/%s", data, name);
    Buffer text = { 0 };
    assert_int_equal(file_read(path, API_ANSWER_BYTES_MAX, &text), 0);
    return buffer_take_text(&text);
}

TEST(real_answers_are_read)
{
    const char *data = shared_data();
    _cleanup_free_ char *instances = read_shared(data, "rds-describe-db-instances.xml"),
                        *described = read_shared(data, "rds-describe-db-engine-versions.xml"), *marker = NULL,
                        *why = NULL;
    RdsAnswers answers = { 0 };
    assert_int_equal(parse(API_DB_INSTANCES, instances, &answers.of[API_DB_INSTANCES], &marker, &why), 0);
    assert_int_equal(
        parse(API_DB_ENGINE_VERSIONS, described, &answers.of[API_DB_ENGINE_VERSIONS], &marker, &why), 0);
    assert_null(marker);
    const ApiRecord *r = &answers.of[API_DB_INSTANCES].items[0];
    assert_int_equal(answers.of[API_DB_INSTANCES].n, 1);
    assert_string_equal(api_text(r, INSTANCE_ADDRESS), "simcoprod01.cu7u2t4uz396.us-east-1.rds.amazonaws.com");
    assert_string_equal(api_text(r, INSTANCE_MAINTENANCE_WINDOW), "sat:07:30-sat:08:00");
    assert_null(api_text(r, INSTANCE_CA));
    const ApiRecords *versions_read = &answers.of[API_DB_ENGINE_VERSIONS];
    size_t n = 0;
    for (const char *at_record = described; (at_record = strstr(at_record, "<DBEngineVersion>")); at_record++)
        n++;
    assert_true(n > 10 && versions_read->n == n);
    for (size_t i = 0; i < n; i++)
        assert_true(api_text(&versions_read->items[i], VERSION_ENGINE) &&
                    api_text(&versions_read->items[i], VERSION_ENGINE_VERSION));
    rds_answers_deinit(&answers);
}

RUN_TESTS(cmocka_unit_test(an_answer_s_records_have_what_is_asked_for_wherever_it_stands),
          cmocka_unit_test(pages_add_up_and_an_answer_that_is_no_good_adds_nothing),
          cmocka_unit_test(an_error_s_code_and_message_are_told_and_nothing_else_is_an_error),
          cmocka_unit_test(the_answers_of_one_round_come_together),
          cmocka_unit_test(what_is_missing_stays_for_a_while_and_what_was_refused_stays_as_it_was),
          cmocka_unit_test(whoever_stopped_or_is_being_made_is_away_and_others_are_not),
          cmocka_unit_test(real_answers_are_read));
