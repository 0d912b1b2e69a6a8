#include "rds/api.h"

#include <errno.h>
#include <expat.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"

#define PATH_BYTES_MAX 1024
#define VALUE_OVERHEAD 48 /* its pointer, its block's header, and that of its list */

/* Below its record; of lists that belong together, the length of what begins an item. */
typedef struct Field {
    const char *path;
    size_t item;
} Field;
#define ITEM(element) (sizeof(element) - 1)

typedef struct Shape {
    const char *record; /* "DescribeDBInstancesResponse/DescribeDBInstancesResult/DBInstances/DBInstance" */
    const char *marker, *default_ca; /* NULL: it has none */
    Field fields[API_FIELDS_MAX];
} Shape;

#define RESULT(action)      action "Response/" action "Result/"
#define RECORD(action, way) .record = RESULT(action) way, .marker = RESULT(action) "Marker"

static const Shape shapes[N_API_ACTIONS] = {
    [API_DB_INSTANCES] = { RECORD("DescribeDBInstances", "DBInstances/DBInstance"),
                           .fields = { [INSTANCE_IDENTIFIER] = { "DBInstanceIdentifier" },
                                       [INSTANCE_ARN] = { "DBInstanceArn" },
                                       [INSTANCE_STATUS] = { "DBInstanceStatus" },
                                       [INSTANCE_ENGINE] = { "Engine" },
                                       [INSTANCE_ENGINE_VERSION] = { "EngineVersion" },
                                       [INSTANCE_ADDRESS] = { "Endpoint/Address" },
                                       [INSTANCE_PORT] = { "Endpoint/Port" },
                                       [INSTANCE_CA] = { "CACertificateIdentifier" },
                                       [INSTANCE_CERTIFICATE_CA] = { "CertificateDetails/CAIdentifier" },
                                       [INSTANCE_VALID_TILL] = { "CertificateDetails/ValidTill" },
                                       [INSTANCE_PENDING_CA] = { "PendingModifiedValues/"
                                                                 "CACertificateIdentifier" },
                                       [INSTANCE_MAINTENANCE_WINDOW] = { "PreferredMaintenanceWindow" },
                                       [INSTANCE_TAG_KEY_S] = { "TagList/Tag/Key", ITEM("TagList/Tag") },
                                       [INSTANCE_TAG_VALUE_S] = { "TagList/Tag/Value",
                                                                  ITEM("TagList/Tag") } } },
    [API_DB_CLUSTERS] = { RECORD("DescribeDBClusters", "DBClusters/DBCluster"),
                          .fields = { [CLUSTER_IDENTIFIER] = { "DBClusterIdentifier" },
                                      [CLUSTER_ARN] = { "DBClusterArn" },
                                      [CLUSTER_STATUS] = { "Status" },
                                      [CLUSTER_ENGINE] = { "Engine" },
                                      [CLUSTER_ENGINE_VERSION] = { "EngineVersion" },
                                      [CLUSTER_ENGINE_MODE] = { "EngineMode" },
                                      [CLUSTER_ENDPOINT] = { "Endpoint" },
                                      [CLUSTER_READER_ENDPOINT] = { "ReaderEndpoint" },
                                      [CLUSTER_CUSTOM_ENDPOINT_S] = { "CustomEndpoints/member" },
                                      [CLUSTER_AUTO_PAUSE] = { "ScalingConfigurationInfo/AutoPause" },
                                      [CLUSTER_PORT] = { "Port" },
                                      [CLUSTER_MAINTENANCE_WINDOW] = { "PreferredMaintenanceWindow" },
                                      [CLUSTER_TAG_KEY_S] = { "TagList/Tag/Key", ITEM("TagList/Tag") },
                                      [CLUSTER_TAG_VALUE_S] = { "TagList/Tag/Value", ITEM("TagList/Tag") } } },
    [API_DB_PROXIES] = { RECORD("DescribeDBProxies", "DBProxies/member"),
                         .fields = { [PROXY_NAME] = { "DBProxyName" },
                                     [PROXY_ARN] = { "DBProxyArn" },
                                     [PROXY_STATUS] = { "Status" },
                                     [PROXY_ENGINE_FAMILY] = { "EngineFamily" },
                                     [PROXY_ENDPOINT] = { "Endpoint" } } },
    [API_DB_PROXY_ENDPOINTS] = { RECORD("DescribeDBProxyEndpoints", "DBProxyEndpoints/member"),
                                 .fields = { [PROXY_ENDPOINT_NAME] = { "DBProxyEndpointName" },
                                             [PROXY_ENDPOINT_ARN] = { "DBProxyEndpointArn" },
                                             [PROXY_ENDPOINT_PROXY] = { "DBProxyName" },
                                             [PROXY_ENDPOINT_STATUS] = { "Status" },
                                             [PROXY_ENDPOINT_ENDPOINT] = { "Endpoint" },
                                             [PROXY_ENDPOINT_IS_DEFAULT] = { "IsDefault" } } },
    [API_CERTIFICATES] = { RECORD("DescribeCertificates", "Certificates/Certificate"),
                           .default_ca = RESULT("DescribeCertificates") "DefaultCertificateForNewLaunches",
                           .fields = { [CERTIFICATE_IDENTIFIER] = { "CertificateIdentifier" },
                                       [CERTIFICATE_THUMBPRINT] = { "Thumbprint" },
                                       [CERTIFICATE_VALID_TILL] = { "ValidTill" },
                                       [CERTIFICATE_OVERRIDE] = { "CustomerOverride" } } },
#define ACTION "PendingMaintenanceActionDetails/PendingMaintenanceAction"
    [API_PENDING_MAINTENANCE_ACTIONS] = { RECORD("DescribePendingMaintenanceActions",
                                                 "PendingMaintenanceActions/ResourcePendingMaintenanceActions"),
                                          .fields = { [ACTION_RESOURCE] = { "ResourceIdentifier" },
                                                      [ACTION_NAME_S] = { ACTION "/Action", ITEM(ACTION) },
                                                      [ACTION_AUTO_APPLIED_AFTER_S] = { ACTION
                                                                                        "/AutoAppliedAfterDate",
                                                                                        ITEM(ACTION) },
                                                      [ACTION_FORCED_APPLY_S] = { ACTION "/ForcedApplyDate",
                                                                                  ITEM(ACTION) },
                                                      [ACTION_CURRENT_APPLY_S] = { ACTION "/CurrentApplyDate",
                                                                                   ITEM(ACTION) },
                                                      [ACTION_OPT_IN_S] = { ACTION "/OptInStatus",
                                                                            ITEM(ACTION) } } },
    [API_DB_ENGINE_VERSIONS] = { RECORD("DescribeDBEngineVersions", "DBEngineVersions/DBEngineVersion"),
                                 .fields = { [VERSION_ENGINE] = { "Engine" },
                                             [VERSION_ENGINE_VERSION] = { "EngineVersion" },
                                             [VERSION_ROTATES_WITHOUT_RESTART] = { "SupportsCertificateRotation"
                                                                                   "WithoutRestart" },
                                             [VERSION_CA_S] = { "SupportedCACertificateIdentifiers/"
                                                                "member" } } },
    [API_ASSUME_ROLE] = { .record = RESULT("AssumeRole") "Credentials",
                          .fields = { [CREDENTIALS_ACCESS_KEY_ID] = { "AccessKeyId" },
                                      [CREDENTIALS_SECRET_ACCESS_KEY] = { "SecretAccessKey" },
                                      [CREDENTIALS_SESSION_TOKEN] = { "SessionToken" },
                                      [CREDENTIALS_EXPIRATION] = { "Expiration" } } },
};

