/* Probes that clients have asked for: each is answered once its result is in the state database. */

#include "base/alloc.h"
#include "manager/manager-internal.h"

void promise_make(Manager *manager, const char *endpoint, int64_t turn)
{
    Ticket ticket = publisher_keep(manager->publisher);
    if (store_kept(manager->store) >= ticket) {
        control_probed(manager->control, endpoint, turn);
        return;
    }
    manager->promises = xgrow(manager->promises, manager->n_promises, sizeof *manager->promises);
    manager->promises[manager->n_promises++] =
        (Promise) { .name = xstrdup(endpoint), .turn = turn, .ticket = ticket };
}

void promise_keep_all(Manager *manager)
{
    size_t left = 0;
    for (size_t i = 0; i < manager->n_promises; i++) {
        Promise *promise = &manager->promises[i];
        if (promise->ticket > store_kept(manager->store)) {
            manager->promises[left++] = *promise;
            continue;
        }
        control_probed(manager->control, promise->name, promise->turn);
        free(promise->name);
    }
    manager->n_promises = left;
}

void promise_drop_all(Manager *manager)
{
    for (size_t i = 0; i < manager->n_promises; i++)
        free(manager->promises[i].name);
    free(TAKE(manager->promises));
    manager->n_promises = 0;
}
