/*
 * Issues many server certificates at once, as a fleet of databases has them: each of its own name and serial,
 * all of one key, since keys are slow to make.
 *
 *   certificates CA CA-KEY KEY DIRECTORY ZONE COUNT
 *
 * writes DIRECTORY/NAME.pem for NAME = db-0.ZONE and so on: the server's certificate and CA behind it.
 */

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY (24 * 3600)

static void check(int r, const char *what)
{
    if (r >= 0)
        return;
    fprintf(stderr, "certificates: %s: %s\n", what, gnutls_strerror(r));
    exit(1);
}

static gnutls_datum_t load(const char *path)
{
    gnutls_datum_t data;
    check(gnutls_load_file(path, &data), path);
    return data;
}

static gnutls_x509_privkey_t load_key(const char *path)
{
    gnutls_x509_privkey_t key;
    gnutls_datum_t data = load(path);
    check(gnutls_x509_privkey_init(&key), "key");
    check(gnutls_x509_privkey_import2(key, &data, GNUTLS_X509_FMT_PEM, NULL, 0), path);
    gnutls_free(data.data);
    return key;
}

static gnutls_x509_crt_t issue(const char *name, unsigned number, gnutls_x509_privkey_t key,
                               gnutls_x509_crt_t ca, gnutls_x509_privkey_t ca_key)
{
    gnutls_x509_crt_t crt;
    const unsigned char serial[8] = {
        0x40, 0, 0, 1, (unsigned char)(number >> 16), (unsigned char)(number >> 8), (unsigned char)number, 1
    };
    time_t begin = time(NULL) - (time_t)(number % 150) * DAY;
    check(gnutls_x509_crt_init(&crt), "certificate");
    check(gnutls_x509_crt_set_version(crt, 3), "version");
    check(gnutls_x509_crt_set_key(crt, key), "key");
    check(gnutls_x509_crt_set_serial(crt, serial, sizeof serial), "serial");
    check(gnutls_x509_crt_set_activation_time(crt, begin), "notBefore");
    check(gnutls_x509_crt_set_expiration_time(crt, begin + 365 * DAY), "notAfter");
    check(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)),
          "CN");
    check(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
                                               GNUTLS_FSAN_APPEND),
          "names");
    check(gnutls_x509_crt_sign2(crt, ca, ca_key, GNUTLS_DIG_SHA256, 0), "signature");
    return crt;
}

int main(int argc, char *argv[])
{
    if (argc != 7) {
        fprintf(stderr, "usage: certificates CA CA-KEY KEY DIRECTORY ZONE COUNT\n");
        return 2;
    }
    gnutls_datum_t ca_pem = load(argv[1]);
    gnutls_x509_crt_t ca;
    check(gnutls_x509_crt_init(&ca), "CA");
    check(gnutls_x509_crt_import(ca, &ca_pem, GNUTLS_X509_FMT_PEM), argv[1]);
    gnutls_x509_privkey_t ca_key = load_key(argv[2]), key = load_key(argv[3]);
    for (unsigned i = 0; i < (unsigned)atoi(argv[6]); i++) {
        char name[256], path[4096];
        gnutls_datum_t pem;
        snprintf(name, sizeof name, "db-%u.%s", i, argv[5]);
        snprintf(path, sizeof path, "%s/%s.pem", argv[4], name);
        gnutls_x509_crt_t crt = issue(name, i, key, ca, ca_key);
        check(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), "PEM");
        FILE *file = fopen(path, "w");
        if (!file || fwrite(pem.data, 1, pem.size, file) != pem.size ||
            fwrite(ca_pem.data, 1, ca_pem.size, file) != ca_pem.size || fclose(file) != 0) {
            perror(path);
            return 1;
        }
        gnutls_free(pem.data);
        gnutls_x509_crt_deinit(crt);
    }
    gnutls_x509_privkey_deinit(key);
    gnutls_x509_privkey_deinit(ca_key);
    gnutls_x509_crt_deinit(ca);
    gnutls_free(ca_pem.data);
    return 0;
}
