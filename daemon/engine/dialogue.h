#pragma once

/*
 * What is said before and after the TLS handshake, in the engine's own protocol: bytes in, bytes out, no fd, no
 * clock. One file per protocol. The caller moves the bytes, keeps the deadline and performs the handshake:
 *
 *     step = dialogue_start();
 *     while MORE: send out, read at most dialogue_wants() bytes, step = dialogue_feed()
 *     SECURE: send out, perform the TLS handshake (inside packets where dialogue_wraps() says so), step =
 *             dialogue_secured(); from then on bytes travel inside TLS
 *     LEAVE: send out, close_notify if TLS is up, close.
 *
 * All else ends the dialogue; detail says why.
 */

#include "engine/protocol.h"

void dialogue_init(Dialogue *dialogue, EngineFamily family, const DialogueParams *params);
void dialogue_deinit(Dialogue *dialogue);

DialogueStep dialogue_start(Dialogue *dialogue, Buffer *out);

/* How many bytes may be read next: not one that belongs to TLS. At least 1. */
size_t dialogue_wants(const Dialogue *dialogue);

/* size: 1 .. dialogue_wants(), or anything once TLS is up. */
DialogueStep dialogue_feed(Dialogue *dialogue, const uint8_t *data, size_t size, Buffer *out);

DialogueStep dialogue_secured(Dialogue *dialogue, Buffer *out);

/* Whether nothing is said before TLS. */
bool dialogue_is_direct(const Dialogue *dialogue);

/*
 * After SECURE: the server began with these bytes, which are not TLS (size 0: it hung up, or, if not in_time,
 * said nothing). What that means here: REFUSED or GARBAGE, with a detail.
 */
DialogueStep dialogue_not_tls(Dialogue *dialogue, const uint8_t *data, size_t size, bool in_time);

/* Whether the handshake's records travel inside packets of the protocol. */
bool dialogue_wraps(const Dialogue *dialogue);

/* Records to packets. */
void dialogue_wrap(const Dialogue *dialogue, const void *data, size_t size, Buffer *out);

/* Packets, cut anywhere, to records. False: those are no such packets; detail says why. */
bool dialogue_unwrap(Dialogue *dialogue, const uint8_t *data, size_t size, Buffer *out);
