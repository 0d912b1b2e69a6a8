/* What servers can do to the verification of other servers, and to where their own certificates seem to come
 * from. */

#include "ca.h"

#include "pki/verify.h"

#define HOST "orders.test"

static Verification verified(const Bundle *bundle, const Made *first, const Made *second, const Made *third)
{
    _cleanup_(chain_deinit) Chain chain = chain_of(first, second, third);
    Verification v;
    verify_chain(bundle, &chain, HOST, &v);
    return v;
}

static bool trusts(const Bundle *bundle, const Made *first, const Made *second, const Made *third)
{
    _cleanup_(verification_deinit) Verification v = verified(bundle, first, second, third);
    return v.trusted;
}

static const Made *leaf_of(const Made *issuer)
{
    return made((Recipe) { .cn = HOST, .issuer = issuer });
}

static const Made *root(void)
{
    return made((Recipe) { .cn = "Root", .ca = true });
}

static const Made *intermediate(const char *cn, const Made *issuer)
{
    return made((Recipe) { .cn = cn, .issuer = issuer, .ca = true });
}

/* One server sends a CA of its own beside a certificate that verifies without it; another shows what that
 * signed. */
TEST(a_ca_sent_beside_a_verified_certificate_is_not_remembered)
{
    const Made *r = root(), *evil = made((Recipe) { .cn = "Evil", .ca = true }),
               *between = intermediate("Between", evil);
    _cleanup_(bundle_freep) Bundle *bundle = bundle_of(r, NULL);
    assert_true(trusts(bundle, leaf_of(r), evil, NULL));
    assert_false(trusts(bundle, leaf_of(evil), evil, NULL));
    assert_true(trusts(bundle, leaf_of(r), between, evil));
    assert_false(trusts(bundle, leaf_of(between), between, evil));
    assert_false(trusts(bundle, leaf_of(between), between, NULL));
    made_free_all();
}

/* A trust store's certificates are parsed when a chain asks for them. */
TEST(a_list_trusts_what_a_bundle_of_the_same_certificates_trusts)
{
    const Made *r = root(), *i = intermediate("Between", r),
               *other = made((Recipe) { .cn = "Other", .ca = true }),
               *namesake = made((Recipe) { .cn = "Other", .ca = true });
    _cleanup_(bundle_freep) Bundle *list = list_of(r, other), *both = list_of(r, i),
                                   *none = list_of(other, NULL);
    assert_true(trusts(list, leaf_of(r), NULL, NULL));
    assert_true(trusts(list, leaf_of(i), i, NULL));
    assert_true(trusts(list, leaf_of(i), i, NULL)); /* proven */
    assert_true(trusts(both, leaf_of(i), NULL, NULL));
    assert_false(trusts(list, leaf_of(i), NULL, NULL));
    assert_false(trusts(list, leaf_of(namesake), namesake, NULL));
    assert_false(trusts(none, leaf_of(i), i, r));
    made_free_all();
}

TEST(a_server_certificate_sent_as_an_issuer_is_not_remembered)
{
    const Made *r = root(), *i = intermediate("Between", r), *server = leaf_of(i), *usage, *old;
    usage = made((Recipe) { .cn = "U", .issuer = r, .ca = true, .usage = GNUTLS_KEY_DIGITAL_SIGNATURE });
    old = made((Recipe) { .cn = "V1", .issuer = r, .v1 = true });
    const Made *const no_ca[] = { server, usage, old };
    _cleanup_(bundle_freep) Bundle *bundle = bundle_of(r, NULL);
    for (size_t k = 0; k < ARRAY_SIZE(no_ca); k++) {
        assert_true(trusts(bundle, leaf_of(r), no_ca[k], NULL));
        assert_true(trusts(bundle, leaf_of(i), i, no_ca[k]));
        assert_false(trusts(bundle, leaf_of(no_ca[k]), no_ca[k], NULL));
        assert_false(trusts(bundle, leaf_of(no_ca[k]), no_ca[k], i));
    }
    made_free_all();
}

/* The same name and key identifier as a CA that is remembered, with another key. */
TEST(a_namesake_of_a_remembered_ca_signs_nothing)
{
    const Made *r = root(), *fake_root = root();
    const Made *real = made((Recipe) { .cn = "Between", .issuer = r, .ca = true, .key_id = "same" });
    const Made *fake = made((Recipe) { .cn = "Between", .issuer = fake_root, .ca = true, .key_id = "same" });
    _cleanup_(bundle_freep) Bundle *bundle = bundle_of(r, NULL);
    for (int k = 0; k < 2; k++) {
        assert_true(trusts(bundle, leaf_of(real), real, NULL));
        assert_false(trusts(bundle, leaf_of(fake), fake, NULL));
        assert_false(trusts(bundle, leaf_of(fake), real, NULL));
        assert_false(trusts(bundle, leaf_of(fake), fake, real));
        assert_false(trusts(bundle, leaf_of(fake), real, fake));
    }
    made_free_all();
}

