#pragma once

/* One thing to watch, as the configuration or the RDS API says; never changes once it is made. Shared by
 * reference. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/text.h"
#include "model/discovery.h"
#include "model/engine.h"
#include "model/thresholds.h"
#include "model/window.h"

typedef enum Farewell {
    FAREWELL_CLOSE,   /* close_notify and close: all that PostgreSQL and plain TLS need */
    FAREWELL_REFUSED, /* MySQL: log in as a user that does not exist, read the refusal; never counted against us
                       */
    FAREWELL_LOGIN,   /* MySQL: log in as a user without privileges, quit; silent, and resets the server's count
                       */
    FAREWELL_DROP,    /* MySQL: hang up; counted, and blocks this host in the end */
} Farewell;
DECLARE_STRING_TABLE(farewell, Farewell);

typedef enum RotationClass {
    CLASS_AUTO,     /* not configured: from the lifetime that is observed */
    CLASS_ONLINE,   /* 12 months, by itself at half-life */
    CLASS_RESTART,  /* 36 months, needs a restart */
    CLASS_ACM,      /* proxies: renewed by AWS Certificate Manager */
    CLASS_EXTERNAL, /* nobody promises anything */
} RotationClass;
DECLARE_STRING_TABLE(rotation_class, RotationClass);

typedef enum EndpointKind {
    KIND_INSTANCE, /* of a database, or a cluster of them */
    KIND_PROXY,    /* RDS Proxy, Aurora Serverless v1: an ACM certificate in front of the database */
} EndpointKind;
DECLARE_STRING_TABLE(endpoint_kind, EndpointKind);

typedef struct Address {
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    };
    char text[INET6_ADDRSTRLEN + 18]; /* without the port; with %scope where there is one */
} Address;

/* -EINVAL if the text is not an IPv4 or IPv6 literal. */
int address_parse(const char *text, uint16_t port, Address *ret);
void address_from_sockaddr(const struct sockaddr *sa, uint16_t port, Address *ret);
int address_compare(const Address *a, const Address *b); /* IPv4 first, then as text; ports aside */
socklen_t address_length(const Address *address);

typedef struct Endpoint {
    unsigned n_refs;
    char *name;
    char *host;
    int64_t port;
    const Engine *engine;
    char *engine_name; /* as it was given, with the edition */
    int kind;          /* EndpointKind */
    bool direct_tls;   /* PostgreSQL 17: TLS from the first byte */
    bool strict;       /* SQL Server 2022: TDS 8.0, TLS from the first byte */
    bool check_plaintext;
    bool loopback;     /* it may be at an address that is refused else: model/reach.h */
    char *ca;          /* configured CA identifier; NULL: not compared */
    char *region;      /* NULL: from the host name */
    char *verify_name; /* NULL: the host */
    char **addresses;  /* instead of resolving; NULL: resolve */
    int rotation;      /* RotationClass */
    Window maintenance_window;
    Thresholds thresholds;
    int farewell; /* Farewell */
    char *user;
    char *password_credential;
    int64_t interval_seconds;
    char *origin;     /* "FILE:LINE", for messages; "rds us-east-1" of one that is discovered */
    bool discovered;  /* it is not in the configuration */
    RdsEndpoint *rds; /* what the RDS API says of it; NULL: it is not asked, or does not know it */
} Endpoint;

Endpoint *endpoint_new(void);
Endpoint *endpoint_ref(Endpoint *endpoint);
void endpoint_unref(Endpoint *endpoint);
CLEANUP_OF(Endpoint, endpoint_unref);

/* A copy, whose reference is the caller's. */
Endpoint *endpoint_copy(const Endpoint *endpoint);

/* How a probe leaves such an engine where nothing is configured. */
Farewell farewell_default(const Engine *engine);

/* Notes what the RDS API says of it, before it is shared: that fills in what the configuration leaves open. */
void endpoint_take_rds(Endpoint *endpoint, const RdsEndpoint *rds);

/* The CA identifier that it is set to: as configured, else as the API says; and the one it will be set to,
 * where that is another one already. NULL: not known. */
const char *endpoint_ca(const Endpoint *endpoint);
const char *endpoint_next_ca(const Endpoint *endpoint);

/* The name that the certificate has to carry and that SNI asks for. */
const char *endpoint_verify_name(const Endpoint *endpoint);

/* Whether AWS Certificate Manager makes and renews its certificates, and the system's roots verify them. */
bool endpoint_is_acm(const Endpoint *endpoint);

/*
 * What in it goes against its engine: a sentence each ("direct_tls is for PostgreSQL; ..."), NULL if nothing
 * does. The caller's. The engine has to be known.
 */
char **endpoint_contradictions(const Endpoint *endpoint);

/* Whether both lead to the same server, so that what was seen of one holds for the other. */
bool endpoint_same_server(const Endpoint *a, const Endpoint *b);
