#pragma once

/* What the fleet has to do with Amazon's authorities: which there are, and who uses which. Pure. */

#include "report/snapshot.h"

/* A CA in a region, as the status socket lists it: of the catalogue, or one that the RDS API alone knows: then
 * cn and sha256 are NULL. Texts are borrowed. */
typedef struct AuthorityUse {
    const char *ca, *region, *region_title, *cn, *sha1, *sha256;
    int64_t not_before, not_after;
    bool rotates;           /* its server certificates are replaced by themselves */
    bool asked;             /* the RDS API was, in this region; else it is the user guide's word: */
    bool offered;           /* it can be had there */
    bool is_default;        /* the API gives it to new instances */
    bool trusted;           /* its root is in the bundle */
    const char **served_by; /* endpoints, NULL-terminated; the arrays are owned */
    const char **configured_by;
} AuthorityUse;

typedef struct AuthorityUses {
    AuthorityUse *items;
    size_t n;
    const char *catalogue_version, *catalogue_origin;
} AuthorityUses;

void authority_uses_deinit(AuthorityUses *uses);

/*
 * The production roots of the catalogue, each with the endpoints that serve or have configured it. Texts are
 * borrowed from the catalogue and the snapshot.
 */
void authorities_list(const Snapshot *snapshot, AuthorityUses *ret);

/* What the API said of a region; NULL: it was not asked there. */
const RdsInventory *authorities_inventory(const Snapshot *snapshot, const char *region);

/* Whether the CA can be had in the region (NULL: anywhere): the API's word where it was asked, else the user
 * guide's. */
bool authorities_offers(const Snapshot *snapshot, const Region *region, const char *ca);
