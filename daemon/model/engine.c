#include "model/engine.h"

#include <string.h>

#include "base/macro.h"

const Engine engines[] = {
    { "postgres", FAMILY_POSTGRES, 5432 },          //
    { "aurora-postgresql", FAMILY_POSTGRES, 5432 }, //
    { "mysql", FAMILY_MYSQL, 3306 },                //
    { "aurora-mysql", FAMILY_MYSQL, 3306 },         //
    { "mariadb", FAMILY_MYSQL, 3306 },              //
    { "tls", FAMILY_TLS, 0 },
};
const size_t n_engines = ARRAY_SIZE(engines);

const Engine *engine_find(const char *name)
{
    for (size_t i = 0; i < n_engines; i++)
        if (strcmp(engines[i].name, name) == 0)
            return &engines[i];
    return NULL;
}
