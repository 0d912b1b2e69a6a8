#include "probe/session.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "model/endpoint.h"
#include "pki/facts.h"
#include "pki/key.h"
#include "pki/result.h"
#include "probe/message.h"

/* The first one is sent a key share of: with one instead of two a handshake costs a tenth less. A server that
 * does not take it asks again (RFC 8446, 4.1.4), which costs more than that. */
static const char *const groups[2] = { "+GROUP-X25519:+GROUP-SECP256R1:", "+GROUP-SECP256R1:+GROUP-X25519:" };

#define OLD "+VERS-TLS1.1:+VERS-TLS1.0:+RSA:+3DES-CBC:+SHA1:+SIGN-RSA-SHA1:+SIGN-ECDSA-SHA1:"

/* What is offered, by the parameters of those names. Made once, for as long as the process runs: to read one
 * costs as much as a step of the handshake. */
static gnutls_priority_t offers[2][2][2];            /* old_tls, at_most_tls12, p256 */
static gnutls_certificate_credentials_t credentials; /* none of ours, and none is trusted: see keep_chain() */

struct Session {
    gnutls_session_t tls;
    Pool *pool;
    Chain chain;
    char error[160];
};

/* Why the session ends, where that is for this client to decide. */
_printf_(2, 3) static int refuse(Session *session, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(session->error, sizeof session->error, format, args);
    va_end(args);
    return GNUTLS_E_CERTIFICATE_ERROR;
}

/*
 * Called when the server's certificates are in, before anything else can go wrong: a server that wants a
 * certificate of ours aborts later. Also before GnuTLS computes with a key of theirs, so keys that no client
 * takes go no further. Judges nothing else. TLS 1.3 calls it twice.
 */
static int keep_chain(gnutls_session_t tls)
{
    Session *session = gnutls_session_get_ptr(tls);
    unsigned n = 0, bits = 0;
    const gnutls_datum_t *der = gnutls_certificate_get_peers(tls, &n);
    if (session->chain.n > 0)
        return 0;
    for (unsigned i = 0; i < n && i < CHAIN_CERTIFICATES_MAX; i++) {
        Certificate *certificate;
        int r = pool_get(session->pool, der[i].data, der[i].size, i == 0, &certificate);
        if (r == -EFBIG) {
            _cleanup_free_ char *excess = certificate_excess(der[i].data, der[i].size);
            return refuse(session, "certificate %u of the server's has %s", i + 1, excess);
        }
        if (r < 0)
            break; /* what is behind it is of no use; GnuTLS itself lets no unreadable server certificate pass
                    */
        chain_append(&session->chain, certificate);
        bits += certificate->key_bits;
        if (bits > KEY_CHAIN_BITS_MAX) {
            chain_deinit(&session->chain);
            return refuse(
                session,
                "the keys of the server's certificates have more than %d bits together, which dbcertd "
                "does not take",
                KEY_CHAIN_BITS_MAX);
        }
    }
    return 0;
}

/* ServerKeyExchange of TLS 1.2: the server chooses the prime, whatever groups were offered (RFC 5246, 7.4.3:
 * its length comes first). */
static int mind_prime(gnutls_session_t tls, const gnutls_datum_t *message)
{
    gnutls_kx_algorithm_t exchange = gnutls_kx_get(tls);
    if ((exchange != GNUTLS_KX_DHE_RSA && exchange != GNUTLS_KX_DHE_DSS) || message->size < 2)
        return 0;
    unsigned bits = (message->data[0] * 256u + message->data[1]) * 8;
    if (bits <= KEY_DH_BITS_MAX)
        return 0;
    return refuse(gnutls_session_get_ptr(tls),
                  "the server chose a Diffie-Hellman prime of %u bits; dbcertd takes at most %d", bits,
                  KEY_DH_BITS_MAX);
}

/* GnuTLS parses all of them before it asks for them to be verified. */
static int mind_shape(gnutls_session_t tls, const gnutls_datum_t *message)
{
    bool tls13 = gnutls_protocol_get_version(tls) == GNUTLS_TLS1_3;
    _cleanup_free_ char *excess = message_certificates_excess(message->data, message->size, tls13);
    return excess ? refuse(gnutls_session_get_ptr(tls), "%s", excess) : 0;
}