enum { ERROR_CODE, ERROR_MESSAGE };
static const Shape error_shape = {
    .record = "ErrorResponse/Error",
    .fields = { [ERROR_CODE] = { "Code" }, [ERROR_MESSAGE] = { "Message" } },
};

static const char *const actions[] = {
    [API_DB_INSTANCES] = "DescribeDBInstances",
    [API_DB_CLUSTERS] = "DescribeDBClusters",
    [API_DB_PROXIES] = "DescribeDBProxies",
    [API_DB_PROXY_ENDPOINTS] = "DescribeDBProxyEndpoints",
    [API_CERTIFICATES] = "DescribeCertificates",
    [API_PENDING_MAINTENANCE_ACTIONS] = "DescribePendingMaintenanceActions",
    [API_DB_ENGINE_VERSIONS] = "DescribeDBEngineVersions",
    [API_ASSUME_ROLE] = "AssumeRole",
};
DEFINE_STRING_TABLE(api_action, ApiAction, actions);

const char *api_text(const ApiRecord *record, int field)
{
    return record->values[field] ? record->values[field][0] : NULL;
}

const char *api_item(const ApiRecord *record, int field, size_t i)
{
    return i < strv_length(record->values[field]) ? record->values[field][i] : "";
}

static void record_deinit(ApiRecord *record)
{
    for (size_t i = 0; i < API_FIELDS_MAX; i++) {
        for (char **value = record->values[i]; value && *value; value++)
            wiping_free(*value);
        free(record->values[i]);
    }
}

