#pragma once

/* What a rule looks at, shared by rule.c, message.c and remedy.c alone. */

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

typedef struct Case {
    EndpointState *state;
    const AddressState *address; /* NULL: the endpoint as a whole */
    const Certificate *server;   /* that was last seen there; NULL if none */
    Rotation rotation;           /* of it */
    Authority authority;         /* that signed it; id is "" if it is none of RDS's */
    const Policy *policy;
    int64_t now;
    int64_t changes_at;
    int64_t due;         /* of the finding that is being made */
    const char *subject; /* of text that is about another certificate than the server's: its role and name */
    int64_t subject_not_after;
    const struct Case *parts; /* of the endpoint as a whole: its addresses' */
    size_t n_parts;
    Difference difference; /* among them */
} Case;

/* Whether its certificate is what the latest probe saw. */
bool case_is_current(const Case *c);

typedef void (*Writer)(const Case *c, Buffer *text);

/* Message and remedy of a finding; the caller's. All texts of findings stand in message.c and remedy.c. */
char *text_message(const Case *c, FindingId id);
char *text_remedy(const Case *c, FindingId id);

/* Names in certificates are foreign bytes, and a message ends on a terminal. The text is taken. */
char *text_printable(Buffer *text);
