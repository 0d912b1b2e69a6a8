#pragma once

/*
 * URLs of http and https. A password in one is a secret, and so is what its query says (signatures of presigned
 * URLs, access tokens): the whole text is for libcurl alone, and everything else shows, compares and stores the
 * text without them.
 */

#include <stdbool.h>

#include "base/macro.h"

typedef struct Url {
    char *whole; /* wiped when it is freed */
    char *shown; /* without user and password, and with *** for the query's values */
} Url;

/*
 * Refuses what another parser could read otherwise, and what may be the rest of a password that was not
 * percent-encoded. -EINVAL: *ret_why says what is wrong and quotes nothing of the text; a literal.
 */
int url_parse(const char *text, Url **ret, const char **ret_why);
void url_free(Url *url);
CLEANUP_OF(Url, url_free);

/* Whether there is a password in it, or a user whose password is to come. */
bool url_has_user(const Url *url);

/* "mirror.example.com": without a port, an IPv6 address without its brackets. The caller's. */
char *url_host(const Url *url);

/*
 * Any text, also one that is no URL, as it may be shown: nothing that comes before an @ is left but the scheme,
 * and nothing that may be a value in a query. The caller's.
 */
char *url_redact(const char *text);

/* The same for each URL that is quoted in a text, of which users and passwords are cut out in place. */
void url_redact_within(char *text);
