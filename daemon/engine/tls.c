/*
 * TLS from the first byte: Oracle TCPS, Db2, DocumentDB, Neptune and all the rest. Nothing is said before it or
 * after it; but a port that answers otherwise is told apart from a server that fails.
 */

#include "engine/protocol.h"

/* Where a database listens in the clear, and where its TLS is. */
static const struct {
    uint16_t port;
    bool waits; /* for more, where the others hang up on a ClientHello: silence is its answer, too */
    const char *words;
} cleartext_ports[] = {
    { 1433, false, "1433 is SQL Server's port, which begins with TDS: use engine \"sqlserver\"" },
    { 1521, true, "1521 is Oracle's port in the clear: TCPS has one of its own, 2484 by custom" },
    { 3306, false,
      "3306 is MySQL's and MariaDB's port, where the server speaks first: use engine \"mysql\" or "
      "\"mariadb\"" },
    { 5432, false, "5432 is PostgreSQL's port, which begins with SSLRequest: use engine \"postgres\"" },
    { 50000, true, "50000 is Db2's port in the clear: TLS is on the port that ssl_svcename names" },
};

/* What a server says first, or in answer to a ClientHello, that has no TLS on this port. */
static const struct {
    uint8_t at, byte;
    const char *words;
} cleartext_bytes[] = {
    { 4, 0x0a, "a MySQL or MariaDB greeting: use engine \"mysql\" or \"mariadb\"" },
    { 0, 0x04, "a TDS packet: use engine \"sqlserver\"" },
    { 4, 0x04, "Oracle's TNS Refuse: TCPS has a port of its own, 2484 by custom" },
    { 4, 0x0b, "Oracle's TNS Resend: TCPS has a port of its own, 2484 by custom" },
    { 2, 0xd0, "Db2's DRDA: TLS is on the port that ssl_svcename names" },
};

static const char *words_of_port(uint16_t port, bool in_time)
{
    for (size_t i = 0; i < ARRAY_SIZE(cleartext_ports); i++)
        if (cleartext_ports[i].port == port && (in_time || cleartext_ports[i].waits))
            return cleartext_ports[i].words;
    return NULL;
}

static const char *words_of_bytes(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < ARRAY_SIZE(cleartext_bytes); i++)
        if (size > cleartext_bytes[i].at && data[cleartext_bytes[i].at] == cleartext_bytes[i].byte)
            return cleartext_bytes[i].words;
    return "not TLS: is this the port in the clear?";
}

static DialogueStep not_tls(Dialogue *dialogue, const uint8_t *data, size_t size, bool in_time)
{
    const char *words = words_of_port(dialogue->params.port, in_time);
    if (size > 0)
        return protocol_end(dialogue, DIALOGUE_REFUSED, "the server answered ClientHello with 0x%02x, %s",
                            data[0], words ? words : words_of_bytes(data, size));
    if (words)
        return protocol_end(dialogue, DIALOGUE_REFUSED, "the server %s ClientHello; %s",
                            in_time ? "hung up on" : "said nothing to", words);
    return DIALOGUE_MORE;
}

const Protocol protocol_tls = {
    .start = protocol_secure_at_once,
    .secured = protocol_leave,
    .not_tls = not_tls,
};
