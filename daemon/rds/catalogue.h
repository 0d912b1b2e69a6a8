#pragma once

/*
 * Amazon's authorities and regions, as data: catalogue.tsv, which is built in, or a newer file like it. Says
 * what is known, and proves nothing: trust is by verification against a bundle.
 */

#include "model/certificate.h"

#define CATALOGUE_BYTES_MAX (4 * 1024 * 1024) /* the one that is built in has 50 KB */
#define CATALOGUE_ROWS_MAX  20000

/* What the catalogue calls the roots that ACM's certificates lead to; no CA identifier of RDS's. */
#define TRUST_SERVICES "amazon-trust-services"

/* In the public bundles there are authorities of Amazon's own tests, too. */
typedef enum Environment {
    ENVIRONMENT_PRODUCTION,
    ENVIRONMENT_BETA,
    ENVIRONMENT_PREVIEW,
} Environment;
DECLARE_STRING_TABLE(environment, Environment);

/* One CA certificate. */
typedef struct KnownCertificate {
    char *ca;     /* its CA identifier: "rds-ca-rsa2048-g1" */
    char *region; /* "us-east-1"; a partition: each of its regions; "*": everywhere */
    Environment environment;
    CertificateRole role; /* root or intermediate */
    char *cn;
    int64_t not_before, not_after;
    char *sha1;   /* lower-case hex, as the API's Thumbprint */
    char *sha256; /* lower-case hex */
} KnownCertificate;

typedef struct Partition {
    char *name; /* "aws", "aws-us-gov", "aws-cn" */
    char *bundle_url;
} Partition;

typedef struct Region {
    char *name; /* "us-east-1" */
    char *partition;
    char *title; /* "US East (N. Virginia)" */
    char *bundle_url;
    char *not_offered; /* CA identifiers with commas between them, as the user guide says; "-": none */
} Region;

typedef struct Catalogue {
    char *version; /* "2026-09-30": the day of its facts; the later text is the newer one */
    char *origin;  /* the file, or "built in" */
    Partition *partitions;
    size_t n_partitions;
    Region *regions;
    size_t n_regions;
    KnownCertificate *certificates;
    size_t n_certificates;
} Catalogue;

/*
 * Reads the text of a catalogue. -EINVAL if anything in it is wrong, with a line for each such thing in *errors
 * ("FILE:LINE: ...").
 */
int catalogue_parse(const char *path, const char *text, Catalogue **ret, char ***errors);
Catalogue *catalogue_new_builtin(void);
void catalogue_free(Catalogue *catalogue);
CLEANUP_OF(Catalogue, catalogue_free);

/*
 * Lets the text of a file take the place of *catalogue if it is newer; if it is not, what is built in has
 * overtaken the file, which *warnings says. -EINVAL as above; then *catalogue stays.
 */
int catalogue_offer(Catalogue **catalogue, const char *path, const char *text, char ***errors,
                    char ***warnings);

/* All of these are borrowed from the catalogue; NULL if there is no such thing. There always is a bundle. */
const Region *catalogue_region(const Catalogue *catalogue, const char *region);
const KnownCertificate *catalogue_find(const Catalogue *catalogue, const char *sha256);

/* The root of a CA identifier for production in a region (NULL: in any, the first). */
const KnownCertificate *catalogue_root(const Catalogue *catalogue, const char *ca, const char *region);

/* Whether RDS has, or had, a CA of this identifier; and the nearest one to a misspelt one, NULL if none is
 * near. */
bool catalogue_has_ca(const Catalogue *catalogue, const char *ca);
const char *catalogue_nearest_ca(const Catalogue *catalogue, const char *misspelt);

/* What a client in the region needs: the region's bundle, else that of all commercial regions. */
const char *catalogue_bundle_url(const Catalogue *catalogue, const char *region);

/* Whether the user guide says nothing against it. */
bool region_offers(const Region *region, const char *ca);
