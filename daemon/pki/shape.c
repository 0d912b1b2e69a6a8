#include "pki/shape.h"

#include "base/alloc.h"
#include "pki/der.h"

#define ELEMENT_BYTES_MIN 2
#define EXTENSIONS        (DER_CONTEXT_0 | DER_CONSTRUCTED | 3) /* RFC 5280, 4.1: tag [3] */

typedef struct Shape {
    size_t n_elements;
    const char *part; /* that is being counted, "its subject" */
    size_t list_max;  /* in it */
    char *excess;     /* the first one */
} Shape;

/* RFC 5280, 4.1.2: the parts of a TBSCertificate by their place after the version. */
static const char *const parts[] = { "serial number", "signature algorithm", "issuer", "validity",
                                     "subject",       "public key" };

/* 4.2.1.6 and 4.2.1.10 */
static const uint8_t subject_alt_name[] = { 0x55, 0x1d, 0x11 }, name_constraints[] = { 0x55, 0x1d, 0x1e };

static void note(Shape *shape, char *excess)
{
    if (shape->excess)
        free(excess);
    else
        shape->excess = excess;
}

/* der_next(), and where that fails the rest of the list counts. */
static DerElement next(Shape *shape, Der *list)
{
    const uint8_t *began = list->at;
    DerElement element = der_next(list);
    if (list->failed)
        shape->n_elements += (size_t)(list->end - began) / ELEMENT_BYTES_MIN;
    return element;
}

/* The elements of a list, and all below them. */
static void count(Shape *shape, Der list, unsigned depth)
{
    size_t n = 0;
    if (depth > SHAPE_DEPTH_MAX) {
        note(shape, xasprintf("more than %d levels of elements in its %s", SHAPE_DEPTH_MAX, shape->part));
        return;
    }
    for (DerElement e; (e = next(shape, &list)).tag != 0; n++)
        if (e.tag & DER_CONSTRUCTED)
            count(shape, e.content, depth + 1);
    shape->n_elements += n;
    if (n > shape->list_max)
        note(shape, xasprintf("%zu items in one list of its %s; dbcertd takes at most %zu", n, shape->part,
                              shape->list_max));
}

/* What is in an extension's OCTET STRING, too. */
static void count_extension(Shape *shape, Der extension, unsigned depth)
{
    Der rest = extension, oid = der_enter(&rest, DER_OID);
    bool has_names = der_is(&oid, subject_alt_name, sizeof subject_alt_name) ||
                     der_is(&oid, name_constraints, sizeof name_constraints);
    shape->list_max = has_names ? SHAPE_NAMES_MAX : SHAPE_LIST_MAX;
    count(shape, extension, depth);
    for (DerElement e; (e = der_next(&rest)).tag != 0;)
        if (e.tag == DER_OCTETS)
            count(shape, e.content, depth + 1);
        else if (e.tag == (DER_OCTETS | DER_CONSTRUCTED)) /* in pieces, which DER does not have */
            shape->n_elements += e.size / ELEMENT_BYTES_MIN;
    shape->list_max = SHAPE_LIST_MAX;
}

static void count_extensions(Shape *shape, Der field, unsigned depth)
{
    Der list = next(shape, &field).content;
    size_t n = 0;
    shape->part = "extensions";
    for (DerElement e; (e = next(shape, &list)).tag != 0; n++)
        count_extension(shape, e.content, depth + 2);
    shape->n_elements += n + 1;
    if (n > SHAPE_LIST_MAX)
        note(shape, xasprintf("%zu extensions; dbcertd takes at most %d", n, SHAPE_LIST_MAX));
}

static void count_fields(Shape *shape, Der tbs)
{
    size_t place = 0;
    for (DerElement e; (e = next(shape, &tbs)).tag != 0;) {
        shape->n_elements++;
        if (e.tag == EXTENSIONS) {
            count_extensions(shape, e.content, 3);
            continue;
        }
        bool is_version = e.tag == (DER_CONTEXT_0 | DER_CONSTRUCTED);
        shape->part = is_version || place >= ARRAY_SIZE(parts) ? "fields" : parts[place++];
        if (e.tag & DER_CONSTRUCTED)
            count(shape, e.content, 3);
    }
}

char *shape_excess(const uint8_t *der, size_t size, size_t *ret_elements)
{
    Shape shape = { .part = "fields", .list_max = SHAPE_LIST_MAX };
    Der file = der_of(der, size), certificate = der_next(&file).content;
    count_fields(&shape, next(&shape, &certificate).content);
    shape.part = "signature";
    count(&shape, certificate, 2);
    shape.n_elements += 2;
    if (shape.n_elements > SHAPE_ELEMENTS_MAX)
        note(&shape, xasprintf("%zu elements of ASN.1; dbcertd takes at most %d", shape.n_elements,
                               SHAPE_ELEMENTS_MAX));
    if (ret_elements)
        *ret_elements = shape.n_elements;
    return shape.excess;
}
