#include "rds/inventory.h"

#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/escape.h"
#include "base/instant.h"
#include "rds/value.h"

#define RETIRE_AFTER_INTERVALS 2
#define STATUS_BYTES_MAX       64 /* the longest has 38 */

void rds_answers_deinit(RdsAnswers *answers)
{
    for (size_t i = 0; i < N_API_ACTIONS; i++)
        api_records_deinit(&answers->of[i]);
}

/* "2027-05-01T12:00:00Z", "2027-05-01T12:00:00.123Z", "2027-05-01T12:00:00+00:00" */
static int64_t instant_of(const char *text)
{
    char seconds[sizeof "2027-05-01T12:00:00Z"];
    int64_t instant;
    if (!text || strlen(text) < sizeof seconds - 2)
        return INSTANT_NONE;
    memcpy(seconds, text, sizeof seconds - 2);
    strcpy(seconds + sizeof seconds - 2, "Z");
    const char *rest = text + sizeof seconds - 2;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (strcmp(rest, "Z") != 0 && strcmp(rest, "+00:00") != 0)
        return INSTANT_NONE;
    return instant_parse(seconds, &instant) == 0 ? instant : INSTANT_NONE;
}

static bool is_status(const char *text)
{
    return strlen(text) <= STATUS_BYTES_MAX && text_is_name(text);
}

#define THUMBPRINT_DIGITS 40 /* SHA-1 */

static bool is_thumbprint(const char *text)
{
    return value_is_hex(text, THUMBPRINT_DIGITS);
}

static int64_t port_of(const char *text)
{
    char *end = NULL;
    long long port = text ? strtoll(text, &end, 10) : 0;
    return text && *text && !*end && port > 0 && port <= UINT16_MAX ? port : 0;
}

static bool is_true(const char *text)
{
    return text && strcasecmp(text, "true") == 0;
}

static bool engine_is(const char *engine, const char *wanted)
{
    size_t length = strlen(wanted);
    return strncmp(engine, wanted, length) == 0 && (engine[length] == 0 || engine[length] == '-');
}

static bool same_family(const char *a, const char *b)
{
    const Engine *x = engine_find(a), *y = engine_find(b);
    return x && y && x->family == y->family;
}

bool rds_source_wants(const RdsSource *source, RdsKind kind, const char *identifier, const char *engine)
{
    bool wanted = !source->engines, proxy = kind == RDS_PROXY || kind == RDS_PROXY_ENDPOINT;
    for (char **e = source->engines; e && *e; e++) /* a proxy's family stands for what is behind it */
        wanted |= engine_is(engine, *e) || (proxy && same_family(engine, *e));
    for (char **pattern = source->exclude; pattern && *pattern; pattern++)
        wanted &= fnmatch(*pattern, identifier, 0) != 0;
    return wanted;
}

static bool has_tag(const ApiRecord *record, int keys, int values, const char *tag)
{
    size_t length = strcspn(tag, "=");
    for (size_t i = 0; i < strv_length(record->values[keys]); i++) {
        const char *key = api_item(record, keys, i);
        if (strlen(key) == length && strncmp(key, tag, length) == 0 &&
            (!tag[length] || strcmp(api_item(record, values, i), tag + length + 1) == 0))
            return true;
    }
    return false;
}

static bool has_tags(const RdsSource *source, const ApiRecord *record, int keys, int values)
{
    for (char **tag = source->tags; tag && *tag; tag++)
        if (!has_tag(record, keys, values, *tag))
            return false;
    return true;
}

/* Whether nothing can be said of that kind; a proxy's endpoint without its proxy has no engine. */
static bool is_refused(const RdsAnswers *answers, int64_t kind)
{
    const bool *refused = answers->refused;
    return kind == RDS_INSTANCE         ? refused[API_DB_INSTANCES]
           : kind == RDS_PROXY          ? refused[API_DB_PROXIES]
           : kind == RDS_PROXY_ENDPOINT ? refused[API_DB_PROXIES] || refused[API_DB_PROXY_ENDPOINTS]
                                        : refused[API_DB_CLUSTERS];
}

/* The API says it; an older one lets it be told from the account's own override. NULL: neither. */
static const char *default_ca(const RdsAnswers *answers)
{
    const ApiRecords *certificates = &answers->of[API_CERTIFICATES];
    for (size_t i = 0; i < certificates->n && !certificates->default_ca; i++)
        if (is_true(api_text(&certificates->items[i], CERTIFICATE_OVERRIDE)))
            return api_text(&certificates->items[i], CERTIFICATE_IDENTIFIER);
    return certificates->default_ca;
}

