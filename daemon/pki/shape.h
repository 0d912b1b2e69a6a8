#pragma once

/*
 * How many parts a certificate may have. A peer chooses its certificate, and GnuTLS takes a time that grows
 * with the square of some numbers of parts: 9,000 attributes of a subject, 108 KB, hold the loop for a second
 * at each import. So the parts are counted before GnuTLS sees them, in one walk over the DER (pki/der.h). One
 * import takes at most some 10 ms within these limits (GnuTLS 3.7.9, on a machine of 2020).
 */

#include <stddef.h>
#include <stdint.h>

/*
 * Elements of ASN.1, those in extensions included. Certificates of RDS, of ACM, and of public CAs have 60 to
 * 250, and one or two more for each name; 1,000 names pass.
 */
#define SHAPE_ELEMENTS_MAX 2500

/* In one list: the parts of a subject, extensions, purposes, policies. Real ones have at most some 20. Checking
 * 100 purposes takes GnuTLS 5 ms. */
#define SHAPE_LIST_MAX 100

/* In one list of subjectAltName or nameConstraints. Public CAs put at most some 1,000 names into a certificate.
 */
#define SHAPE_NAMES_MAX 2000

/* Of elements within elements; real ones have 13 levels. */
#define SHAPE_DEPTH_MAX 24

/* Of all certificates that one server sends: some 16 of them as RDS has them, or one with SHAPE_NAMES_MAX names
 * and its CAs. GnuTLS takes at most 7 us for each element. */
#define SHAPE_CHAIN_ELEMENTS_MAX 4000

/*
 * Why the certificate is not parsed, "9000 items in one list of its subject; dbcertd takes at most 100"; NULL
 * if it is within the limits. The caller's. Sets *ret_elements, unless that is NULL. From the place on where
 * the bytes do not parse, two of them count as one element: another parser might see that many.
 */
char *shape_excess(const uint8_t *der, size_t size, size_t *ret_elements);
