#include "model/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"

static const char *const farewells[] = {
    [FAREWELL_CLOSE] = "close",
    [FAREWELL_REFUSED] = "refused",
    [FAREWELL_LOGIN] = "login",
    [FAREWELL_DROP] = "drop",
};
DEFINE_STRING_TABLE(farewell, Farewell, farewells);

static const char *const rotation_classes[] = {
    [CLASS_AUTO] = "auto", [CLASS_ONLINE] = "online",     [CLASS_RESTART] = "restart",
    [CLASS_ACM] = "acm",   [CLASS_EXTERNAL] = "external",
};
DEFINE_STRING_TABLE(rotation_class, RotationClass, rotation_classes);

static const char *const kinds[] = {
    [KIND_INSTANCE] = "instance",
    [KIND_PROXY] = "proxy",
};
DEFINE_STRING_TABLE(endpoint_kind, EndpointKind, kinds);

void address_from_sockaddr(const struct sockaddr *sa, uint16_t port, Address *ret)
{
    *ret = (Address) { 0 };
    if (sa->sa_family == AF_INET) {
        memcpy(&ret->in, sa, sizeof ret->in);
        ret->in.sin_port = htons(port);
        inet_ntop(AF_INET, &ret->in.sin_addr, ret->text, sizeof ret->text);
        return;
    }
    memcpy(&ret->in6, sa, sizeof ret->in6);
    ret->in6.sin6_port = htons(port);
    inet_ntop(AF_INET6, &ret->in6.sin6_addr, ret->text, sizeof ret->text);
    char scope[IF_NAMESIZE];
    if (ret->in6.sin6_scope_id != 0 && if_indextoname(ret->in6.sin6_scope_id, scope)) {
        size_t length = strlen(ret->text);
        snprintf(ret->text + length, sizeof ret->text - length, "%%%s", scope);
    }
}

int address_parse(const char *text, uint16_t port, Address *ret)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        address_from_sockaddr((struct sockaddr *)&in, port, ret);
        return 0;
    }
    char host[INET6_ADDRSTRLEN + 1];
    const char *percent = strchrnul(text, '%');
    if ((size_t)(percent - text) >= sizeof host)
        return -EINVAL;
    memcpy(host, text, (size_t)(percent - text));
    host[percent - text] = 0;
    if (inet_pton(AF_INET6, host, &in6.sin6_addr) != 1)
        return -EINVAL;
    if (*percent && !(in6.sin6_scope_id = if_nametoindex(percent + 1)))
        return -EINVAL;
    address_from_sockaddr((struct sockaddr *)&in6, port, ret);
    return 0;
}

int address_compare(const Address *a, const Address *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return a->sa.sa_family == AF_INET ? -1 : 1;
    return strverscmp(a->text, b->text); /* 10.0.0.9 before 10.0.0.10 */
}

socklen_t address_length(const Address *address)
{
    return address->sa.sa_family == AF_INET ? sizeof address->in : sizeof address->in6;
}

Endpoint *endpoint_new(void)
{
    Endpoint *endpoint = xcalloc(1, sizeof *endpoint);
    endpoint->n_refs = 1;
    endpoint->thresholds = thresholds_default;
    return endpoint;
}

Endpoint *endpoint_ref(Endpoint *endpoint)
{
    endpoint->n_refs++;
    return endpoint;
}

void endpoint_unref(Endpoint *endpoint)
{
    if (!endpoint || --endpoint->n_refs > 0)
        return;
    free(endpoint->name);
    free(endpoint->host);
    free(endpoint->engine_name);
    free(endpoint->ca);
    free(endpoint->region);
    free(endpoint->verify_name);
    strv_free(endpoint->addresses);
    free(endpoint->user);
    free(endpoint->password_credential);
    free(endpoint->origin);
    if (endpoint->rds)
        rds_endpoint_deinit(endpoint->rds);
    free(endpoint->rds);
    free(endpoint);
}

