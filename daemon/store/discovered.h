#pragma once

/* What the RDS API said last, as rows. Shared by the store's own files alone. */

#include "model/discovery.h"
#include "store/batch.h"

void discovered_write(Batch *batch, const RdsEndpoint *endpoint);
void discovered_remove(Batch *batch, const RdsEndpoint *endpoint);
void discovered_clear(Batch *batch);

/* All that is kept, in the order of its sources and of an inventory. */
int discovered_read(Database *database, RdsInventory *ret);
