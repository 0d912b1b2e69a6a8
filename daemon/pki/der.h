#pragma once

/*
 * ASN.1 as files of certificates have it (X.690: DER, and BER for its indefinite lengths), read where it lies:
 * no tree is built, and nothing is copied but strings that come in pieces.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
    DER_INTEGER = 0x02,
    DER_OCTETS = 0x04,
    DER_OID = 0x06,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONSTRUCTED = 0x20,
    DER_CONTEXT_0 = 0x80, /* [0] IMPLICIT of a string; with DER_CONSTRUCTED [0] EXPLICIT, or in pieces */
};

/* Elements, one after the other. */
typedef struct Der {
    const uint8_t *at, *end;
    bool failed; /* something else was there than was wanted; whatever was taken since is empty */
} Der;

typedef struct DerElement {
    uint8_t tag;          /* 0: none */
    const uint8_t *bytes; /* all of it, with tag and length */
    size_t size;
    Der content;
} DerElement;

Der der_of(const uint8_t *data, size_t size);

/* Bytes that are left; 0 if it has failed. */
size_t der_size(const Der *der);

/* The next element; its tag is 0 at the end, and where it does not parse. */
DerElement der_next(Der *der);

/* The next one's tag; 0 at the end. */
uint8_t der_peek(const Der *der);

/* The content of the next element, which must have that tag. */
Der der_enter(Der *der, uint8_t tag);

/* An OBJECT IDENTIFIER: whether it is that one, by its content's bytes. */
bool der_is(const Der *oid, const uint8_t *bytes, size_t size);

/* An INTEGER from 0 to 2^31 - 1. */
uint32_t der_number(Der *der);

/* A string with this tag, or constructed of pieces, which are joined in *joined. Empty where there is none. */
Der der_string(Der *der, uint8_t tag, Buffer *joined);
