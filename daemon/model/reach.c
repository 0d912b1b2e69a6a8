#include "model/reach.h"

#include <string.h>

#include "base/alloc.h"

#define ADDRESS_BYTES 16
#define IPV4_BYTES    4

typedef struct Prefix {
    uint8_t bytes[ADDRESS_BYTES];
    unsigned bits;
    const char *what;
} Prefix;

/*
 * The IANA IPv4 Special-Purpose Address Registry (RFC 6890), as far as what is there is this host, its link, or
 * nobody; and where clouds keep the metadata of an instance, which also gives away its credentials. The first
 * that fits counts.
 */
static const Prefix ipv4[] = {
    { { 0 }, 8, "an address of this host itself" }, /* RFC 1122, 3.2.1.3; Linux: 0.0.0.0 is here */
    { { 127 }, 8, "a loopback address" },           /* RFC 1122, 3.2.1.3 */
    { { 169, 254, 169, 254 }, 32, "an instance metadata service" },   /* EC2, Azure, Google Cloud, OpenStack */
    { { 169, 254, 170, 2 }, 32, "a container credentials service" },  /* ECS */
    { { 169, 254, 170, 23 }, 32, "a container credentials service" }, /* EKS Pod Identity */
    { { 169, 254 }, 16, "a link-local address" }, /* RFC 3927; EC2: also DNS (.253) and NTP (.123) */
    { { 192, 0, 0, 192 }, 32, "an instance metadata service" },     /* Oracle Cloud */
    { { 100, 100, 100, 200 }, 32, "an instance metadata service" }, /* Alibaba Cloud */
    { { 168, 63, 129, 16 }, 32, "an instance metadata service" },   /* Azure's WireServer */
    { { 224 }, 4, "a multicast address" },                          /* RFC 5771 */
    { { 240 }, 4, "a reserved or broadcast address" },              /* RFC 1112, 4; RFC 919 */
};

/* The IANA IPv6 Special-Purpose Address Registry, likewise. */
static const Prefix ipv6[] = {
    { { 0 }, 128, "the unspecified address" },                                        /* RFC 4291, 2.5.2 */
    { { [15] = 1 }, 128, "a loopback address" },                                      /* RFC 4291, 2.5.3 */
    { { 0xfd, 0, 0x0e, 0xc2, [15] = 0x23 }, 128, "a container credentials service" }, /* EKS Pod Identity */
    { { 0xfd, 0, 0x0e, 0xc2 }, 32, "an instance metadata service" }, /* EC2: metadata (::254), DNS, NTP */
    { { 0xfd, 0x20, 0, 0xce, [14] = 0x02, 0x54 }, 128, "an instance metadata service" }, /* Google Cloud */
    { { 0xfe, 0x80 }, 10, "a link-local address" },                                      /* RFC 4291, 2.5.6 */
    { { 0xff }, 8, "a multicast address" },                                              /* RFC 4291, 2.7 */
};

/* Prefixes of IPv6 with an IPv4 address in them, and the byte at which that begins: it is what counts. */
static const struct {
    Prefix prefix;
    size_t at;
} embedding[] = {
    { { { [10] = 0xff, 0xff }, 96, NULL }, 12 },         /* ::ffff:0:0/96, IPv4-mapped: RFC 4291, 2.5.5.2 */
    { { { [8] = 0xff, 0xff }, 96, NULL }, 12 },          /* ::ffff:0:0:0/96, IPv4-translated: RFC 2765, 2.1 */
    { { { 0 }, 96, NULL }, 12 },                         /* ::/96, IPv4-compatible: RFC 4291, 2.5.5.1 */
    { { { 0, 0x64, 0xff, 0x9b }, 96, NULL }, 12 },       /* 64:ff9b::/96, NAT64: RFC 6052, 2.1 */
    { { { 0, 0x64, 0xff, 0x9b, 0, 1 }, 48, NULL }, 12 }, /* 64:ff9b:1::/48, NAT64 at this site: RFC 8215 */
    { { { 0x20, 0x02 }, 16, NULL }, 2 },                 /* 2002::/16, 6to4: RFC 3056, 2 */
};

static bool has_prefix(const uint8_t *address, const Prefix *prefix)
{
    size_t whole = prefix->bits / 8;
    unsigned rest = prefix->bits % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);
    return memcmp(address, prefix->bytes, whole) == 0 &&
           (rest == 0 || (address[whole] & mask) == prefix->bytes[whole]);
}

static const char *find(const uint8_t *address, const Prefix *table, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (has_prefix(address, &table[i]))
            return table[i].what;
    return NULL;
}

const char *address_special(const Address *address)
{
    uint8_t bytes[ADDRESS_BYTES] = { 0 };
    if (address->sa.sa_family == AF_INET) {
        memcpy(bytes, &address->in.sin_addr, IPV4_BYTES);
        return find(bytes, ipv4, ARRAY_SIZE(ipv4));
    }
    memcpy(bytes, &address->in6.sin6_addr, sizeof bytes);
    const char *what = find(bytes, ipv6, ARRAY_SIZE(ipv6));
    for (size_t i = 0; i < ARRAY_SIZE(embedding) && !what; i++)
        if (has_prefix(bytes, &embedding[i].prefix))
            what = find(bytes + embedding[i].at, ipv4, ARRAY_SIZE(ipv4));
    return what;
}

char *endpoint_refusal(const Endpoint *endpoint, const Address *address)
{
    const char *what = endpoint->loopback ? NULL : address_special(address);
    if (!what)
        return NULL;
    return xasprintf("%s is %s, and dbcertd does not connect to it; if that is meant, set loopback = true for "
                     "this endpoint%s",
                     address->text, what,
                     endpoint->discovered ? ", in an entry of its own in the configuration" : "");
}