/* One round on its way to an inventory. */
typedef struct Making {
    const RdsSource *source;
    const RdsAnswers *answers;
    RdsInventory *inventory;
    int64_t now;
} Making;

static const char *problem_of(const RdsEndpoint *e)
{
    const Engine *engine = value_is_engine(e->engine) ? engine_find(e->engine) : NULL;
    if (!engine)
        return "dbcertd does not know its engine";
    if (engine->family == FAMILY_ORACLE || engine->family == FAMILY_DB2)
        return "its TLS port is not in the API";
    return e->port == 0 ? "the API does not tell its port" : NULL;
}

static const ApiRecord *version_of(const Making *m, const RdsEndpoint *e)
{
    const ApiRecords *versions = &m->answers->of[API_DB_ENGINE_VERSIONS];
    for (size_t i = 0; i < versions->n; i++)
        if (text_same(api_text(&versions->items[i], VERSION_ENGINE), e->engine) &&
            text_same(api_text(&versions->items[i], VERSION_ENGINE_VERSION), e->engine_version))
            return &versions->items[i];
    return NULL;
}

static void add_version(const Making *m, RdsEndpoint *e)
{
    const ApiRecord *version = version_of(m, e);
    const char *online = version ? api_text(version, VERSION_ROTATES_WITHOUT_RESTART) : NULL;
    Buffer offered = { 0 };
    e->online = is_true(online)                              ? SUPPORT_YES
                : online && strcasecmp(online, "false") == 0 ? SUPPORT_NO
                                                             : SUPPORT_UNKNOWN;
    for (char **ca = version ? version->values[VERSION_CA_S] : NULL; ca && *ca; ca++)
        if (value_is_ca(*ca))
            buffer_printf(&offered, "%s%s", offered.size ? ", " : "", *ca);
    e->offered = offered.size ? buffer_take_text(&offered) : NULL;
}

/* Its pending ca-certificate-rotation, by its ARN. */
static void add_maintenance(const Making *m, RdsEndpoint *e, const char *arn)
{
    const ApiRecords *pending = &m->answers->of[API_PENDING_MAINTENANCE_ACTIONS];
    e->auto_applied_after = e->forced_apply = e->current_apply = INSTANT_NONE;
    for (size_t i = 0; i < pending->n && arn; i++) {
        const ApiRecord *r = &pending->items[i];
        if (!text_same(api_text(r, ACTION_RESOURCE), arn))
            continue;
        for (size_t j = 0; j < strv_length(r->values[ACTION_NAME_S]); j++) {
            if (strcmp(api_item(r, ACTION_NAME_S, j), "ca-certificate-rotation") != 0)
                continue;
            e->maintenance = 1;
            e->auto_applied_after = instant_of(api_item(r, ACTION_AUTO_APPLIED_AFTER_S, j));
            e->forced_apply = instant_of(api_item(r, ACTION_FORCED_APPLY_S, j));
            e->current_apply = instant_of(api_item(r, ACTION_CURRENT_APPLY_S, j));
        }
    }
}

/* Whether what it is called and where it is are values: only then is it watched, and named in a command. */
static bool is_named(const RdsEndpoint *e)
{
    return value_is_identifier(e->identifier) && value_is_host(e->host);
}

/*
 * Takes the endpoint, whose identifier, engine and host are not NULL, and fills in what other answers say.
 * pauses: a probe would wake it.
 */
static void add(const Making *m, RdsEndpoint e, const char *arn, bool pauses)
{
    const char *problem = pauses ? "it pauses by itself, and each probe would wake it" : problem_of(&e);
    e.source = xstrdup(m->source->name);
    if (!is_named(&e))
        problem = "its identifier or its address is no name";
    if (problem) {
        e.problem = xstrdup(problem);
        e.port = 0;
    }
    e.default_ca = value_copy(value_is_ca, default_ca(m->answers));
    e.settle_seconds = m->source->interval_seconds;
    e.since = m->now;
    e.missing_since = INSTANT_NONE;
    add_version(m, &e);
    add_maintenance(m, &e, arn);
    rds_inventory_append(m->inventory, e);
}

static bool wants(const Making *m, RdsKind kind, const char *identifier, const char *engine)
{
    return identifier && engine && rds_source_wants(m->source, kind, identifier, engine);
}

