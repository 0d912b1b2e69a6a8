#pragma once

/*
 * Which of Amazon's authorities signs, told by names. A name only classifies: trust is by verification against
 * a bundle. The identifiers are those of the RDS API (DescribeCertificates: CertificateIdentifier).
 */

#include "model/certificate.h"

typedef struct Authority {
    char id[48];     /* "rds-ca-rsa2048-g1" */
    char region[32]; /* "us-east-1"; "" where one CA signs for all */
    bool preview;    /* of the Beta or Preview environments: never signs for a production region */
} Authority;

/*
 * From a CA certificate's subject CN, and its own issuer's CN where that is known (NULL if not): "Amazon RDS
 * <region> CA" alone does not tell its generation. False if the name is none of RDS's. Generations to come are
 * told by shape.
 */
bool authority_from_names(const char *cn, const char *issuer_cn, Authority *ret);

/* The authority that signed the chain's server certificate. */
bool authority_of_chain(const Chain *chain, Authority *ret);

/* Whether its server certificates rotate: rds-ca-2019 and older never do by themselves, and those CAs have
 * ended. */
bool authority_rotates(const Authority *authority);

/* Whether RDS has, or had, an authority of this identifier. */
bool authority_is_known(const char *id);

/* For "did you mean". NULL past the last. */
const char *authority_known(size_t i);
