#pragma once

/* What a rule looks at, shared by rule.c and text.c alone. */

#include "model/state.h"
#include "rds/authority.h"
#include "rules/rule.h"

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
} Case;

/* Message and remedy of a finding; the caller's. All texts of findings stand in text.c. */
char *text_message(const Case *c, FindingId id);
char *text_remedy(const Case *c, FindingId id);
