/*
 * A TLS server without its keys: it shows the certificates that it is given, in DER, and signs with random
 * bytes. What the signature costs is for the client to find out. nonsense PRIORITY CERTIFICATE...; prints its
 * port, and serves one client after the other.
 */

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CERTIFICATES_MAX 16

static unsigned bits;

static int sign(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *userdata, unsigned flags,
                const gnutls_datum_t *data, gnutls_datum_t *signature)
{
    (void)key, (void)algorithm, (void)userdata, (void)flags, (void)data;
    signature->size = (bits + 7) / 8;
    signature->data = gnutls_malloc(signature->size);
    if (!signature->data || gnutls_rnd(GNUTLS_RND_NONCE, signature->data, signature->size) < 0)
        return GNUTLS_E_MEMORY_ERROR;
    signature->data[0] = 0; /* below the modulus */
    return 0;
}

static int info(gnutls_privkey_t key, unsigned flags, void *userdata)
{
    (void)key, (void)userdata;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
        return GNUTLS_PK_RSA;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
        return (int)bits;
    if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO)
        return 1;
    return -1;
}

static void must(int r, const char *what)
{
    if (r >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, gnutls_strerror(r));
    exit(1);
}

static gnutls_certificate_credentials_t credentials_of(char **paths, int n)
{
    static gnutls_pcert_st chain[CERTIFICATES_MAX];
    gnutls_certificate_credentials_t credentials;
    gnutls_privkey_t key;
    for (int i = 0; i < n; i++) {
        gnutls_datum_t der;
        must(gnutls_load_file(paths[i], &der), paths[i]);
        must(gnutls_pcert_import_x509_raw(&chain[i], &der, GNUTLS_X509_FMT_DER, 0), paths[i]);
        gnutls_free(der.data);
    }
    (void)gnutls_pubkey_get_pk_algorithm(chain[0].pubkey, &bits);
    must(gnutls_certificate_allocate_credentials(&credentials), "credentials");
    gnutls_certificate_set_flags(credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
    must(gnutls_privkey_init(&key), "key");
    must(gnutls_privkey_import_ext4(key, NULL, sign, sign, NULL, NULL, info, 0), "key");
    must(gnutls_certificate_set_key(credentials, NULL, 0, chain, n, key), "certificate");
    return credentials;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (argc < 3 || argc - 2 > CERTIFICATES_MAX || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 16) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        return 1;
    gnutls_certificate_credentials_t credentials = credentials_of(argv + 2, argc - 2);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        gnutls_session_t session;
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            return 1;
        must(gnutls_init(&session, GNUTLS_SERVER), "session");
        must(gnutls_priority_set_direct(session, argv[1], NULL), argv[1]);
        must(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials), "session");
        gnutls_transport_set_int(session, fd);
        gnutls_handshake_set_timeout(session, 20000);
        int r;
        do
            r = gnutls_handshake(session);
        while (r < 0 && !gnutls_error_is_fatal(r));
        fprintf(stderr, "%s\n", gnutls_strerror(r));
        gnutls_deinit(session);
        close(fd);
    }
}
