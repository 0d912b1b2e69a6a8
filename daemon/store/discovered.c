#include "store/discovered.h"

#include "base/alloc.h"
#include "base/instant.h"

#define COLUMNS_MAX 32

/* As they are written and read: rds_fields, in their order. */
#define COLUMNS                                                                                               \
    "source, identifier, host, problem, engine, engine_version, status, ca, pending_ca, maintenance_window, " \
    "offered, default_ca, kind, port, valid_till, since, settle_seconds, online, maintenance, "               \
    "auto_applied_after, forced_apply, current_apply, missing_since"

void discovered_write(Batch *batch, const RdsEndpoint *endpoint)
{
    RdsEndpoint e = *endpoint; /* its texts are borrowed */
    Value values[COLUMNS_MAX];
    for (size_t i = 0; i < n_rds_fields; i++)
        values[i] = rds_fields[i].is_text ? TEXT(*rds_field_text(&e, &rds_fields[i]))
                                          : INSTANT(*rds_field_number(&e, &rds_fields[i]));
    batch_add(batch,
              "INSERT OR REPLACE INTO discovered (" COLUMNS ") VALUES "
              "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
              values, n_rds_fields);
}

void discovered_remove(Batch *batch, const RdsEndpoint *e)
{
    batch_add(batch, "DELETE FROM discovered WHERE source = ? AND kind = ? AND identifier = ? AND host = ?",
              VALUES(TEXT(e->source), INTEGER(e->kind), TEXT(e->identifier), TEXT(e->host)));
}

void discovered_clear(Batch *batch)
{
    batch_add(batch, "DELETE FROM discovered", NO_VALUES);
}

static int on_row(sqlite3_stmt *row, void *userdata)
{
    RdsEndpoint e = { 0 };
    for (size_t i = 0; i < n_rds_fields; i++) {
        if (rds_fields[i].is_text)
            *rds_field_text(&e, &rds_fields[i]) = xstrdup(column_text(row, (int)i));
        else
            *rds_field_number(&e, &rds_fields[i]) = column_instant(row, (int)i);
    }
    if (e.kind >= 0 && e.kind < N_RDS_KINDS && e.identifier && e.host && e.engine && e.source)
        rds_inventory_append(userdata, e);
    else
        rds_endpoint_deinit(&e);
    return SQLITE_OK;
}

int discovered_read(Database *db, RdsInventory *ret)
{
    return database_query(db, "SELECT " COLUMNS " FROM discovered ORDER BY source, kind, identifier, host",
                          NO_VALUES, on_row, ret);
}
