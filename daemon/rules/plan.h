#pragma once

/* What the fleet has to do with Amazon's authorities: who uses which, and how to move to another one. Pure. */

#include "model/state.h"
#include "rds/catalogue.h"

/*
 * The production roots of the catalogue, each with the endpoints that serve or have configured it. Texts are
 * borrowed from the catalogue and the snapshot.
 */
void authorities_list(const Snapshot *snapshot, const Catalogue *catalogue, AuthorityUses *ret);

/*
 * The steps to a CA for the endpoints of the snapshot, in the order that the user guide prescribes: "make sure
 * that you have updated your client-side trust store beforehand". -ENOENT if the catalogue does not know the
 * CA.
 */
int plan_make(const Snapshot *snapshot, const Catalogue *catalogue, const char *ca, Plan *ret);
