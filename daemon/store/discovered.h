#pragma once

/* What the RDS API said last, as rows. Shared by the store's own files alone. */

#include "model/discovery.h"
#include "store/database.h"

int discovered_write(Database *database, const RdsEndpoint *endpoint);
int discovered_remove(Database *database, const RdsEndpoint *endpoint);
int discovered_clear(Database *database);

/* All that is kept, in the order of its sources and of an inventory. */
int discovered_read(Database *database, RdsInventory *ret);
