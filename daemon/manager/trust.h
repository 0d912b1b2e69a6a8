#pragma once

/* What is trusted, and by whom: the bundle that chains are verified against, and the trust stores of clients.
 */

#include "manager/load.h"
#include "model/state.h"

typedef struct Manager Manager;
typedef struct Trust Trust;

/*
 * Takes over what the configuration says: reads the stores, and begins to fetch if something is to be fetched.
 * On a reload (old is not NULL) it asks at once, and inherits what was fetched. Alerts of what is not
 * configured any more are resolved by trust_leave() of the old one.
 */
int trust_new(Trust **ret, Manager *manager, Trust *old);
void trust_free(Trust *trust);
CLEANUP_OF(Trust, trust_free);

/* What the files have, and what was fetched. */
const Bundle *trust_bundle(const Trust *trust);

/* Something that stores are judged by has changed: they are, soon. */
void trust_touch(Trust *trust);

/* And now, if they are to be: somebody asks. */
void trust_settle(Trust *trust);

/* Judges again what time alone has changed. */
void trust_wake(Trust *trust, int64_t now);

/* When to do that next. */
int64_t trust_wakes_at(const Trust *trust);

/* Fills in the snapshot's members about trust. */
void trust_show(const Trust *trust, Snapshot *snapshot);

/* Whether a store or bundle of that name is configured. */
bool trust_has(const Trust *trust, SubjectKind about, const char *subject);

/* Resolves what stands of stores and bundles that the new one (NULL: there is none) has not. */
void trust_leave(Trust *trust, const Trust *successor);
