#pragma once

/* Values that RDS and AWS have; base/value.h says what a value is. */

#include <stddef.h>

#include "base/value.h"

#define CA_BYTES_MAX     48
#define REGION_BYTES_MAX 32
#define ACCOUNT_DIGITS   12

#define IDENTIFIER_BYTES_MAX 63 /* the API's limit */

/* So many lower-case hexadecimal digits. */
bool value_is_hex(const char *text, size_t length);

/* A CA's identifier: "rds-ca-2019", or "rds-ca-rsa2048-g1" with 2 to 8 letters, 1 to 5 digits, and 1 to 3
 * digits; so generations and kinds of keys to come have a form, too. */
bool value_is_ca(const char *text);

/* "us-east-1", "us-gov-west-1", "eusc-de-east-1": words of lower-case letters, then a number of one or two
 * digits. */
bool value_is_region(const char *text);

/* Twelve digits. */
bool value_is_account(const char *text);

/* "arn:aws-cn:rds:cn-north-1:123456789012:db:orders" */
bool value_is_arn(const char *text);

/* Of an instance, a cluster, a proxy, or an endpoint of these: a letter, then up to 62 letters, digits and
 * hyphens; the last is no hyphen. */
bool value_is_identifier(const char *text);

/* As the API writes it: "aurora-postgresql", "oracle-se2-cdb"; and "8.0.mysql_aurora.3.05.2". */
bool value_is_engine(const char *text);
bool value_is_engine_version(const char *text);