static void assert_path(const Verification *v, const Made *first, const Made *second)
{
    assert_int_equal(v->path.n, second ? 2 : 1);
    assert_string_equal(v->path.certificates[0]->sha256, first->facts->sha256);
    if (second)
        assert_string_equal(v->path.certificates[1]->sha256, second->facts->sha256);
}

/* Who is named above a certificate has signed it: whatever else the server sends, and in which order. */
TEST(a_path_is_the_one_that_the_signatures_make)
{
    const Made *r = root(), *fake_root = root();
    const Made *real = made((Recipe) { .cn = "Between", .issuer = r, .ca = true, .key_id = "same" });
    const Made *fake = made((Recipe) { .cn = "Between", .issuer = fake_root, .ca = true, .key_id = "same" });
    _cleanup_(bundle_freep) Bundle *bundle = bundle_of(r, NULL), *both = bundle_of(fake_root, r);
    _cleanup_(verification_deinit) Verification first = verified(bundle, leaf_of(real), fake, real);
    assert_true(first.trusted && first.anchored);
    assert_path(&first, real, r);
    _cleanup_(verification_deinit) Verification forged = verified(bundle, leaf_of(fake), real, fake);
    assert_false(forged.trusted || forged.anchored);
    assert_path(&forged, fake, NULL);
    /* Two roots of the bundle with one name. */
    _cleanup_(verification_deinit) Verification second = verified(both, leaf_of(real), real, NULL);
    assert_true(second.anchored);
    assert_path(&second, real, r);
    /* A stranger's certificate is below nobody. */
    _cleanup_(verification_deinit) Verification none = verified(bundle, leaf_of(fake), real, NULL);
    assert_int_equal(none.path.n, 0);
    made_free_all();
}

/* Both are remembered, and the server sends the one that did not sign. */
TEST(a_remembered_ca_does_not_stand_in_for_another)
{
    const Made *r = root(), *one = intermediate("One", r), *two = intermediate("Two", r);
    _cleanup_(bundle_freep) Bundle *bundle = bundle_of(r, NULL);
    assert_true(trusts(bundle, leaf_of(one), one, NULL));
    assert_true(trusts(bundle, leaf_of(two), two, NULL));
    assert_false(trusts(bundle, leaf_of(one), two, NULL));
    assert_false(trusts(bundle, leaf_of(one), NULL, NULL));
    _cleanup_(verification_deinit) Verification itself = verified(bundle, one, one, NULL);
    assert_path(&itself, r, NULL);
    made_free_all();
}

TEST(constraints_hold_below_a_remembered_ca)
{
    const Made *r = root();
    const Made *last = made((Recipe) { .cn = "Last", .issuer = r, .ca = true, .no_path = true }),
               *below = intermediate("Below", last);
    const Made *elsewhere =
        made((Recipe) { .cn = "Elsewhere", .issuer = r, .ca = true, .permits = "elsewhere.test" });
    const Made *under = intermediate("Under", elsewhere);
    _cleanup_(bundle_freep) Bundle *bundle = bundle_of(r, NULL), *more = bundle_of(r, elsewhere);
    for (int k = 0; k < 2; k++) {
        assert_true(trusts(bundle, leaf_of(last), last, NULL));
        assert_false(trusts(bundle, leaf_of(below), below, last));
        assert_false(trusts(bundle, leaf_of(below), below, NULL));
        const Made *there = made((Recipe) { .cn = "a.elsewhere.test", .issuer = elsewhere }),
                   *further = made((Recipe) { .cn = "b.elsewhere.test", .issuer = under });
        assert_true(trusts(bundle, there, elsewhere, NULL));
        assert_false(trusts(bundle, leaf_of(elsewhere), elsewhere, NULL));
        assert_true(trusts(more, further, under, NULL));
        assert_false(trusts(more, leaf_of(under), under, NULL));
    }
    made_free_all();
}

/* A server's word about the CAs above its own is not another server's. */
TEST(a_verdict_does_not_depend_on_what_another_server_sent)
{
    const Made *r = root(), *upper = intermediate("Upper", r), *lower = intermediate("Lower", upper);
    _cleanup_(bundle_freep) Bundle *bundle = bundle_of(r, NULL);
    assert_false(trusts(bundle, leaf_of(lower), lower, NULL));
    assert_true(trusts(bundle, leaf_of(lower), lower, upper));
    assert_false(trusts(bundle, leaf_of(lower), lower, NULL));
    made_free_all();
}

