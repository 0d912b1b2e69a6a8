#pragma once

#include "rds/catalogue.h"

/*
 * What the daemon of this host would use: the newest of what is built in and the files beside its configuration
 * and in its state directory; or what is built in and $DBCERTD_CATALOGUE. NULL, after saying why on standard
 * error, if one of them is wrong.
 */
Catalogue *ctl_catalogue(void);
