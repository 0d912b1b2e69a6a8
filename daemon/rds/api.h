#pragma once

/*
 * Answers of the RDS API (Query protocol, version 2014-10-31) and of STS's AssumeRole (2011-06-15): XML in,
 * records of texts out. What is not asked for is skipped; what is missing is missing. Namespaces are not looked
 * at, since their dates differ between real answers. A document type, and with it every entity, is refused.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define API_ANSWER_BYTES_MAX (8 * 1024 * 1024) /* 100 instances with all their tags are some 2 MB */
#define API_RECORDS_MAX      1000              /* in one answer; the API gives 100 */
#define API_ITEMS_MAX        1000              /* of one list in a record */
#define API_TEXT_BYTES_MAX   4096              /* of one value; a session token has some 1500 */
#define API_DEPTH_MAX        24                /* of elements; real answers have 9 */

typedef enum ApiAction {
    API_DB_INSTANCES,
    API_DB_CLUSTERS,
    API_DB_PROXIES,
    API_DB_PROXY_ENDPOINTS,
    API_CERTIFICATES,
    API_PENDING_MAINTENANCE_ACTIONS,
    API_DB_ENGINE_VERSIONS,
    API_ASSUME_ROLE, /* of STS */
} ApiAction;
#define N_API_ACTIONS (API_ASSUME_ROLE + 1)
DECLARE_STRING_TABLE(api_action, ApiAction); /* "DescribeDBInstances" */

/* What is read of each record, in the API's words. _S: a list. Items of lists that belong together, as the keys
 * and the values of tags, have the same index, with "" for what is missing. */
enum { /* DBInstance */
       INSTANCE_IDENTIFIER,
       INSTANCE_ARN,
       INSTANCE_STATUS,
       INSTANCE_ENGINE,
       INSTANCE_ENGINE_VERSION,
       INSTANCE_ADDRESS,
       INSTANCE_PORT,
       INSTANCE_CA,
       INSTANCE_CERTIFICATE_CA,
       INSTANCE_VALID_TILL,
       INSTANCE_PENDING_CA,
       INSTANCE_MAINTENANCE_WINDOW,
       INSTANCE_TAG_KEY_S,
       INSTANCE_TAG_VALUE_S,
};
enum { /* DBCluster */
       CLUSTER_IDENTIFIER,
       CLUSTER_ARN,
       CLUSTER_STATUS,
       CLUSTER_ENGINE,
       CLUSTER_ENGINE_VERSION,
       CLUSTER_ENGINE_MODE,
       CLUSTER_ENDPOINT,
       CLUSTER_READER_ENDPOINT,
       CLUSTER_CUSTOM_ENDPOINT_S,
       CLUSTER_AUTO_PAUSE,
       CLUSTER_PORT,
       CLUSTER_MAINTENANCE_WINDOW,
       CLUSTER_TAG_KEY_S,
       CLUSTER_TAG_VALUE_S,
};
enum { /* DBProxy */
       PROXY_NAME,
       PROXY_ARN,
       PROXY_STATUS,
       PROXY_ENGINE_FAMILY,
       PROXY_ENDPOINT,
};
enum { /* DBProxyEndpoint */
       PROXY_ENDPOINT_NAME,
       PROXY_ENDPOINT_ARN,
       PROXY_ENDPOINT_PROXY,
       PROXY_ENDPOINT_STATUS,
       PROXY_ENDPOINT_ENDPOINT,
       PROXY_ENDPOINT_IS_DEFAULT,
};
enum { /* Certificate */
       CERTIFICATE_IDENTIFIER,
       CERTIFICATE_THUMBPRINT,
       CERTIFICATE_VALID_TILL,
       CERTIFICATE_OVERRIDE,
};
enum { /* ResourcePendingMaintenanceActions */
       ACTION_RESOURCE,
       ACTION_NAME_S,
       ACTION_AUTO_APPLIED_AFTER_S,
       ACTION_FORCED_APPLY_S,
       ACTION_CURRENT_APPLY_S,
       ACTION_OPT_IN_S,
};
enum { /* DBEngineVersion */
       VERSION_ENGINE,
       VERSION_ENGINE_VERSION,
       VERSION_ROTATES_WITHOUT_RESTART,
       VERSION_CA_S,
};
enum { /* Credentials */
       CREDENTIALS_ACCESS_KEY_ID,
       CREDENTIALS_SECRET_ACCESS_KEY,
       CREDENTIALS_SESSION_TOKEN,
       CREDENTIALS_EXPIRATION,
};
#define API_FIELDS_MAX 16

typedef struct ApiRecord {
    char **values[API_FIELDS_MAX]; /* NULL-terminated; NULL: there is none */
} ApiRecord;

/* The first value of a field, borrowed; NULL if it has none. */
const char *api_text(const ApiRecord *record, int field);

/* One list's value at an index that another one has; "" if there is none. */
const char *api_item(const ApiRecord *record, int field, size_t i);

typedef struct ApiRecords {
    ApiRecord *items;
    size_t n;
    size_t bytes;     /* that they take, about */
    char *default_ca; /* DescribeCertificates' DefaultCertificateForNewLaunches; NULL: it has none */
} ApiRecords;

/* What all records take that were parsed and not freed yet. */
size_t api_bytes_held(void);

void api_records_deinit(ApiRecords *records); /* wipes the texts: there may be credentials among them */

/*
 * Appends an answer's records. *ret_marker: what asks for the next page, NULL if this is the last; the
 * caller's. -EINVAL if it is no complete answer to that action: then nothing is appended, and *ret_why says
 * what is wrong with it.
 */
int api_parse(ApiAction action, const uint8_t *xml, size_t size, ApiRecords *records, char **ret_marker,
              char **ret_why);

/* The Code and Message of an error's answer; false if it is none. Both are the caller's; the message may be
 * NULL. */
bool api_parse_error(const uint8_t *xml, size_t size, char **ret_code, char **ret_message);
