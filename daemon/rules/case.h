#pragma once

/*
 * What a rule looks at, and what it finds. Rules (authority.c, wire.c, rule.c) look at a Case with the look-ups
 * and predicates of case.c, and give Evidence; when all have run, each piece of it is rendered once
 * (evidence.c): message (message.c), steps (remedy.c, remedy-wire.c) and cause (cause.c).
 */

#include "base/buffer.h"
#include "model/state.h"
#include "rds/authority.h"
#include "rules/rule.h"

/* How the certificates behind one name differ; the later, the worse. */
typedef enum Difference {
    DIFFERENCE_NONE,
    DIFFERENCE_AGE,    /* instances of a cluster, and one is past the time to rotate */
    DIFFERENCE_SERIAL, /* of one instance */
    DIFFERENCE_CA,
} Difference;

/* What a rule has found, before there are words for it. */
typedef struct Evidence {
    const struct Case *of;
    FindingId id;
    Severity severity;
    int64_t due;              /* INSTANT_NONE: there is no such date */
    bool pending;             /* it may pass by itself */
    bool configured_differs;  /* ca-mismatch: from the configured CA; else from what the API says */
    const Certificate *about; /* of what is about another certificate of the chain than the server's */
    Difference difference;    /* addresses-disagree */
} Evidence;

typedef struct EvidenceList {
    Evidence *items;
    size_t n;
} EvidenceList;

typedef struct Case {
    EndpointState *state;
    const AddressState *address; /* NULL: the endpoint as a whole */
    const Certificate *server;   /* that was last seen there; NULL if none */
    Rotation rotation;           /* of it */
    Authority authority;         /* that signed it; id is "" if it is none of RDS's */
    const Policy *policy;
    int64_t now;
    int64_t changes_at;
    const Chain *path;        /* what is known above the server's certificate */
    const Certificate *first; /* of the path, what ends before the server's certificate; NULL: nothing */
    const struct Case *parts; /* of the endpoint as a whole: its addresses' */
    size_t n_parts;
    EvidenceList *evidence; /* what rules have found so far, here and in the others */
    Evidence found;         /* what the texts are of; made by evidence.c, for them alone */
} Case;

static inline const Endpoint *case_endpoint(const Case *c)
{
    return c->state->endpoint;
}

/* case.c */

/* Looks at the certificate that was last seen at the case's address: fills in server, path, authority,
 * rotation. */
void case_look(Case *c);

/* The same for another certificate, with what stands above it. */
void case_look_at(Case *c, const Certificate *server, const Chain *path);

/* Whether the instant has come. If not, the verdict changes there at the latest. */
bool case_reached(Case *c, int64_t instant);

/* What a period comes to for a life shorter than the full one, for which it is meant. */
int64_t case_scaled(int64_t period, int64_t life, int64_t full_life);

/* The root that the chain leads to, be it the bundle's or one that was sent; NULL if it is not known. */
const Certificate *case_root(const Case *c);

/* The certificate of the path that ends first; NULL if nothing is known of it. */
const Certificate *case_first_to_end(const Chain *path);

/* Whether the endpoint's host is RDS's. */
bool case_is_rds(const Case *c);

/* Whether the endpoint and the authority that signs are in different regions. */
bool case_is_elsewhere(const Case *c);

/* Whether the catalogue has the authority that signs, by its name; false as well if it is none of RDS's. */
bool case_ca_is_known(const Case *c);

/* Whether the API says that it is stopped, being made or gone: then it accepts no connections. */
bool case_is_away(const Case *c);

/* Whether RDS has a date for the replacement, before it is overdue. */
bool case_is_scheduled(const Case *c);

/* Whether by the API the instance has a newer certificate, or a newer CA, than it serves. */
bool case_awaits_restart(const Case *c);

/* Whether by the API it has another CA than it serves, and that is not why. */
bool case_differs_from_rds(const Case *c);

/* Whether such a difference is more than a change on its way. The endpoint has to be known to the API. */
bool case_is_settled(Case *c);

/* message.c, remedy.c, cause.c: message and steps of a finding, and what other endpoints have it from as well
 * (NULL: it has no such cause). The caller's. */

typedef void (*Writer)(const Case *c, Buffer *text);

char *text_message(const Case *c, FindingId id);
StepList steps_of(const Case *c, FindingId id);
char *text_cause(const Case *c, FindingId id);

/* text.c */

/* "certificate 0A1B (rds-ca-rsa2048-g1, valid 2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z)" */
void text_certificate(const Certificate *certificate, const Authority *authority, Buffer *text);

/* Names in certificates are foreign bytes, and a message ends on a terminal. The text is taken. */
char *text_printable(Buffer *text);

/* The same, of at most FINDING_MESSAGE_BYTES_MAX. */
char *text_bounded(Buffer *text);

/* evidence.c */

/* One more; what belongs to it besides is written into what is returned, which is borrowed until the next one.
 */
Evidence *evidence_add(Case *c, FindingId id, Severity severity, int64_t due);

/* Makes a finding of each. */
void evidence_render(const EvidenceList *evidence, FindingList *ret);
void evidence_deinit(EvidenceList *evidence);

/* authority.c: rules of the authorities above a certificate. */
void rule_intermediates(Case *c);
void rule_root(Case *c);
void rule_served_ca(Case *c);
void rule_catalogue(Case *c);
void rule_offer(Case *c);

/* wire.c: rules of what the RDS API says. */
void rule_restart(Case *c);
void rule_maintenance(Case *c);