/* Without an address it is being made, and has none yet. */
static void add_instance(const Making *m, const ApiRecord *r)
{
    const char *identifier = api_text(r, INSTANCE_IDENTIFIER), *engine = api_text(r, INSTANCE_ENGINE),
               *host = api_text(r, INSTANCE_ADDRESS), *ca = api_text(r, INSTANCE_CERTIFICATE_CA);
    if (!host || !wants(m, RDS_INSTANCE, identifier, engine) ||
        !has_tags(m->source, r, INSTANCE_TAG_KEY_S, INSTANCE_TAG_VALUE_S))
        return;
    const RdsEndpoint e = {
        .kind = RDS_INSTANCE,
        .identifier = text_escape(identifier),
        .host = text_escape(host),
        .port = port_of(api_text(r, INSTANCE_PORT)),
        .engine = text_escape(engine),
        .engine_version = value_copy(value_is_engine_version, api_text(r, INSTANCE_ENGINE_VERSION)),
        .status = value_copy(is_status, api_text(r, INSTANCE_STATUS)),
        .ca = value_copy(value_is_ca, ca ? ca : api_text(r, INSTANCE_CA)),
        .pending_ca = value_copy(value_is_ca, api_text(r, INSTANCE_PENDING_CA)),
        .valid_till = instant_of(api_text(r, INSTANCE_VALID_TILL)),
        .window = text_escape(api_text(r, INSTANCE_MAINTENANCE_WINDOW)),
    };
    add(m, e, api_text(r, INSTANCE_ARN), false);
}

static void add_cluster_endpoint(const Making *m, const ApiRecord *r, RdsKind kind, const char *host)
{
    _cleanup_free_ char *label = host ? xstrndup(host, strcspn(host, ".")) : NULL;
    const char *identifier = kind == RDS_CLUSTER_CUSTOM ? label : api_text(r, CLUSTER_IDENTIFIER),
               *engine = api_text(r, CLUSTER_ENGINE), *pauses = api_text(r, CLUSTER_AUTO_PAUSE);
    if (!host || !wants(m, kind, identifier, engine))
        return;
    const Engine *known = engine_find(engine);
    const char *port = api_text(r, CLUSTER_PORT);
    const RdsEndpoint e = {
        .kind = kind,
        .identifier = text_escape(identifier),
        .host = text_escape(host),
        .port = port_of(port) ? port_of(port)
                : known       ? known->port
                              : 0,
        .engine = text_escape(engine),
        .engine_version = value_copy(value_is_engine_version, api_text(r, CLUSTER_ENGINE_VERSION)),
        .status = value_copy(is_status, api_text(r, CLUSTER_STATUS)),
        .valid_till = INSTANT_NONE,
        .window = text_escape(api_text(r, CLUSTER_MAINTENANCE_WINDOW)),
    };
    add(m, e, api_text(r, CLUSTER_ARN), kind == RDS_CLUSTER_V1 && is_true(pauses));
}

static void add_cluster(const Making *m, const ApiRecord *r)
{
    const char *mode = api_text(r, CLUSTER_ENGINE_MODE);
    if (!has_tags(m->source, r, CLUSTER_TAG_KEY_S, CLUSTER_TAG_VALUE_S))
        return;
    if (mode && strcmp(mode, "serverless") == 0) {
        add_cluster_endpoint(m, r, RDS_CLUSTER_V1, api_text(r, CLUSTER_ENDPOINT));
        return;
    }
    add_cluster_endpoint(m, r, RDS_CLUSTER, api_text(r, CLUSTER_ENDPOINT));
    add_cluster_endpoint(m, r, RDS_CLUSTER_READER, api_text(r, CLUSTER_READER_ENDPOINT));
    for (char **host = r->values[CLUSTER_CUSTOM_ENDPOINT_S]; host && *host; host++)
        add_cluster_endpoint(m, r, RDS_CLUSTER_CUSTOM, *host);
}

/* A proxy listens where its engine family does by default, and nowhere else. */
static const char *engine_of_family(const char *family)
{
    static const char *const names[][2] = {
        { "MYSQL", "mysql" },
        { "POSTGRESQL", "postgres" },
        { "SQLSERVER", "sqlserver" },
    };
    for (size_t i = 0; family && i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i][0], family) == 0)
            return names[i][1];
    return family ? family : "unknown";
}

