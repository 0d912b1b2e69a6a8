#pragma once

/*
 * Which of Amazon's authorities signs, told by names. A name only classifies: trust is by verification against
 * a bundle. The identifiers are those of the RDS API (DescribeCertificates: CertificateIdentifier).
 */

#include "rds/catalogue.h"
#include "rds/value.h"

typedef struct Authority {
    char id[CA_BYTES_MAX];         /* "rds-ca-rsa2048-g1" */
    char region[REGION_BYTES_MAX]; /* "us-east-1"; "" where one CA signs for all */
    bool preview;        /* of the Beta or Preview environments: never signs for a production region */
    bool trust_services; /* Amazon Trust Services, for ACM: no CA of RDS's, and id is "" */
} Authority;

/*
 * From a CA certificate's subject CN, and its own issuer's CN where that is known (NULL if not): "Amazon RDS
 * <region> CA" alone does not tell its generation. False if the name is none of RDS's. Generations to come are
 * told by shape.
 */
bool authority_from_names(const char *cn, const char *issuer_cn, Authority *ret);

/*
 * The authority that signed a server certificate; path: what is known above it, the signer first. By the
 * signer's fingerprint where the catalogue (NULL: none) has it, else by names. False if it is none of RDS's.
 */
bool authority_of_server(const Certificate *server, const Chain *path, const Catalogue *catalogue,
                         Authority *ret);

/* Whether its server certificates rotate: rds-ca-2019 and older never do by themselves, and those CAs have
 * ended. */
bool authority_rotates(const Authority *authority);
bool authority_id_rotates(const char *id);
