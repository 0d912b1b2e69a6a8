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

/* The instants of a certificate's rotation. Classes `auto` and `external` have none. */
Rotation rotation_of(RotationClass class, RotationSource source, int64_t not_before, int64_t not_after,
                     const Window *window);
