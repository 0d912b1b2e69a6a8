#include "store/scrub.h"

#include <string.h>

#include "base/alloc.h"
#include "base/url.h"

/* The second is libcurl's word for a proxy that it cannot parse. A query's values are a secret, too. */
#define WITH_SECRET                                                             \
    " WHERE quotes_user(subject) OR quotes_user(message) OR quotes_user(steps)" \
    "  OR message LIKE '%Unsupported proxy %'"                                  \
    "  OR (about = 'bundle' AND subject LIKE '%?%' AND subject NOT LIKE '%***%');"

static void quotes_user(sqlite3_context *context, int n _unused_, sqlite3_value **values)
{
    const char *text = (const char *)sqlite3_value_text(values[0]);
    _cleanup_free_ char *shown = xstrdup(text);
    if (shown)
        url_redact_within(shown);
    sqlite3_result_int(context, shown && strcmp(shown, text) != 0);
}

int database_scrub(sqlite3 *handle)
{
    int before = sqlite3_total_changes(handle);
    int r = sqlite3_create_function(handle, "quotes_user", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                    quotes_user, NULL, NULL);
    if (r == SQLITE_OK)
        r = sqlite3_exec(handle,
                         "BEGIN IMMEDIATE; DELETE FROM alert" WITH_SECRET "DELETE FROM outbox" WITH_SECRET
                         "DELETE FROM posting" WITH_SECRET "COMMIT",
                         NULL, NULL, NULL);
    if (r != SQLITE_OK) {
        (void)sqlite3_exec(handle, "ROLLBACK", NULL, NULL, NULL);
        return r;
    }
    if (sqlite3_total_changes(handle) == before)
        return SQLITE_OK;
    return sqlite3_exec(handle, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
}