TEST(a_ca_that_was_verified_is_remembered_until_the_bundle_changes)
{
    const Made *r = root(), *i = intermediate("Between", r),
               *other = made((Recipe) { .cn = "Other", .ca = true });
    _cleanup_(bundle_freep) Bundle *bundle = bundle_of(r, NULL), *more = bundle_of(other, NULL);
    _cleanup_(verification_deinit) Verification v = verified(bundle, leaf_of(i), i, NULL);
    v.made = true;
    assert_true(verify_known(bundle, &v));
    assert_false(verify_known(more, &v));
    bundle_merge(bundle, more);
    assert_false(verify_known(bundle, &v));
    made_free_all();
}

/* 15 namesakes of the issuer come first: the search ends, and finds it. */
TEST(a_search_among_namesakes_ends)
{
    const Made *r = root(), *issuer = NULL;
    _cleanup_(chain_deinit) Chain chain = { 0 };
    for (int k = 0; k < 15; k++) {
        issuer = made((Recipe) { .cn = "Between", .issuer = r, .ca = true, .key_id = "same" });
        chain_append(&chain, certificate_ref(issuer->facts));
    }
    _cleanup_(chain_deinit) Chain whole = chain_of(leaf_of(issuer), NULL, NULL);
    chain_append_all(&whole, &chain);
    _cleanup_(bundle_freep) Bundle *bundle = bundle_of(r, NULL);
    _cleanup_(verification_deinit) Verification v = { 0 };
    verify_chain(bundle, &whole, HOST, &v);
    assert_true(v.trusted);
    assert_path(&v, issuer, r);
    made_free_all();
}

/* Of two names that sign one another there are 8 and 7, all of one key, and none leads up: 8! * 7! ways. */
TEST(a_search_in_a_maze_ends)
{
    const Made *r = root(), *a = made((Recipe) { .cn = "A", .ca = true }),
               *b = made((Recipe) { .cn = "B", .key_of = a, .ca = true });
    _cleanup_(chain_deinit) Chain chain = chain_of(leaf_of(a), NULL, NULL);
    for (int k = 0; k < 15; k++) {
        Recipe recipe = { .cn = k % 2 ? "B" : "A", .issuer = k % 2 ? a : b, .key_of = a, .ca = true };
        chain_append(&chain, certificate_ref(made(recipe)->facts));
    }
    _cleanup_(bundle_freep) Bundle *bundle = bundle_of(r, NULL);
    _cleanup_(verification_deinit) Verification v = { 0 };
    verify_chain(bundle, &chain, HOST, &v);
    assert_false(v.trusted);
    assert_int_equal(v.path.n, 15);
    made_free_all();
}

static const Endpoint *endpoint(void)
{
    static Endpoint e = { .host = (char *)HOST };
    return &e;
}

static char *why_not(const Bundle *bundle, const Made *first, const Made *second, const char *now)
{
    _cleanup_(chain_deinit) Chain chain = chain_of(first, second, NULL);
    char *reason = NULL;
    bool authorised = verify_authorises(bundle, endpoint(), &chain, at(now), &reason);
    assert_true(authorised == !reason);
    return reason;
}

static void assert_why_not(const Bundle *bundle, const Made *first, const Made *second, const char *now,
                           const char *expected)
{
    _cleanup_free_ char *reason = why_not(bundle, first, second, now);
    if (!expected)
        assert_null(reason);
    else {
        assert_non_null(reason);
        assert_string_equal(reason, expected);
    }
}

#define NOW "2026-11-27T00:00:00Z"

TEST(a_secret_is_for_a_chain_that_is_valid_to_the_second)
{
    const Made *r = made((Recipe) { .cn = "Root", .ca = true, .end = "2028-01-01T00:00:00Z" });
    const Made *i = intermediate("Between", r);
    const Made *leaf = made(
        (Recipe) { .cn = HOST, .issuer = i, .begin = "2026-06-01T00:00:00Z", .end = "2026-12-01T00:00:00Z" });
    const Made *later = made(
        (Recipe) { .cn = HOST, .issuer = i, .begin = "2025-06-01T00:00:00Z", .end = "2029-12-01T00:00:00Z" });
    _cleanup_(bundle_freep) Bundle *bundle = bundle_of(r, NULL);
    assert_true(trusts(bundle, leaf, i, NULL)); /* and is remembered */
    assert_why_not(bundle, leaf, i, NOW, NULL);
    assert_why_not(bundle, leaf, i, "2026-06-01T00:00:00Z", NULL);
    assert_why_not(bundle, leaf, i, "2026-12-01T00:00:00Z", NULL);
    assert_why_not(bundle, leaf, i, "2026-05-31T23:59:59Z",
                   "its certificate is not valid before 2026-06-01T00:00:00Z");
    assert_why_not(bundle, leaf, i, "2026-12-01T00:00:01Z", "its certificate expired 2026-12-01T00:00:00Z");
    assert_why_not(bundle, later, i, "2027-02-01T00:00:00Z",
                   "the certificate of its CA expired 2027-01-01T00:00:00Z");
    assert_why_not(bundle, later, i, "2025-12-01T00:00:00Z",
                   "the certificate of its CA is not valid before 2026-01-01T00:00:00Z");
    made_free_all();
}