static size_t bytes_held;

size_t api_bytes_held(void)
{
    return bytes_held;
}

void api_records_deinit(ApiRecords *records)
{
    bytes_held -= records->bytes;
    for (size_t i = 0; i < records->n; i++)
        record_deinit(&records->items[i]);
    free(records->items);
    free(records->default_ca);
    *records = (ApiRecords) { 0 };
}

/* With the blocks that it is in. */
static size_t record_bytes(const ApiRecord *record)
{
    size_t bytes = sizeof *record;
    for (size_t i = 0; i < API_FIELDS_MAX; i++)
        for (char **value = record->values[i]; value && *value; value++)
            bytes += strlen(*value) + VALUE_OVERHEAD;
    return bytes;
}

static void move_records(ApiRecords *to, ApiRecords *from)
{
    for (size_t i = 0; i < from->n; i++) {
        size_t bytes = record_bytes(&from->items[i]);
        to->bytes += bytes;
        bytes_held += bytes;
        to->items = xgrow(to->items, to->n, sizeof *to->items);
        to->items[to->n++] = from->items[i];
    }
    if (from->default_ca) {
        free(to->default_ca);
        to->default_ca = TAKE(from->default_ca);
    }
    from->n = 0;
    api_records_deinit(from);
}

/* A document on its way through expat. */
typedef struct Reader {
    XML_Parser parser;
    const Shape *shape;
    char path[PATH_BYTES_MAX]; /* of the element that is open, with / between */
    size_t length;
    size_t depth;
    Buffer text;    /* of that element, so far */
    size_t in;      /* the length of the record's path while one is open; else 0 */
    ApiRecords got; /* the last one may be open */
    char *marker;
    const char *why; /* NULL: all is well as yet */
} Reader;

CLEANUP_OF(struct XML_ParserStruct, XML_ParserFree);

static void stop(Reader *r, const char *why)
{
    if (!r->why)
        r->why = why;
    (void)XML_StopParser(r->parser, XML_FALSE);
}

static bool is_at(const Reader *r, const char *path)
{
    return path && strcmp(r->path, path) == 0;
}

/* What is open, below the record. */
static const char *below(const Reader *r)
{
    return r->path + r->in + 1;
}

static void add_value(Reader *r, char ***values, const char *text)
{
    if (strv_length(*values) >= API_ITEMS_MAX)
        stop(r, "it has a list with too many items");
    else
        strv_append(values, xstrdup(text));
}

static void set_last(char **values, const char *text)
{
    size_t n = strv_length(values);
    if (n == 0)
        return;
    wiping_free(values[n - 1]);
    values[n - 1] = xstrdup(text);
}

/* Each list of the item that begins has a place for it, filled or not. */
static void begin_item(Reader *r)
{
    ApiRecord *record = &r->got.items[r->got.n - 1];
    for (size_t i = 0; i < API_FIELDS_MAX; i++) {
        const Field *f = &r->shape->fields[i];
        if (f->item > 0 && strlen(below(r)) == f->item && strncmp(below(r), f->path, f->item) == 0)
            add_value(r, &record->values[i], "");
    }
}

static void begin_record(Reader *r)
{
    if (r->got.n >= API_RECORDS_MAX) {
        stop(r, "it has too many records");
        return;
    }
    r->got.items = xgrow(r->got.items, r->got.n, sizeof *r->got.items);
    r->got.items[r->got.n++] = (ApiRecord) { 0 };
    r->in = r->length;
}

static bool is_root(const Reader *r)
{
    return strncmp(r->shape->record, r->path, r->length) == 0 && r->shape->record[r->length] == '/';
}

static void on_begin(void *userdata, const XML_Char *name, const XML_Char **attributes _unused_)
{
    Reader *r = userdata;
    const char *colon = strrchr(name, ':');
    const char *local = colon ? colon + 1 : name;
    size_t length = strlen(local);
    if (++r->depth > API_DEPTH_MAX || r->length + length + 2 > sizeof r->path) {
        stop(r, "its elements are nested too deep");
        return;
    }
    if (r->length > 0)
        r->path[r->length++] = '/';
    memcpy(r->path + r->length, local, length + 1);
    r->length += length;
    buffer_wipe(&r->text);
    if (r->depth == 1 && !is_root(r))
        stop(r, "it is another document");
    if (r->in > 0)
        begin_item(r);
    else if (is_at(r, r->shape->record))
        begin_record(r);
}

static void on_text(void *userdata, const XML_Char *text, int length)
{
    Reader *r = userdata;
    if (r->text.size + (size_t)length > API_TEXT_BYTES_MAX)
        stop(r, "it has a value that is too long");
    else
        buffer_append(&r->text, text, (size_t)length);
}

