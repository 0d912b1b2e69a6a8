#pragma once

/* A server's handshake message, looked at before GnuTLS works on it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Why the certificates of a Certificate message are not parsed, "certificate 1 of the server's has ..."; NULL
 * if they are within the limits of pki/shape.h, one by one and in sum. tls13: it has that version's form. The
 * caller's. A message that is cut off is GnuTLS's to refuse.
 */
char *message_certificates_excess(const uint8_t *body, size_t size, bool tls13);