TEST(a_secret_is_for_a_chain_that_verifies_with_its_name_now)
{
    const Made *r = root(), *i = intermediate("Between", r),
               *evil = made((Recipe) { .cn = "Evil", .ca = true });
    const Made *other = made((Recipe) { .cn = "billing.test", .issuer = i });
    const Made *client = made((Recipe) { .cn = HOST, .issuer = i, .purpose = GNUTLS_KP_TLS_WWW_CLIENT });
    const Made *mail =
        made((Recipe) { .cn = "Mail", .issuer = r, .ca = true, .purpose = GNUTLS_KP_EMAIL_PROTECTION });
    const Made *ended = made((Recipe) { .cn = "Root", .ca = true, .end = "2026-06-01T00:00:00Z" });
    const Made *self = made((Recipe) { .cn = HOST });
    _cleanup_(bundle_freep) Bundle *bundle = bundle_of(r, NULL), *empty = bundle_new(),
                                   *past = bundle_of(ended, NULL);
    assert_why_not(bundle, leaf_of(i), i, NOW, NULL);
    assert_true(trusts(bundle, leaf_of(r), evil, NULL));
    assert_why_not(bundle, leaf_of(evil), evil, NOW,
                   "its certificate does not verify against the trust bundle: its issuer is not in it");
    assert_why_not(bundle, other, i, NOW, "its certificate does not carry the name \"orders.test\"");
    assert_why_not(bundle, client, i, NOW,
                   "its certificate does not verify against the trust bundle: it is not meant for servers");
    assert_why_not(bundle, leaf_of(mail), mail, NOW,
                   "its certificate does not verify against the trust bundle: it is not meant for servers");
    assert_why_not(bundle, self, NULL, NOW,
                   "its certificate does not verify against the trust bundle: its issuer is not in it");
    assert_why_not(past, leaf_of(ended), NULL, NOW, "the certificate of its CA expired 2026-06-01T00:00:00Z");
    assert_why_not(empty, leaf_of(i), i, NOW, "there is no trust anchor to verify its certificate against");
    assert_why_not(NULL, leaf_of(i), i, NOW, "there is no trust anchor to verify its certificate against");
    made_free_all();
}

/* The CA was issued twice, and the server sends the expired certificate first. */
TEST(an_expired_path_gives_way_to_a_valid_one)
{
    const Made *r = root();
    const Made *old = made(
        (Recipe) { .cn = "Between", .issuer = r, .ca = true, .key_id = "same", .end = "2026-06-01T00:00:00Z" });
    const Made *renewed =
        made((Recipe) { .cn = "Between", .issuer = r, .key_of = old, .ca = true, .key_id = "same" });
    _cleanup_(bundle_freep) Bundle *bundle = bundle_of(r, NULL);
    _cleanup_(chain_deinit) Chain chain = chain_of(leaf_of(old), old, renewed);
    _cleanup_free_ char *reason = NULL;
    assert_true(verify_authorises(bundle, endpoint(), &chain, at(NOW), &reason));
    made_free_all();
}

RUN_TESTS(cmocka_unit_test(a_list_trusts_what_a_bundle_of_the_same_certificates_trusts),
          cmocka_unit_test(a_ca_sent_beside_a_verified_certificate_is_not_remembered),
          cmocka_unit_test(a_server_certificate_sent_as_an_issuer_is_not_remembered),
          cmocka_unit_test(a_namesake_of_a_remembered_ca_signs_nothing),
          cmocka_unit_test(a_path_is_the_one_that_the_signatures_make),
          cmocka_unit_test(a_remembered_ca_does_not_stand_in_for_another),
          cmocka_unit_test(constraints_hold_below_a_remembered_ca),
          cmocka_unit_test(a_verdict_does_not_depend_on_what_another_server_sent),
          cmocka_unit_test(a_ca_that_was_verified_is_remembered_until_the_bundle_changes),
          cmocka_unit_test(a_search_among_namesakes_ends), cmocka_unit_test(a_search_in_a_maze_ends),
          cmocka_unit_test(a_secret_is_for_a_chain_that_is_valid_to_the_second),
          cmocka_unit_test(a_secret_is_for_a_chain_that_verifies_with_its_name_now),
          cmocka_unit_test(an_expired_path_gives_way_to_a_valid_one));
