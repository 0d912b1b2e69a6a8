#include "model/certificate.h"

#include "base/alloc.h"

static const char *const roles[] = {
    [ROLE_SERVER] = "server",
    [ROLE_INTERMEDIATE] = "intermediate",
    [ROLE_ROOT] = "root",
};
DEFINE_STRING_TABLE(certificate_role, CertificateRole, roles);

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

void chain_deinit(Chain *chain)
{
    for (size_t i = 0; i < chain->n; i++)
        certificate_unref(chain->certificates[i]);
    free(chain->certificates);
    *chain = (Chain) { 0 };
}
