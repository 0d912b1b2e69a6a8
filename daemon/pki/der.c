#include "pki/der.h"

#include <string.h>

#define LENGTH_BYTES_MAX 4 /* no file is longer */
#define INDEFINITE       SIZE_MAX

Der der_of(const uint8_t *data, size_t size)
{
    return (Der) { .at = data, .end = data + size };
}

size_t der_size(const Der *der)
{
    return der->failed ? 0 : (size_t)(der->end - der->at);
}

uint8_t der_peek(const Der *der)
{
    return der_size(der) > 0 ? *der->at : 0;
}

/* Moves past tag and length. False if they are no such thing, or the content is longer than what is there. */
static bool take_header(Der *der, uint8_t *ret_tag, size_t *ret_size)
{
    if (der_size(der) < 2 || (der->at[0] & 0x1f) == 0x1f) /* no file of these has tags of several bytes */
        return false;
    uint8_t tag = *der->at++, length = *der->at++;
    size_t size = length;
    if (length == 0x80 && tag & DER_CONSTRUCTED)
        size = INDEFINITE;
    else if (length >= 0x80) {
        size_t n = length & 0x7f;
        if (n == 0 || n > LENGTH_BYTES_MAX || n > der_size(der))
            return false;
        for (size = 0; n > 0; n--)
            size = size << 8 | *der->at++;
    }
    *ret_tag = tag;
    *ret_size = size;
    return size == INDEFINITE || size <= der_size(der);
}

/* Moves past the content of an indefinite length and the two zeros that end it; returns where they begin. */
static const uint8_t *skip_indefinite(Der *der)
{
    for (size_t depth = 1; depth > 0;) {
        const uint8_t *began = der->at;
        uint8_t tag;
        size_t size;
        if (!take_header(der, &tag, &size))
            return NULL;
        if (size == INDEFINITE)
            depth++;
        else if (tag == 0 && size == 0 && --depth == 0)
            return began;
        else
            der->at += size;
    }
    return NULL;
}

DerElement der_next(Der *der)
{
    DerElement element = { .bytes = der->at };
    size_t size;
    if (der_size(der) == 0)
        return (DerElement) { .content.failed = true };
    der->failed = !take_header(der, &element.tag, &size) || element.tag == 0;
    element.content = (Der) { .at = der->at, .end = der->at };
    if (!der->failed && size == INDEFINITE) {
        element.content.end = skip_indefinite(der);
        der->failed = !element.content.end;
    } else if (!der->failed)
        element.content.end = der->at += size;
    if (der->failed)
        return (DerElement) { .content.failed = true };
    element.size = (size_t)(der->at - element.bytes);
    return element;
}

Der der_enter(Der *der, uint8_t tag)
{
    DerElement element = der_next(der);
    if (element.tag == tag)
        return element.content;
    der->failed = true;
    return (Der) { .failed = true };
}

bool der_is(const Der *oid, const uint8_t *bytes, size_t size)
{
    return der_size(oid) == size && memcmp(oid->at, bytes, size) == 0;
}

uint32_t der_number(Der *der)
{
    Der bytes = der_enter(der, DER_INTEGER);
    uint32_t number = 0;
    if (der_size(&bytes) == 0 || der_size(&bytes) > 4 || *bytes.at >= 0x80) {
        der->failed = true;
        return 0;
    }
    while (bytes.at < bytes.end)
        number = number << 8 | *bytes.at++;
    return number;
}

Der der_string(Der *der, uint8_t tag, Buffer *joined)
{
    if (der_peek(der) != (tag | DER_CONSTRUCTED))
        return der_enter(der, tag);
    Der pieces = der_enter(der, tag | DER_CONSTRUCTED);
    buffer_append(joined, "", 0); /* of no pieces, too, there is something to point to */
    while (der_size(&pieces) > 0) {
        Der piece = der_enter(&pieces, DER_OCTETS);
        buffer_append(joined, piece.at, der_size(&piece));
    }
    der->failed |= pieces.failed;
    return der->failed ? (Der) { .failed = true } : der_of(joined->data, joined->size);
}