static void add_proxy_at(const Making *m, RdsKind kind, const char *name, const char *host, const char *status,
                         const char *family)
{
    const char *engine = engine_of_family(family);
    const Engine *known = engine_find(engine);
    if (!host || is_refused(m->answers, kind) || !wants(m, kind, name, engine))
        return;
    const RdsEndpoint e = {
        .kind = kind,
        .identifier = text_escape(name),
        .host = text_escape(host),
        .port = known ? known->port : 0,
        .engine = text_escape(engine),
        .status = value_copy(is_status, status),
        .valid_till = INSTANT_NONE,
    };
    add(m, e, NULL, false);
}

static void add_proxy(const Making *m, const ApiRecord *r)
{
    add_proxy_at(m, RDS_PROXY, api_text(r, PROXY_NAME), api_text(r, PROXY_ENDPOINT), api_text(r, PROXY_STATUS),
                 api_text(r, PROXY_ENGINE_FAMILY));
}

/* The default one is its proxy's own; of the others the proxy tells the engine family. */
static void add_proxy_endpoint(const Making *m, const ApiRecord *r)
{
    const ApiRecords *proxies = &m->answers->of[API_DB_PROXIES];
    const char *family = NULL, *host = api_text(r, PROXY_ENDPOINT_ENDPOINT);
    if (is_true(api_text(r, PROXY_ENDPOINT_IS_DEFAULT)))
        return;
    for (size_t i = 0; i < proxies->n; i++)
        if (text_same(api_text(&proxies->items[i], PROXY_NAME), api_text(r, PROXY_ENDPOINT_PROXY)))
            family = api_text(&proxies->items[i], PROXY_ENGINE_FAMILY);
    add_proxy_at(m, RDS_PROXY_ENDPOINT, api_text(r, PROXY_ENDPOINT_NAME), host,
                 api_text(r, PROXY_ENDPOINT_STATUS), family);
}

static void add_certificate(const Making *m, const ApiRecord *r)
{
    RdsInventory *inventory = m->inventory;
    char *ca = value_copy(value_is_ca, api_text(r, CERTIFICATE_IDENTIFIER));
    if (!ca)
        return;
    inventory->certificates =
        xgrow(inventory->certificates, inventory->n_certificates, sizeof *inventory->certificates);
    inventory->certificates[inventory->n_certificates++] = (RdsCertificate) {
        .ca = ca,
        .thumbprint = value_copy(is_thumbprint, api_text(r, CERTIFICATE_THUMBPRINT)),
        .valid_till = instant_of(api_text(r, CERTIFICATE_VALID_TILL)),
        .is_default = text_same(ca, default_ca(m->answers)),
    };
}

static const struct {
    ApiAction action;
    void (*add)(const Making *m, const ApiRecord *record);
} kinds_of_records[] = {
    { API_DB_INSTANCES, add_instance },    { API_DB_CLUSTERS, add_cluster },
    { API_DB_PROXIES, add_proxy },         { API_DB_PROXY_ENDPOINTS, add_proxy_endpoint },
    { API_CERTIFICATES, add_certificate },
};

static void sort(RdsInventory *inventory)
{
    if (inventory->n_endpoints > 0)
        qsort(inventory->endpoints, inventory->n_endpoints, sizeof *inventory->endpoints, rds_endpoint_compare);
}

/* What this round did not answer is as it was. */
static void keep_facts(const Making *m, RdsEndpoint *e, const RdsEndpoint *before)
{
    if (m->answers->refused[API_DB_ENGINE_VERSIONS] && e->online == SUPPORT_UNKNOWN && !e->offered) {
        e->online = before->online;
        e->offered = xstrdup(before->offered);
    }
    if (m->answers->refused[API_CERTIFICATES])
        e->default_ca = xstrdup(before->default_ca);
    if (m->answers->refused[API_PENDING_MAINTENANCE_ACTIONS]) {
        e->maintenance = before->maintenance;
        e->auto_applied_after = before->auto_applied_after;
        e->forced_apply = before->forced_apply;
        e->current_apply = before->current_apply;
    }
    if (text_same(e->ca, before->ca) && e->valid_till == before->valid_till)
        e->since = before->since;
}

