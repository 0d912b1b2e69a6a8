#include "model/daemon-state.h"

#include "base/alloc.h"

void daemon_state_deinit(DaemonState *self)
{
    free(self->database);
    strv_free(self->damaged);
    free(self->unwritable);
    finding_list_deinit(&self->findings);
    *self = (DaemonState) { 0 };
}
