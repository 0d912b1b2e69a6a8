/* The file in the state directory: whatever is in it, the store opens, with it or with another one in its
 * place. */

#include <assert.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "fuzz.h"
#include "pki/facts.h"
#include "store/store.h"

static Endpoint *endpoint_of(const char *name)
{
    Endpoint *endpoint = endpoint_new();
    endpoint->name = xstrdup(name);
    endpoint->host = xstrdup("orders.example");
    endpoint->port = 5432;
    endpoint->engine = engine_find("postgres");
    endpoint->engine_name = xstrdup("postgres");
    return endpoint;
}

static void remove_all(const char *directory)
{
    _cleanup_free_ char *pattern = xasprintf("%s/*", directory);
    glob_t found = { 0 };
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            (void)unlink(found.gl_pathv[i]);
    globfree(&found);
}

static int read_certificate(const uint8_t *der, size_t size, bool server _unused_, Certificate **ret,
                            void *userdata _unused_)
{
    return certificate_from_der(der, size, ret);
}

static void on_kept(void *userdata _unused_)
{
}

static void on_history(const char *name _unused_, History *history, int64_t id _unused_,
                       void *userdata _unused_)
{
    for (size_t i = 0; i < history->n; i++)
        assert(history->items[i].chain.n > 0);
}

static const StoreEvents events = { .kept = on_kept, .history = on_history };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char directory[] = "/dev/shm/dbcertd-fuzz-XXXXXX";
    static bool made;
    if (!made)
        assert(mkdtemp(directory));
    made = true;
    _cleanup_free_ char *path = xasprintf("%s/d.db", directory), *words = NULL;
    int r = file_replace(path, data, size, false);
    assert(r >= 0);

    Store *store = NULL;
    r = store_open(&store, path, read_certificate, NULL, 1, &words);
    assert(r == 0 ? store != NULL : r == -EPROTONOSUPPORT && words);
    if (store) {
        r = store_start(store, NULL, &events, NULL);
        assert(r == 0);
        Endpoint *endpoint = endpoint_of("orders");
        EndpointState *state = endpoint_state_new(endpoint);
        store_recall(store, state);
        for (size_t i = 0; i < state->n_addresses; i++)
            assert(!state->addresses[i].seen || state->addresses[i].seen->chain.n > 0);
        store_history(store, "orders", 0);
        store_commit(store, &(Change) { .about = SUBJECT_ENDPOINT, .subject = "orders", .state = state }, 2);
        store_tend(store, &state, 1, 3);
        store_forget(store, 1);
        endpoint_state_free(state);
        endpoint_unref(endpoint);
    }
    store_free(store);
    remove_all(directory);
    return 0;
}

__attribute__((destructor)) static void leave(void)
{
    glob_t found = { 0 };
    if (glob("/dev/shm/dbcertd-fuzz-*", GLOB_ONLYDIR, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            (void)rmdir(found.gl_pathv[i]); /* those that are empty */
    globfree(&found);
}
