#include "model/self.h"

#include "base/alloc.h"

void self_state_deinit(SelfState *self)
{
    free(self->database);
    strv_free(self->damaged);
    free(self->unwritable);
    finding_list_deinit(&self->findings);
    *self = (SelfState) { 0 };
}
