/* An answer of the RDS API or STS; the first byte says to which action. What was read has to make an inventory.
 */

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "rds/inventory.h"

static void on_version(const char *engine, const char *version, void *userdata)
{
    *(size_t *)userdata += strlen(engine) + strlen(version);
}

static void check_endpoint(const RdsSource *source, const RdsEndpoint *rds)
{
    _cleanup_free_ char *name = inventory_name(source, rds);
    assert(rds->identifier && rds->host && rds->engine && rds->source);
    assert(rds->problem ? rds->port == 0 : rds->port > 0 && rds->port <= 65535);
    (void)rds_endpoint_offers(rds, "rds-ca-rsa2048-g1");
    (void)rds_endpoint_is_away(rds);
    if (rds->problem)
        return;
    assert(text_is_name(name) && text_is_name(rds->host));
    Endpoint *endpoint = inventory_endpoint(source, rds, name);
    assert(endpoint->engine && !endpoint_ca(endpoint) == !rds->ca);
    endpoint_unref(endpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const RdsSource source = { .name = (char *)"r", .region = (char *)"r", .interval_seconds = 60 };
    RdsAnswers answers = { 0 };
    _cleanup_free_ char *marker = NULL, *why = NULL, *code = NULL, *message = NULL;
    if (size == 0)
        return 0;
    ApiAction action = data[0] % N_API_ACTIONS;
    (void)api_parse_error(data + 1, size - 1, &code, &message);
    int r = api_parse(action, data + 1, size - 1, &answers.of[action], &marker, &why);
    assert(r < 0 ? why && !marker && answers.of[action].n == 0 : !why);
    for (int64_t now = 1000; now <= 1500; now += 100) { /* the same, nothing, and at last it is gone */
        static RdsInventory before;
        RdsInventory fresh;
        size_t n = 0;
        inventory_versions(&answers, on_version, &n);
        inventory_make(&source, &answers, &before, now, &fresh);
        for (size_t i = 0; i < fresh.n_endpoints; i++)
            check_endpoint(&source, &fresh.endpoints[i]);
        rds_inventory_deinit(&before);
        before = fresh;
        if (now == 1100)
            rds_answers_deinit(&answers);
        if (now == 1400)
            assert(before.n_endpoints == 0);
        if (now == 1500)
            rds_inventory_deinit(&before);
    }
    return 0;
}
