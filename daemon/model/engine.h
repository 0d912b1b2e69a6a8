#pragma once

/* Engines by the RDS API's names, the protocol each speaks before TLS, and its default port. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

typedef enum EngineFamily {
    FAMILY_POSTGRES,
    FAMILY_MYSQL,
    FAMILY_SQLSERVER,
    FAMILY_ORACLE, /* this and those below: TLS from the first byte */
    FAMILY_DB2,
    FAMILY_DOCDB,
    FAMILY_TLS,
} EngineFamily;
#define N_FAMILIES (FAMILY_TLS + 1)

typedef struct Engine {
    const char *name;
    EngineFamily family;
    uint16_t port; /* 0: has to be given */
    bool editions; /* the API appends one: "sqlserver" stands for "sqlserver-se", too */
    bool old_tls;  /* some of its servers speak TLS 1.0 or static RSA alone; no secret is ever sent to them */
    bool acm;      /* its certificates are ACM's, not those of an authority of RDS */
} Engine;

/* What is right, for messages and help: the table's names; EDITION is ee, se2, ee-cdb, ... */
#define ENGINE_NAMES_1 "postgres, aurora-postgresql, mysql, aurora-mysql, mariadb, sqlserver[-EDITION]"
#define ENGINE_NAMES_2 "oracle[-EDITION], db2[-EDITION], custom-sqlserver[-EDITION]"
#define ENGINE_NAMES_3 "custom-oracle[-EDITION], docdb, neptune, redshift, tls"
#define ENGINE_NAMES   ENGINE_NAMES_1 ", " ENGINE_NAMES_2 ", " ENGINE_NAMES_3

extern const Engine engines[];
extern const size_t n_engines;

/* Offers every engine's name, for "did you mean". */
void engines_offer(Nearest *nearest);

/* By the name as the API has it, with or without an edition. Borrowed, NULL if there is none. */
const Engine *engine_find(const char *name);