/* Called before GnuTLS works on a message. With TLS 1.3 it checks CertificateVerify before it asks for the
 * certificates to be verified. */
static int on_message(gnutls_session_t tls, unsigned type, unsigned when _unused_, unsigned incoming,
                      const gnutls_datum_t *message)
{
    if (incoming && type == GNUTLS_HANDSHAKE_SERVER_KEY_EXCHANGE)
        return mind_prime(tls, message);
    if (incoming && type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT)
        return mind_shape(tls, message);
    return incoming && type == GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY ? keep_chain(tls) : 0;
}

/* Data may always be there: pull itself says when there is none. */
static int always_ready(gnutls_transport_ptr_t tunnel _unused_, unsigned ms _unused_)
{
    return 1;
}

static void set_transport(gnutls_session_t tls, Tunnel *tunnel)
{
    gnutls_transport_set_ptr(tls, tunnel);
    gnutls_transport_set_push_function(tls, tunnel_push);
    gnutls_transport_set_pull_function(tls, tunnel_pull);
    gnutls_transport_set_pull_timeout_function(tls, always_ready);
}

static int prepare(gnutls_priority_t *ret, const SessionParams *params)
{
    gnutls_priority_t *offer = &offers[params->old_tls][params->at_most_tls12][params->p256];
    int r = 0;
    if (!credentials)
        r = gnutls_certificate_allocate_credentials(&credentials);
    if (r >= 0 && !*offer) {
        _cleanup_free_ char *words = xasprintf(
            "NORMAL:-VERS-ALL:%s+VERS-TLS1.2:%s-GROUP-ALL:%s+GROUP-SECP384R1:+GROUP-SECP521R1:"
            "+GROUP-FFDHE2048:%%VERIFY_ALLOW_BROKEN",
            params->at_most_tls12 ? "" : "+VERS-TLS1.3:", params->old_tls ? OLD : "", groups[params->p256]);
        r = gnutls_priority_init(offer, words, NULL);
    }
    *ret = *offer;
    return r;
}

int session_new(Session **ret, const SessionParams *params)
{
    _cleanup_(session_freep) Session *session = xcalloc(1, sizeof *session);
    const char *name = params->server_name;
    Address literal;
    gnutls_priority_t offer;
    session->pool = params->pool;
    if (prepare(&offer, params) < 0 ||
        gnutls_init(&session->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS |
                                       GNUTLS_KEY_SHARE_TOP) < 0 ||
        gnutls_priority_set(session->tls, offer) < 0 ||
        gnutls_credentials_set(session->tls, GNUTLS_CRD_CERTIFICATE, credentials) < 0)
        return -ENOMEM;
    if (name && address_parse(name, 0, &literal) < 0 &&
        gnutls_server_name_set(session->tls, GNUTLS_NAME_DNS, name, strlen(name)) < 0)
        return -EINVAL;
    const gnutls_datum_t alpn = { (unsigned char *)params->alpn,
                                  params->alpn ? (unsigned)strlen(params->alpn) : 0 };
    if (params->alpn && gnutls_alpn_set_protocols(session->tls, &alpn, 1, 0) < 0)
        return -ENOMEM;
    gnutls_session_set_ptr(session->tls, session);
    gnutls_session_set_verify_function(session->tls, keep_chain);
    gnutls_handshake_set_hook_function(session->tls, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE, on_message);
    gnutls_handshake_set_timeout(session->tls, GNUTLS_INDEFINITE_TIMEOUT); /* the probe keeps the deadline */
    set_transport(session->tls, params->tunnel);
    *ret = TAKE(session);
    return 0;
}

void session_free(Session *session)
{
    if (!session)
        return;
    if (session->tls)
        gnutls_deinit(session->tls);
    chain_deinit(&session->chain);
    free(session);
}

