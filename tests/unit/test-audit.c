#include "ca.h"

#include "monitor/audit.h"
#include "pki/verify.h"

#define HOST "orders.test"

/* What a store that trusts this root makes of a server that shows this chain. */
typedef struct Scene {
    Bundle *bundle;
    Catalogue *catalogue;
    Audit audit;
    TrustStore store;
    TrustStoreState state;
    EndpointState *endpoint;
} Scene;

static Scene scene(const Made *anchor)
{
    Endpoint *e = endpoint_new();
    e->name = xstrdup("orders");
    e->host = xstrdup(HOST);
    Scene s = { .bundle = list_of(anchor, NULL),
                .catalogue = catalogue_new_builtin(),
                .store = { .name = (char *)"billing" },
                .endpoint = endpoint_state_new(e) };
    endpoint_unref(e);
    return s;
}

static void scene_end(Scene *s)
{
    trust_verdicts_deinit(&s->state.verdicts);
    audit_deinit(&s->audit);
    endpoint_state_free(s->endpoint);
    catalogue_free(s->catalogue);
    bundle_free(s->bundle);
}

static bool accepts(Scene *s, const Bundle *bundle, const Made *first, const Made *second, const Made *third)
{
    Address address;
    assert_int_equal(address_parse("10.0.1.7", 5432, &address), 0);
    Observation *o = observation_new(&address);
    o->outcome = OUTCOME_FETCHED;
    o->chain = chain_of(first, second, third);
    (void)endpoint_state_note(s->endpoint, o);
    verify_address(bundle, s->endpoint->endpoint, endpoint_state_find(s->endpoint, "10.0.1.7"));
    observation_unref(o);
    s->state.store = &s->store;
    while (!audit_step(&s->audit, &s->state, s->bundle, &s->endpoint, 1, s->catalogue))
        ; /* the one endpoint, then the end */
    assert_int_equal(s->state.verdicts.n, 1);
    assert_true((s->state.verdicts.items[0].now == ACCEPTANCE_YES) == !s->state.verdicts.items[0].reason);
    return s->state.verdicts.items[0].now == ACCEPTANCE_YES;
}

TEST(a_store_accepts_the_server_that_its_ca_has_signed_and_no_other)
{
    const Made *r = made((Recipe) { .cn = "Root", .ca = true }),
               *evil = made((Recipe) { .cn = "Evil", .ca = true });
    const Made *i = made((Recipe) { .cn = "Between", .issuer = r, .ca = true });
    const Made *here = made((Recipe) { .cn = "Here", .issuer = r, .ca = true, .permits = "elsewhere.test" });
    const Made *good = made((Recipe) { .cn = HOST, .issuer = i }),
               *stranger = made((Recipe) { .cn = HOST, .issuer = evil }),
               *forbidden = made((Recipe) { .cn = HOST, .issuer = here });
    _cleanup_(bundle_freep) Bundle *main_bundle = bundle_of(r, NULL), *its = list_of(evil, NULL);
    Scene s = scene(r);
    for (int k = 0; k < 3; k++) {
        assert_true(accepts(&s, main_bundle, good, i, NULL));
        assert_false(accepts(&s, main_bundle, stranger, i, NULL));
        assert_false(accepts(&s, its, stranger, i, NULL));
        assert_false(accepts(&s, its, stranger, evil, i));
        assert_false(accepts(&s, main_bundle, forbidden, here, NULL));
        assert_false(accepts(&s, main_bundle, made((Recipe) { .cn = HOST, .issuer = good }), good, i));
    }
    scene_end(&s);
    made_free_all();
}

TEST(a_store_without_the_ca_refuses_each_server_and_remembers_the_chain)
{
    const Made *r = made((Recipe) { .cn = "Root", .ca = true }),
               *other = made((Recipe) { .cn = "Other", .ca = true });
    const Made *i = made((Recipe) { .cn = "Between", .issuer = r, .ca = true });
    const Made *one = made((Recipe) { .cn = HOST, .issuer = i }),
               *two = made((Recipe) { .cn = HOST, .issuer = i });
    _cleanup_(bundle_freep) Bundle *main_bundle = bundle_of(r, NULL);
    Scene s = scene(other);
    for (int k = 0; k < 3; k++) {
        assert_false(accepts(&s, main_bundle, one, i, NULL));
        assert_string_equal(s.state.verdicts.items[0].reason, "its issuer is not in it");
        assert_false(accepts(&s, main_bundle, two, i, NULL));
    }
    assert_int_equal(s.audit.memory.n, 2);
    scene_end(&s);
    made_free_all();
}

RUN_TESTS(cmocka_unit_test(a_store_accepts_the_server_that_its_ca_has_signed_and_no_other),
          cmocka_unit_test(a_store_without_the_ca_refuses_each_server_and_remembers_the_chain));
