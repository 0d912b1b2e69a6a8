#include "model/certificate.h"

#include <string.h>

#include "base/alloc.h"

static const char *const roles[] = {
    [ROLE_SERVER] = "server",
    [ROLE_INTERMEDIATE] = "intermediate",
    [ROLE_ROOT] = "root",
};
DEFINE_STRING_TABLE(certificate_role, CertificateRole, roles);

static _Atomic size_t bytes_in_use;

Certificate *certificate_new(void)
{
    Certificate *certificate = xcalloc(1, sizeof *certificate);
    certificate->n_refs = 1;
    return certificate;
}

Certificate *certificate_ref(Certificate *certificate)
{
    certificate->n_refs++;
    return certificate;
}

void certificate_unref(Certificate *certificate)
{
    if (!certificate || --certificate->n_refs > 0)
        return;
    bytes_in_use -= certificate->bytes_counted;
    free(certificate->subject);
    free(certificate->issuer);
    free(certificate->subject_cn);
    free(certificate->issuer_cn);
    free(certificate->serial);
    free(certificate->sha256);
    free(certificate->key);
    free(certificate->key_sha256);
    free(certificate->signature);
    strv_free(certificate->names);
    free(certificate->der);
    free(certificate);
}

Certificate *certificate_without_der(const Certificate *c, bool names)
{
    Certificate *copy = certificate_new();
    *copy = *c;
    copy->n_refs = 1;
    copy->subject = xstrdup(c->subject);
    copy->issuer = xstrdup(c->issuer);
    copy->subject_cn = xstrdup(c->subject_cn);
    copy->issuer_cn = xstrdup(c->issuer_cn);
    copy->serial = xstrdup(c->serial);
    copy->sha256 = xstrdup(c->sha256);
    copy->key = xstrdup(c->key);
    copy->key_sha256 = xstrdup(c->key_sha256);
    copy->signature = xstrdup(c->signature);
    copy->names = NULL;
    for (char **name = c->names; names && name && *name; name++)
        strv_append(&copy->names, xstrdup(*name));
    copy->n_more_names += strv_length(c->names) - strv_length(copy->names);
    copy->der = NULL;
    copy->der_size = 0;
    certificate_count(copy);
    return copy;
}

static size_t text_bytes(const char *text)
{
    return text ? strlen(text) : 0;
}

size_t certificate_bytes(const Certificate *c)
{
    size_t bytes = sizeof *c + c->der_size + text_bytes(c->subject) + text_bytes(c->issuer) +
                   text_bytes(c->subject_cn) + text_bytes(c->issuer_cn);
    for (char **name = c->names; name && *name; name++)
        bytes += sizeof *name + strlen(*name);
    return bytes;
}

void certificate_count(Certificate *certificate)
{
    certificate->bytes_counted = certificate_bytes(certificate);
    bytes_in_use += certificate->bytes_counted;
}

size_t certificate_bytes_in_use(void)
{
    return bytes_in_use;
}

const char *certificate_issuer_label(const Certificate *certificate)
{
    return certificate->issuer_cn ? certificate->issuer_cn : certificate->issuer;
}

const char *certificate_label(const Certificate *certificate)
{
    return certificate->subject_cn ? certificate->subject_cn : certificate->subject;
}

void chain_append(Chain *chain, Certificate *certificate)
{
    chain->certificates = xgrow(chain->certificates, chain->n, sizeof *chain->certificates);
    chain->certificates[chain->n++] = certificate;
}

void chain_append_all(Chain *chain, const Chain *other)
{
    for (size_t i = 0; i < other->n; i++)
        chain_append(chain, certificate_ref(other->certificates[i]));
}

bool chain_is_whole(const Chain *chain)
{
    for (size_t i = 0; i < chain->n; i++)
        if (!chain->certificates[i]->der)
            return false;
    return chain->n_left_out == 0;
}

void chain_cut(Chain *chain, size_t n)
{
    while (chain->n > n) {
        certificate_unref(chain->certificates[--chain->n]);
        chain->n_left_out++;
    }
}

void chain_deinit(Chain *chain)
{
    for (size_t i = 0; i < chain->n; i++)
        certificate_unref(chain->certificates[i]);
    free(chain->certificates);
    *chain = (Chain) { 0 };
}
