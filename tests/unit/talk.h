#pragma once

/*
 * Conversations, as they are written in the protocols' documents: what the server says, what we say, what
 * follows.
 */

#include "unit.h"

#include "engine/dialogue.h"
#include "pki/facts.h"

/* A string literal's bytes, with the NULs in it. */
#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

typedef struct Talk {
    Dialogue dialogue;
    Buffer out;
} Talk;

Talk talk(EngineFamily family, DialogueParams params);
void hang_up(Talk *t);

/* All that we said since the last time. */
void we_said(Talk *t, const uint8_t *bytes, size_t size);

/* In pieces as small as they can come, and never more than was asked for. */
DialogueStep server_says(Talk *t, const uint8_t *bytes, size_t size);
