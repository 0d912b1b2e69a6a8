/* Probes that clients have asked for: each is answered once its result is in the state database. */

#include "app/app-internal.h"
#include "base/alloc.h"

void promise_make(App *app, const char *endpoint, int64_t run)
{
    Ticket ticket = publisher_keep(app->publisher);
    if (store_kept(app->store) >= ticket) {
        control_probed(app->control, endpoint, run);
        return;
    }
    app->promises = xgrow(app->promises, app->n_promises, sizeof *app->promises);
    app->promises[app->n_promises++] = (Promise) { .name = xstrdup(endpoint), .run = run, .ticket = ticket };
}

void promise_keep_all(App *app)
{
    size_t left = 0;
    for (size_t i = 0; i < app->n_promises; i++) {
        Promise *promise = &app->promises[i];
        if (promise->ticket > store_kept(app->store)) {
            app->promises[left++] = *promise;
            continue;
        }
        control_probed(app->control, promise->name, promise->run);
        free(promise->name);
    }
    app->n_promises = left;
}

void promise_drop_all(App *app)
{
    for (size_t i = 0; i < app->n_promises; i++)
        free(app->promises[i].name);
    free(TAKE(app->promises));
    app->n_promises = 0;
}
