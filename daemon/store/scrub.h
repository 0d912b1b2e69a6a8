#pragma once

#include <sqlite3.h>

/*
 * dbcertd up to 0.9 kept URLs with their passwords: as the name of a bundle, and in the texts about it. Deletes
 * these rows, and what is left of them in the file; what is still so is raised again, under a name without the
 * password. An SQLite result code.
 */
int database_scrub(sqlite3 *handle);
