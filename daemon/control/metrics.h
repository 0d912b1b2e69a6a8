#pragma once

/* What Prometheus asks for: the text exposition format, version 0.0.4. */

#include "model/state.h"

/* All of a snapshot, and of this process. The caller frees. */
char *metrics_write(const Snapshot *snapshot);
