#pragma once

/*
 * The rotation law: when a certificate has to be replaced. Each clause cites the sentence of the RDS user guide
 * it comes from ("Using SSL/TLS to encrypt a connection to a DB instance", "Rotating your SSL/TLS
 * certificate").
 */

#include "model/state.h"

/*
 * The class that a lifetime shows: 12 months are `online`, 36 months are `restart`, all else is `external`.
 * Only certificates of an RDS authority that still rotates may be judged by this.
 */
RotationClass rotation_class_of_lifetime(int64_t not_before, int64_t not_after);

/*
 * The instants of a certificate's rotation. Where the chain above it ends first (chain_end; INSTANT_NEVER: it
 * does not), whoever waits for the certificate's own end is too late: then that one counts, except for
 * `online`, whose half-life is the certificate's. Classes `auto` and `external` have none.
 */
Rotation rotation_of(RotationClass class, RotationSource source, int64_t not_before, int64_t not_after,
                     int64_t chain_end, const Window *window, const Thresholds *thresholds);

/*
 * The next instant after now at which a new certificate may have come, or its absence is worse than before:
 * when the rotation becomes due, then the end of each maintenance window, and when it is overdue and critical.
 * INSTANT_NEVER if there is none: the class knows no rotation, or all of that is over and there is no window to
 * wait for.
 */
int64_t rotation_next_look(const Rotation *rotation, const Window *window, int64_t now);

/* For how many months a certificate of the class is issued; 0: nobody says. */
int rotation_months(RotationClass class);
