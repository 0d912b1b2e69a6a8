#pragma once

/*
 * Whether the head of a request may be answered at all. To a browser a forwarded status socket is a site like
 * any other, and every page that the browser shows can send requests to it. Three things give such a page away:
 * the name that it knows the socket by (Host; DNS rebinding gives it a name of its own), its origin (Origin),
 * and what the browser says about it (Sec-Fetch-Site). No sockets, no clock: header fields in, a refusal out.
 */

#include <stdbool.h>
#include <stddef.h>

#define HEAD_FIELDS_MAX 100 /* browsers send some 20 */

/* A header field that may occur once. */
typedef struct Field {
    const char *value; /* borrowed; of the last one */
    size_t size;       /* without the white space after it */
    unsigned n;        /* how many there were */
} Field;

typedef struct Head {
    const char *target;       /* what is asked for: a path, or a URL (RFC 9112, 3.2); borrowed */
    Field host, origin, site; /* Host, Origin, Sec-Fetch-Site */
    Field length, coding;     /* Content-Length, Transfer-Encoding */
    unsigned n;               /* fields of any name */
    bool malformed;           /* one of them is no header field */
} Head;

typedef enum Refusal {
    REFUSAL_NONE,
    REFUSAL_MALFORMED,
    REFUSAL_TARGET,
    REFUSAL_CODING,
    REFUSAL_NO_HOST,
    REFUSAL_BAD_HOST,
    REFUSAL_FOREIGN_HOST,
    REFUSAL_FOREIGN_SITE,
    REFUSAL_FOREIGN_ORIGIN,
} Refusal;

/* How a refusal is answered. */
typedef struct RefusalInfo {
    unsigned status;
    const char *code, *message;
} RefusalInfo;

/* Notes a header field; both texts are borrowed. */
void head_add(Head *head, const char *name, const char *value);

/* hosts: names beside localhost, 127.0.0.1 and ::1 that the socket is reached by; ends with NULL, may be NULL.
 */
Refusal head_check(const Head *head, char *const *hosts);

/* The path of a target that passed. */
const char *head_path(const Head *head);

/* Whether a browser may have sent it: browsers may read, and change nothing. */
bool head_is_of_browser(const Head *head);

const RefusalInfo *refusal_info(Refusal refusal);
