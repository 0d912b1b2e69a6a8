#include "ca.h"

#define MADE_MAX 128

static Made all[MADE_MAX];
static size_t n_all;

static void set_extensions(gnutls_x509_crt_t crt, const Recipe *r, gnutls_x509_privkey_t key)
{
    uint8_t id[20] = { 0 };
    size_t size = sizeof id;
    if (r->key_id)
        memcpy(id, r->key_id, strlen(r->key_id));
    else
        assert_int_equal(gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA1, id, &size), 0);
    assert_int_equal(gnutls_x509_crt_set_subject_key_id(crt, id, sizeof id), 0);
    if (r->issuer && gnutls_x509_crt_get_subject_key_id(r->issuer->crt, id, &size, NULL) >= 0)
        assert_int_equal(gnutls_x509_crt_set_authority_key_id(crt, id, size), 0);
    if (r->ca)
        assert_int_equal(gnutls_x509_crt_set_basic_constraints(crt, 1, r->no_path ? 0 : -1), 0);
    else
        assert_int_equal(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, r->cn,
                                                              (unsigned)strlen(r->cn), GNUTLS_FSAN_SET),
                         0);
    if (r->usage)
        assert_int_equal(gnutls_x509_crt_set_key_usage(crt, r->usage), 0);
    if (r->purpose)
        assert_int_equal(gnutls_x509_crt_set_key_purpose_oid(crt, r->purpose, 0), 0);
    if (r->permits) {
        gnutls_x509_name_constraints_t constraints;
        const gnutls_datum_t name = { (unsigned char *)r->permits, (unsigned)strlen(r->permits) };
        assert_int_equal(gnutls_x509_name_constraints_init(&constraints), 0);
        assert_int_equal(gnutls_x509_name_constraints_add_permitted(constraints, GNUTLS_SAN_DNSNAME, &name), 0);
        assert_int_equal(gnutls_x509_crt_set_name_constraints(crt, constraints, 1), 0);
        gnutls_x509_name_constraints_deinit(constraints);
    }
}

const Made *made(Recipe r)
{
    assert_true(n_all < MADE_MAX);
    Made *m = &all[n_all++];
    const uint8_t serial[] = { 1, (uint8_t)n_all };
    gnutls_datum_t der;
    assert_int_equal(gnutls_x509_privkey_init(&m->key), 0);
    if (r.key_of)
        assert_int_equal(gnutls_x509_privkey_cpy(m->key, r.key_of->key), 0);
    else
        assert_int_equal(gnutls_x509_privkey_generate(m->key, GNUTLS_PK_ECDSA,
                                                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                         0);
    assert_int_equal(gnutls_x509_crt_init(&m->crt), 0);
    assert_int_equal(gnutls_x509_crt_set_version(m->crt, r.v1 ? 1 : 3), 0);
    assert_int_equal(gnutls_x509_crt_set_serial(m->crt, serial, sizeof serial), 0);
    assert_int_equal(
        gnutls_x509_crt_set_dn_by_oid(m->crt, GNUTLS_OID_X520_COMMON_NAME, 0, r.cn, (unsigned)strlen(r.cn)), 0);
    gnutls_x509_crt_set_activation_time(m->crt, at(r.begin ? r.begin : "2026-01-01T00:00:00Z"));
    gnutls_x509_crt_set_expiration_time(m->crt, at(r.end ? r.end : "2027-01-01T00:00:00Z"));
    assert_int_equal(gnutls_x509_crt_set_key(m->crt, m->key), 0);
    if (!r.v1)
        set_extensions(m->crt, &r, m->key);
    const Made *issuer = r.issuer ? r.issuer : m;
    assert_int_equal(gnutls_x509_crt_sign2(m->crt, issuer->crt, issuer->key, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_x509_crt_export2(m->crt, GNUTLS_X509_FMT_DER, &der), 0);
    assert_int_equal(certificate_from_der(der.data, der.size, &m->facts), 0);
    gnutls_free(der.data);
    return m;
}

void made_free_all(void)
{
    while (n_all > 0) {
        Made *m = &all[--n_all];
        gnutls_x509_privkey_deinit(m->key);
        gnutls_x509_crt_deinit(m->crt);
        certificate_unref(m->facts);
    }
}

Chain chain_of(const Made *first, const Made *second, const Made *third)
{
    Chain chain = { 0 };
    const Made *const list[] = { first, second, third };
    for (size_t i = 0; i < ARRAY_SIZE(list) && list[i]; i++)
        chain_append(&chain, certificate_ref(list[i]->facts));
    return chain;
}

static Bundle *fill(Bundle *bundle, const Made *first, const Made *second)
{
    const Made *const list[] = { first, second };
    for (size_t i = 0; i < ARRAY_SIZE(list) && list[i]; i++) {
        char **errors = NULL;
        assert_int_equal(bundle_add(bundle, "x", list[i]->facts->der, list[i]->facts->der_size, NULL, &errors),
                         1);
        assert_null(errors);
    }
    return bundle;
}

Bundle *bundle_of(const Made *first, const Made *second)
{
    return fill(bundle_new(), first, second);
}

Bundle *list_of(const Made *first, const Made *second)
{
    return fill(bundle_new_list(), first, second);
}
