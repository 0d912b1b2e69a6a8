#include "model/engine.h"

#include <string.h>

#include "base/macro.h"

/*
 * Ports are RDS's defaults. Oracle's is the SSL option's (SQLNET over TCPS), since 1521 shows no certificate;
 * RDS has none for Db2's TLS (ssl_svcename chooses it).
 */
const Engine engines[] = {
    { "postgres", FAMILY_POSTGRES, 5432 },
    { "aurora-postgresql", FAMILY_POSTGRES, 5432 },
    { "mysql", FAMILY_MYSQL, 3306 },
    { "aurora-mysql", FAMILY_MYSQL, 3306 },
    { "mariadb", FAMILY_MYSQL, 3306 },
    { "sqlserver", FAMILY_SQLSERVER, 1433, .editions = true, .old_tls = true },
    { "custom-sqlserver", FAMILY_SQLSERVER, 1433, .editions = true, .old_tls = true },
    { "oracle", FAMILY_ORACLE, 2484, .editions = true, .old_tls = true },
    { "custom-oracle", FAMILY_ORACLE, 2484, .editions = true, .old_tls = true },
    { "db2", FAMILY_DB2, 0, .editions = true, .old_tls = true },
    { "docdb", FAMILY_DOCDB, 27017 },
    { "neptune", FAMILY_TLS, 8182 },
    { "redshift", FAMILY_POSTGRES, 5439, .acm = true },
    { "tls", FAMILY_TLS, 0, .old_tls = true },
};
const size_t n_engines = ARRAY_SIZE(engines);

void engines_offer(Nearest *nearest)
{
    for (size_t i = 0; i < n_engines; i++)
        nearest_offer(nearest, engines[i].name);
}

const Engine *engine_find(const char *name)
{
    for (size_t i = 0; i < n_engines; i++) {
        size_t length = strlen(engines[i].name);
        if (strncmp(engines[i].name, name, length) != 0)
            continue;
        if (name[length] == 0 || (engines[i].editions && name[length] == '-' && name[length + 1]))
            return &engines[i];
    }
    return NULL;
}