/* Without the white space around it; "" if there is nothing. */
static const char *trimmed(Reader *r)
{
    static const char space[] = " \t\r\n";
    char *text = r->text.data ? (char *)r->text.data : NULL;
    if (!text)
        return "";
    size_t size = r->text.size;
    while (size > 0 && strchr(space, text[size - 1]))
        text[--size] = 0;
    return text + strspn(text, space);
}

static void end_in_record(Reader *r)
{
    ApiRecord *record = &r->got.items[r->got.n - 1];
    const char *text = trimmed(r);
    for (size_t i = 0; i < API_FIELDS_MAX && *text; i++) {
        const Field *f = &r->shape->fields[i];
        if (!f->path || strcmp(below(r), f->path) != 0)
            continue;
        if (f->item > 0)
            set_last(record->values[i], text);
        else
            add_value(r, &record->values[i], text);
    }
}

static void keep(char **field, const char *text)
{
    if (*text && !*field)
        *field = xstrdup(text);
}

static void on_end(void *userdata, const XML_Char *name _unused_)
{
    Reader *r = userdata;
    if (r->in == r->length)
        r->in = 0;
    else if (r->in > 0)
        end_in_record(r);
    else if (is_at(r, r->shape->marker))
        keep(&r->marker, trimmed(r));
    else if (is_at(r, r->shape->default_ca))
        keep(&r->got.default_ca, trimmed(r));
    buffer_wipe(&r->text);
    const char *slash = strrchr(r->path, '/');
    r->length = slash ? (size_t)(slash - r->path) : 0;
    r->path[r->length] = 0;
    r->depth--;
}

static void on_doctype(void *userdata, const XML_Char *name _unused_, const XML_Char *system _unused_,
                       const XML_Char *public _unused_, int has_subset _unused_)
{
    stop(userdata, "it has a document type, and no answer of the API has one");
}

/* On -EINVAL, r->why or the parser says why. What was read is the caller's either way. */
static int read_document(Reader *r, const uint8_t *xml, size_t size)
{
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_begin, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    if (size > API_ANSWER_BYTES_MAX)
        r->why = "it is too large";
    else if (XML_Parse(r->parser, (const char *)xml, (int)size, XML_TRUE) == XML_STATUS_OK)
        return 0;
    return -EINVAL;
}

static uint64_t line_of(XML_Parser parser)
{
#if HAVE_XML_GETCURRENTLINENUMBER64
    return XML_GetCurrentLineNumber64(parser);
#else
    return XML_GetCurrentLineNumber(parser);
#endif
}

static int read_shape(const Shape *shape, const uint8_t *xml, size_t size, ApiRecords *ret, char **ret_marker,
                      char **ret_why)
{
    static const XML_Memory_Handling_Suite wiping = { xmalloc, wiping_realloc, wiping_free };
    _cleanup_(XML_ParserFreep) struct XML_ParserStruct *parser = XML_ParserCreate_MM(NULL, &wiping, NULL);
    Reader r = { .parser = parser, .shape = shape };
    if (!parser)
        return -ENOMEM;
    int result = read_document(&r, xml, size);
    buffer_wipe(&r.text);
    if (result < 0) {
        *ret_why = r.why ? xstrdup(r.why)
                         : xasprintf("line %" PRIu64 ": %s", line_of(parser),
                                     XML_ErrorString(XML_GetErrorCode(parser)));
        api_records_deinit(&r.got);
        free(r.marker);
        return result;
    }
    *ret = r.got;
    *ret_marker = r.marker;
    return 0;
}

int api_parse(ApiAction action, const uint8_t *xml, size_t size, ApiRecords *records, char **ret_marker,
              char **ret_why)
{
    ApiRecords got = { 0 };
    int r = read_shape(&shapes[action], xml, size, &got, ret_marker, ret_why);
    if (r >= 0)
        move_records(records, &got);
    return r;
}

bool api_parse_error(const uint8_t *xml, size_t size, char **ret_code, char **ret_message)
{
    ApiRecords got = { 0 };
    _cleanup_free_ char *marker = NULL, *why = NULL;
    if (read_shape(&error_shape, xml, size, &got, &marker, &why) < 0)
        return false;
    bool is_error = got.n > 0 && api_text(&got.items[0], ERROR_CODE);
    if (is_error) {
        *ret_code = xstrdup(api_text(&got.items[0], ERROR_CODE));
        *ret_message = xstrdup(api_text(&got.items[0], ERROR_MESSAGE));
    }
    api_records_deinit(&got);
    return is_error;
}
