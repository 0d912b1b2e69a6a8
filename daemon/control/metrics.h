#pragma once

/* What Prometheus asks for: the text exposition format, version 0.0.4. */

#include "control/pieces.h"

/* All of a snapshot, and of this process. The caller frees. */
Pieces *metrics_pieces(void);
