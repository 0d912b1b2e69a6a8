#pragma once

/* What the RDS API is asked, and what it says: which endpoints there are, and what each should serve. */

#include "base/instant.h"
#include "model/finding.h"

typedef enum CredentialSource {
    CREDENTIALS_INSTANCE,    /* the role of the EC2 instance, by IMDSv2 */
    CREDENTIALS_ENVIRONMENT, /* AWS_ACCESS_KEY_ID and its like */
    CREDENTIALS_CONTAINER,   /* AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI */
    CREDENTIALS_FILE,        /* "credential:NAME": systemd's, as ~/.aws/credentials is written */
} CredentialSource;

/* One region of one account, as the configuration says; never changes once it is made. */
typedef struct RdsSource {
    char *name; /* of it, and at the end of its endpoints' names: REGION, or REGION.ACCOUNT with a role */
    char *region;
    char *credentials; /* as it is written: "instance", ..., "credential:NAME" */
    char *role;        /* ARN of the role to assume; NULL: none */
    char *external_id; /* that the role asks for; NULL: none */
    char **engines;    /* only these, with or without edition; NULL: all */
    char **tags;       /* "KEY" or "KEY=VALUE", all of them; NULL: any; proxies have none in the API */
    char **exclude;    /* patterns of identifiers, as a shell's; NULL: none */
    int64_t interval_seconds;
    char *endpoint_url;     /* NULL: the region's own */
    char *sts_endpoint_url; /* the same, of the service that lends roles */
    char *origin;           /* "FILE:LINE", for messages */
} RdsSource;

void rds_source_free(RdsSource *source);

/* -EINVAL if the text is none of them. */
int credential_source_parse(const char *text);

/* The name of systemd's credential; NULL if it is another source. */
const char *credential_source_file(const char *text);

/* Keys to the API, for a while. */
typedef struct Credentials {
    char *access_key_id;
    char *secret_access_key;
    char *session_token; /* NULL: they are lasting ones */
    int64_t expires_at;  /* INSTANT_NEVER: they do not */
} Credentials;

void credentials_wipe(Credentials *credentials);

typedef enum RdsKind {
    RDS_INSTANCE,
    RDS_CLUSTER,        /* its writer */
    RDS_CLUSTER_READER, /* any of its readers */
    RDS_CLUSTER_CUSTOM, /* any of some of its instances */
    RDS_CLUSTER_V1,     /* Aurora Serverless v1: a proxy in front of it, so to speak */
    RDS_PROXY,
    RDS_PROXY_ENDPOINT, /* beside its default one */
} RdsKind;
#define N_RDS_KINDS (RDS_PROXY_ENDPOINT + 1)
DECLARE_STRING_TABLE(rds_kind, RdsKind);

typedef enum Support {
    SUPPORT_UNKNOWN, /* the API does not say */
    SUPPORT_NO,
    SUPPORT_YES,
} Support;

/*
 * What the API says of one endpoint, at its latest answer. Of all but instances the certificates are their
 * instances', so there is no ca, pending_ca or valid_till.
 */
typedef struct RdsEndpoint {
    char *source;     /* name of the RdsSource that has it */
    char *identifier; /* DBInstanceIdentifier and its like */
    char *host;
    char *problem; /* why it cannot be watched as it is; NULL: it can */
    char *engine;  /* "postgres", "oracle-ee" */
    char *engine_version;
    char *status;     /* "available"; NULL: it has none */
    char *ca;         /* CA identifier; NULL: it has none */
    char *pending_ca; /* to be its CA from the next maintenance window on; NULL: none is */
    char *window;     /* PreferredMaintenanceWindow; NULL: not said */
    char *offered;    /* CA identifiers that it can be set to, with ", " between; NULL: not said */
    char *default_ca; /* of its region; NULL: not said */

    int64_t kind;               /* RdsKind */
    int64_t port;               /* 0: none that speaks TLS is known, and problem says so */
    int64_t valid_till;         /* the end of the certificate that it should serve; INSTANT_NONE: not said */
    int64_t since;              /* when ca and valid_till were said first */
    int64_t settle_seconds;     /* for so long a difference to what is served may be a change on its way */
    int64_t online;             /* Support: SupportsCertificateRotationWithoutRestart */
    int64_t maintenance;        /* 1: there is a pending ca-certificate-rotation, with such of the dates: */
    int64_t auto_applied_after; /* INSTANT_NONE: not said */
    int64_t forced_apply;
    int64_t current_apply;
    int64_t missing_since; /* when an answer came without it; INSTANT_NONE: the latest has it */
} RdsEndpoint;

/* Its members by name, for whoever copies, compares or keeps them all. */
typedef struct RdsField {
    const char *name;
    size_t offset;
    bool is_text; /* char *, NULL if there is none; else int64_t */
} RdsField;
extern const RdsField rds_fields[];
extern const size_t n_rds_fields;

char **rds_field_text(RdsEndpoint *endpoint, const RdsField *field);
int64_t *rds_field_number(RdsEndpoint *endpoint, const RdsField *field);

RdsEndpoint rds_endpoint_copy(const RdsEndpoint *endpoint);
void rds_endpoint_deinit(RdsEndpoint *endpoint);

/* By kind, then by identifier and host: the order of an inventory. */
int rds_endpoint_compare(const void *a, const void *b);

/* Whether both say the same. */
bool rds_endpoint_same(const RdsEndpoint *a, const RdsEndpoint *b);

/* Whether the API says that it does not answer for good reasons: it is stopped, being made, or gone. */
bool rds_endpoint_is_away(const RdsEndpoint *endpoint);

/* Whether the API says that something is being done to it, which its certificate may be part of. */
bool rds_endpoint_is_changing(const RdsEndpoint *endpoint);

/* Whether a CA identifier is among those that it can be set to; also if that is not known. */
bool rds_endpoint_offers(const RdsEndpoint *endpoint, const char *ca);

/* One CA of a region. */
typedef struct RdsCertificate {
    char *ca;
    char *thumbprint; /* SHA-1, lower-case hex */
    int64_t valid_till;
    bool is_default; /* new instances get it, by the account's own override or by the region's default */
} RdsCertificate;

typedef struct RdsInventory {
    RdsEndpoint *endpoints; /* by kind, then by identifier and host */
    size_t n_endpoints;
    RdsCertificate *certificates;
    size_t n_certificates;
} RdsInventory;

void rds_inventory_append(RdsInventory *inventory, RdsEndpoint endpoint); /* takes what it holds */
void rds_inventory_deinit(RdsInventory *inventory);

/* What is known of a source. */
typedef struct RdsSourceState {
    const RdsSource *source;
    int64_t answered_at;   /* the latest complete answer; INSTANT_NONE: never */
    int64_t failing_since; /* INSTANT_NONE: the latest round went well */
    char *error;           /* of the latest round, if it failed */
    bool awaited;          /* the first round of this run is: how it goes is not known before */
    char *lacking;         /* actions that were refused, though the others were answered; NULL: none */
    RdsInventory inventory;
    const RdsEndpoint **unwatched; /* of the inventory: there is something in the way, or too many */
    size_t n_unwatched;
    size_t n_watched; /* discovered here, and no endpoint of the configuration */
    FindingList findings;
    int64_t changes_at; /* when time alone will change the findings */
} RdsSourceState;

void rds_source_state_deinit(RdsSourceState *state);
