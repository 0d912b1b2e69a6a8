#pragma once

#include "model/state.h"
#include "rules/rule.h"

/* What an address served before it serves what it does now: the certificate, and what stood above it. */
typedef struct Served {
    Certificate *server; /* NULL: nothing was seen */
    Chain path;
} Served;

void served_note(Served *served, const AddressState *address); /* holds references of its own */
void served_deinit(Served *served);

/*
 * What it means that an address serves another certificate than before: `rotated`, `rotated-early`,
 * `rotated-back` or `ca-changed`. False if it means nothing: the same one, another instance's, or one that a
 * server made for itself. Such a finding is an event: it is said once, and does not stand. *ret is the
 * caller's.
 */
bool event_of(EndpointState *state, const AddressState *address, const Served *before, const Policy *policy,
              int64_t now, Finding *ret);