static SessionStep fail(Session *session, int r)
{
    (void)pki_result(r); /* what this host lacks is not the server's failure */
    if (*session->error)
        return SESSION_FAILED; /* refuse() has said why */
    if (r == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        const char *alert = gnutls_alert_get_name(gnutls_alert_get(session->tls));
        snprintf(session->error, sizeof session->error, "the server sent the alert \"%s\"",
                 alert ? alert : "unknown");
    } else if (r == GNUTLS_E_PREMATURE_TERMINATION || r == GNUTLS_E_PULL_ERROR || r == GNUTLS_E_PUSH_ERROR)
        snprintf(session->error, sizeof session->error, "the server closed the connection");
    else
        snprintf(session->error, sizeof session->error, "%s", gnutls_strerror(r));
    return SESSION_FAILED;
}

/* r is what a call of GnuTLS returned. */
static SessionStep step(Session *session, ssize_t r)
{
    if (r >= 0)
        return SESSION_DONE;
    if (gnutls_error_is_fatal((int)r))
        return fail(session, (int)r);
    return SESSION_WAIT;
}

/* Warning alerts, and on receipt of what is not application data, are not a reason to wait for the socket. */
static bool is_passing(ssize_t r)
{
    return r < 0 && r != GNUTLS_E_AGAIN && !gnutls_error_is_fatal((int)r);
}

#define PASSING_MAX 16 /* such events in a row; a server that sends nothing else is left */

SessionStep session_handshake(Session *session)
{
    int r = GNUTLS_E_AGAIN;
    for (unsigned i = 0; i < PASSING_MAX; i++) {
        r = gnutls_handshake(session->tls);
        if (!is_passing(r))
            return step(session, r);
    }
    return fail(session, r);
}

SessionStep session_send(Session *session, Buffer *data)
{
    while (data->size > 0) {
        ssize_t n = gnutls_record_send(session->tls, data->data, data->size);
        if (n > 0)
            buffer_consume(data, (size_t)n);
        else if (n != GNUTLS_E_INTERRUPTED)
            return step(session, n);
    }
    return SESSION_DONE;
}

SessionStep session_receive(Session *session, void *data, size_t size, size_t *ret_size)
{
    ssize_t n = GNUTLS_E_AGAIN;
    for (unsigned i = 0; i < PASSING_MAX; i++) {
        n = gnutls_record_recv(session->tls, data, size);
        if (n == 0)
            return SESSION_CLOSED;
        if (n > 0)
            *ret_size = (size_t)n;
        if (!is_passing(n))
            return step(session, n);
    }
    return fail(session, (int)n);
}

/* The tunnel takes it in any case; who has no memory for it goes without. */
void session_bye(Session *session)
{
    (void)gnutls_bye(session->tls, GNUTLS_SHUT_WR);
}

const char *session_error(const Session *session)
{
    return session->error;
}

/* What an old server needs and current clients refuse (RFC 8996, RFC 9325). */
static TlsAge age_of(gnutls_session_t tls)
{
    if (gnutls_protocol_get_version(tls) < GNUTLS_TLS1_2)
        return TLS_AGE_OLD_VERSION;
    gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(tls);
    bool old = gnutls_kx_get(tls) == GNUTLS_KX_RSA || cipher == GNUTLS_CIPHER_3DES_CBC ||
               cipher == GNUTLS_CIPHER_ARCFOUR_128;
    return old ? TLS_AGE_OLD_SUITE : TLS_AGE_CURRENT;
}

/* NULL: the server chose none. */
static char *alpn_of(gnutls_session_t tls)
{
    gnutls_datum_t alpn;
    if (gnutls_alpn_get_selected_protocol(tls, &alpn) < 0)
        return NULL;
    return text_escape_bytes(alpn.data, alpn.size); /* 255 bytes at most (RFC 7301, 3.1) */
}

void session_take_chain(Session *session, Chain *ret)
{
    *ret = session->chain;
    session->chain = (Chain) { 0 };
}

void session_take_facts(Session *session, Observation *ret)
{
    gnutls_session_t tls = session->tls;
    ret->tls_version = xstrdup(gnutls_protocol_get_name(gnutls_protocol_get_version(tls)));
    ret->tls_cipher = xstrdup(gnutls_ciphersuite_get(tls));
    ret->tls_group = xstrdup(gnutls_group_get_name(gnutls_group_get(tls)));
    ret->tls_alpn = alpn_of(tls);
    ret->tls_age = age_of(tls);
    session_take_chain(session, &ret->chain);
}