Endpoint *endpoint_copy(const Endpoint *endpoint)
{
    Endpoint *copy = xmemdup(endpoint, sizeof *endpoint);
    copy->n_refs = 1;
    copy->name = xstrdup(endpoint->name);
    copy->host = xstrdup(endpoint->host);
    copy->engine_name = xstrdup(endpoint->engine_name);
    copy->ca = xstrdup(endpoint->ca);
    copy->region = xstrdup(endpoint->region);
    copy->verify_name = xstrdup(endpoint->verify_name);
    copy->addresses = NULL;
    for (char **address = endpoint->addresses; address && *address; address++)
        strv_append(&copy->addresses, xstrdup(*address));
    copy->user = xstrdup(endpoint->user);
    copy->password_credential = xstrdup(endpoint->password_credential);
    copy->origin = xstrdup(endpoint->origin);
    copy->rds = NULL;
    if (endpoint->rds)
        endpoint_take_rds(copy, endpoint->rds);
    return copy;
}

Farewell farewell_default(const Engine *engine)
{
    return engine->family == FAMILY_MYSQL ? FAREWELL_REFUSED : FAREWELL_CLOSE;
}

void endpoint_take_rds(Endpoint *endpoint, const RdsEndpoint *rds)
{
    endpoint->rds = xcalloc(1, sizeof *rds);
    *endpoint->rds = rds_endpoint_copy(rds);
    if (!endpoint->maintenance_window.known && rds->window)
        (void)window_parse(rds->window, &endpoint->maintenance_window); /* else it stays unknown */
    if (rds->kind < RDS_CLUSTER_V1 || endpoint->kind == KIND_PROXY)
        return;
    endpoint->kind = KIND_PROXY;
    free(TAKE(endpoint->ca));
}

const char *endpoint_ca(const Endpoint *endpoint)
{
    return endpoint->ca ? endpoint->ca : endpoint->rds ? endpoint->rds->ca : NULL;
}

const char *endpoint_next_ca(const Endpoint *endpoint)
{
    const char *pending = endpoint->rds ? endpoint->rds->pending_ca : NULL;
    return pending ? pending : endpoint_ca(endpoint);
}

const char *endpoint_verify_name(const Endpoint *endpoint)
{
    return endpoint->verify_name ? endpoint->verify_name : endpoint->host;
}

bool endpoint_is_acm(const Endpoint *endpoint)
{
    return endpoint->kind == KIND_PROXY || (endpoint->engine && endpoint->engine->acm);
}

char **endpoint_contradictions(const Endpoint *e)
{
    char **list = NULL;
    EngineFamily family = e->engine->family;
    if (e->direct_tls && family != FAMILY_POSTGRES)
        strv_append(&list, xasprintf("direct_tls is for PostgreSQL; leave it out for %s", e->engine_name));
    if (e->strict && family != FAMILY_SQLSERVER)
        strv_append(&list, xasprintf("strict is for SQL Server; leave it out for %s", e->engine_name));
    if (e->check_plaintext && family >= FAMILY_ORACLE)
        strv_append(&list,
                    xasprintf("check_plaintext is for PostgreSQL, MySQL, MariaDB and SQL Server; leave it "
                              "out for %s, where a port has TLS or has none",
                              e->engine_name));
    if (e->check_plaintext && family == FAMILY_MYSQL && e->farewell != FAREWELL_LOGIN)
        strv_append(&list,
                    xstrdup("check_plaintext logs in without TLS on MySQL and MariaDB; expected farewell = "
                            "\"login\" with it"));
    if (e->check_plaintext && e->strict)
        strv_append(
            &list,
            xstrdup("check_plaintext asks in TDS 7, which strict does not speak; leave one of them out"));
    if (e->ca && endpoint_is_acm(e))
        strv_append(&list,
                    xasprintf("ca is for the authorities of RDS; leave it out for %s, whose certificates "
                              "come from AWS Certificate Manager",
                              e->kind == KIND_PROXY ? "a proxy" : e->engine_name));
    return list;
}

bool endpoint_same_server(const Endpoint *a, const Endpoint *b)
{
    size_t n = strv_length(a->addresses);
    if (strcasecmp(a->host, b->host) != 0 || a->port != b->port || a->engine != b->engine ||
        strv_length(b->addresses) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(a->addresses[i], b->addresses[i]) != 0)
            return false;
    return true;
}