/* A round that was answered says that it is gone; one that was not says nothing. */
static void keep_missing(const Making *m, const RdsEndpoint *before)
{
    RdsEndpoint e = rds_endpoint_copy(before);
    bool said = !is_refused(m->answers, e.kind);
    if (said && e.missing_since == INSTANT_NONE)
        e.missing_since = m->now;
    bool over = said && m->now - e.missing_since >= m->source->interval_seconds * RETIRE_AFTER_INTERVALS;
    if (over || !rds_source_wants(m->source, (RdsKind)e.kind, e.identifier, e.engine))
        rds_endpoint_deinit(&e);
    else
        rds_inventory_append(m->inventory, e);
}

void inventory_make(const RdsSource *source, const RdsAnswers *answers, const RdsInventory *before, int64_t now,
                    RdsInventory *ret)
{
    const Making m = { .source = source, .answers = answers, .inventory = ret, .now = now };
    *ret = (RdsInventory) { 0 };
    for (size_t i = 0; i < ARRAY_SIZE(kinds_of_records); i++) {
        const ApiRecords *records = &answers->of[kinds_of_records[i].action];
        for (size_t j = 0; j < records->n; j++)
            kinds_of_records[i].add(&m, &records->items[j]);
    }
    sort(ret);
    size_t n = ret->n_endpoints;
    for (size_t i = 0; i < before->n_endpoints; i++) {
        RdsEndpoint *e =
            n == 0 ? NULL : bsearch(&before->endpoints[i], ret->endpoints, n, sizeof *e, rds_endpoint_compare);
        if (e)
            keep_facts(&m, e, &before->endpoints[i]);
        else
            keep_missing(&m, &before->endpoints[i]);
    }
    sort(ret);
}

static bool is_ca_or_none(const char *text)
{
    return !text || value_is_ca(text);
}

/* Whether what was kept has the form of what an answer gives, so that nothing else comes back from a file. */
static bool is_sound(const RdsEndpoint *e)
{
    return (e->problem || (is_named(e) && value_is_engine(e->engine))) && is_ca_or_none(e->ca) &&
           is_ca_or_none(e->pending_ca) && is_ca_or_none(e->default_ca) &&
           (!e->engine_version || value_is_engine_version(e->engine_version)) &&
           (!e->status || is_status(e->status));
}

void inventory_filter(const RdsSource *source, RdsInventory *inventory)
{
    size_t left = 0;
    for (size_t i = 0; i < inventory->n_endpoints; i++) {
        RdsEndpoint *e = &inventory->endpoints[i];
        if (is_sound(e) && rds_source_wants(source, (RdsKind)e->kind, e->identifier, e->engine))
            inventory->endpoints[left++] = *e;
        else
            rds_endpoint_deinit(e);
    }
    inventory->n_endpoints = left;
}

void inventory_versions(const RdsAnswers *answers,
                        void (*fn)(const char *engine, const char *version, void *userdata), void *userdata)
{
    const struct {
        const ApiRecords *records;
        int engine, version;
    } tables[] = {
        { &answers->of[API_DB_INSTANCES], INSTANCE_ENGINE, INSTANCE_ENGINE_VERSION },
        { &answers->of[API_DB_CLUSTERS], CLUSTER_ENGINE, CLUSTER_ENGINE_VERSION },
    };
    for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
        for (size_t i = 0; i < tables[t].records->n; i++) {
            const ApiRecord *r = &tables[t].records->items[i];
            const char *engine = api_text(r, tables[t].engine), *version = api_text(r, tables[t].version);
            if (engine && version && value_is_engine(engine) && value_is_engine_version(version))
                fn(engine, version, userdata);
        }
}

char *inventory_name(const RdsSource *source, const RdsEndpoint *rds)
{
    RdsKind kind = rds->kind == RDS_CLUSTER_V1 ? RDS_CLUSTER : (RdsKind)rds->kind;
    if (kind == RDS_INSTANCE)
        return xasprintf("%s.%s", rds->identifier, source->name);
    return xasprintf("%s.%s.%s", rds->identifier, rds_kind_to_string(kind), source->name);
}

Endpoint *inventory_endpoint(const RdsSource *source, const RdsEndpoint *rds, const char *name)
{
    Endpoint *e = endpoint_new();
    e->name = xstrdup(name);
    e->host = xstrdup(rds->host);
    e->port = rds->port;
    e->engine_name = xstrdup(rds->engine);
    e->engine = engine_find(rds->engine);
    e->region = xstrdup(source->region);
    e->farewell = (int)farewell_default(e->engine);
    e->origin = xasprintf("rds %s", source->name);
    e->discovered = true;
    endpoint_take_rds(e, rds);
    return e;
}
