#pragma once

/* Shared by the targets of the protocols. */

#include "engine/dialogue.h"

/*
 * Plays a server's bytes to a dialogue, as the probe would: never more than it wants before TLS, anything
 * after. The first byte chooses the mode, the farewell, the sizes of the pieces
 * and where it ends.
 */
void play(EngineFamily family, const uint8_t *data, size_t size);
