#pragma once

/* What is to be said of an endpoint, a trust store or a bundle now: design's table of findings, with the words
 * for each. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "base/text.h"
#include "model/step.h"

/* In order of urgency: the worst of an endpoint's findings is its severity. */
typedef enum Severity {
    SEVERITY_OK,
    SEVERITY_NOTICE,
    SEVERITY_UNKNOWN, /* nothing can be seen: not bad, and not good either */
    SEVERITY_WARNING,
    SEVERITY_CRITICAL,
} Severity;
#define N_SEVERITIES (SEVERITY_CRITICAL + 1)
DECLARE_STRING_TABLE(severity, Severity);

/* "C", "W", "U", "N", and "-" for what is well. */
const char *severity_letter(Severity severity);

/* What a finding can be about. */
typedef enum SubjectKind {
    SUBJECT_ENDPOINT,
    SUBJECT_TRUST_STORE, /* of a client, by its name */
    SUBJECT_BUNDLE,      /* that is fetched, by its URL */
    SUBJECT_RDS,         /* that is asked, by the source's name */
    SUBJECT_DAEMON,      /* dbcertd itself */
} SubjectKind;
DECLARE_STRING_TABLE(subject_kind, SubjectKind);

/* The same as the name of a member or a label: "trust_store". */
const char *subject_kind_label(SubjectKind kind);

typedef enum FindingId {
    FINDING_ROTATION_DUE,
    FINDING_ROTATION_OVERDUE,
    FINDING_CERTIFICATE_EXPIRING,
    FINDING_CERTIFICATE_EXPIRED,
    FINDING_CERTIFICATE_NOT_YET_VALID,
    FINDING_INTERMEDIATE_EXPIRING,
    FINDING_INTERMEDIATE_EXPIRED,
    FINDING_CA_EXPIRING,
    FINDING_CA_EXPIRED,
    FINDING_CA_OUTLIVED,
    FINDING_CA_MISMATCH,
    FINDING_CA_RETIRED,
    FINDING_CA_UNKNOWN,
    FINDING_CA_NOT_OFFERED,
    FINDING_CHAIN_UNTRUSTED,
    FINDING_CHAIN_INCOMPLETE,
    FINDING_NAME_MISMATCH,
    FINDING_SELF_SIGNED,
    FINDING_NO_SUBJECT_ALTERNATIVE_NAME,
    FINDING_WEAK_KEY,
    FINDING_WEAK_SIGNATURE,
    FINDING_LEGACY_TLS,
    FINDING_ADDRESSES_DISAGREE,
    FINDING_CERTIFICATE_UNSTABLE,
    FINDING_ROTATED,
    FINDING_ROTATED_EARLY,
    FINDING_ROTATED_BACK,
    FINDING_CA_CHANGED,
    FINDING_PLAINTEXT_ACCEPTED,
    FINDING_UNREACHABLE,
    FINDING_TLS_REFUSED,
    FINDING_HANDSHAKE_FAILED,
    FINDING_PROBER_BLOCKED,
    FINDING_NAME_UNRESOLVED,
    FINDING_TRUST_STORE_LACKS_CA,
    FINDING_TRUST_STORE_UNREADABLE,
    FINDING_TRUST_STORE_EXPIRED,
    FINDING_BUNDLE_STALE,
    FINDING_BUNDLE_CHANGED,
    FINDING_RESTART_PENDING,
    FINDING_MAINTENANCE_SCHEDULED,
    FINDING_DISCOVERY_FAILING,
    FINDING_INSTANCE_UNWATCHED,
    FINDING_CLOCK_UNSYNCHRONISED,
    FINDING_STATE_DAMAGED,
    FINDING_STATE_UNWRITABLE,
} FindingId;
#define N_FINDINGS (FINDING_STATE_UNWRITABLE + 1)
DECLARE_STRING_TABLE(finding, FindingId);

/* What is so of every finding with an id. All texts are static. */
typedef struct FindingInfo {
    const char *word;
    const char *message_id; /* the journal's, 32 hex digits; explained in systemd/dbcertd.catalog */
    SubjectKind subject;
    unsigned severities;    /* that it may have: a bit for each */
    const char *thresholds; /* keys of the configuration that move it, with spaces between; NULL: none does */
    const char *meaning;    /* whole sentences for a manual */
    const char *remedy;     /* something to type, with words in capitals to be replaced */
} FindingInfo;

const FindingInfo *finding_info(FindingId id);

/* Whether it happens, and does not last: it is told once, and never resolved. */
bool finding_is_event(FindingId id);

typedef struct Finding {
    FindingId id;
    Severity severity;
    bool pending;  /* it may pass by itself, so nobody is told as yet, and it does not count */
    char *address; /* NULL: of its subject as a whole */
    char *ca;      /* "rds-ca-ecc384-g1 in us-east-1": what of a trust store it is about, NULL: all of it; of an
                      event: the CA that signs now */
    int64_t since; /* when it was first raised */
    int64_t due;   /* by when something has to be done, or when it gets worse; INSTANT_NONE if never */
    char *message;
    StepList steps; /* what to do about it */
    char *cause;    /* what other subjects have it from, too: then they are told together; NULL: it is alone */
    int64_t silenced_until; /* by whoever was told enough; INSTANT_NONE: by nobody */
} Finding;

/* A message or a cause: the longest that dbcertd makes of ordinary names has some 1,000. */
#define FINDING_MESSAGE_BYTES_MAX 2048

void finding_deinit(Finding *finding);
Finding finding_copy(const Finding *finding);

typedef struct FindingList {
    Finding *items;
    size_t n;
} FindingList;

/* A new finding at the end of the list, borrowed until the next append. */
Finding *finding_list_append(FindingList *list, Finding finding);
void finding_list_deinit(FindingList *list);

/*
 * The same for one whose texts are made beforehand: takes message and steps, and makes the message printable,
 * since names out of certificates and paths are foreign bytes. ca: may be NULL.
 */
Finding *finding_list_say(FindingList *list, FindingId id, Severity severity, const char *ca, int64_t due,
                          char *message, StepList steps);

/* Whether both are about the same thing of the same subject, maybe with another severity. */
bool finding_same(const Finding *a, const Finding *b);

/* The worst that is not pending; `floor` if there is none that is worse. */
Severity finding_list_worst(const FindingList *list, Severity floor);

/* Borrowed, NULL if there is none. */
Finding *finding_list_find(const FindingList *list, FindingId id, const char *address);
