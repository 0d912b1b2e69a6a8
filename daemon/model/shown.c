#include "model/shown.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/instant.h"
#include "base/text.h"

static uint64_t fingerprint_of(const Certificate *certificate)
{
    return text_hash(certificate->sha256);
}

/* Puts it in front, and forgets the one that was shown longest ago. True if it was there. */
static bool remember(Shown *shown, uint64_t fingerprint)
{
    size_t i = 0;
    while (i < shown->n && shown->fingerprints[i] != fingerprint)
        i++;
    bool known = i < shown->n;
    if (!known && shown->n < SHOWN_REMEMBERED)
        shown->n++;
    else if (!known)
        i--;
    memmove(&shown->fingerprints[1], &shown->fingerprints[0], i * sizeof fingerprint);
    shown->fingerprints[0] = fingerprint;
    return known;
}

Shown *shown_new(const Certificate *until_now, int64_t since)
{
    Shown *shown = xcalloc(1, sizeof *shown);
    (void)remember(shown, fingerprint_of(until_now));
    shown->newest = since == INSTANT_NONE ? until_now->not_before : since;
    return shown;
}

static int count(uint8_t bits)
{
    return __builtin_popcount(bits);
}

bool shown_is_noise(const Shown *shown)
{
    return shown->unstable || count(shown->fresh) >= SHOWN_FRESH_MIN;
}

static void note_fresh(Shown *shown, const Certificate *certificate, int64_t now)
{
    if (shown->fresh == 0) {
        shown->since = shown->newest;
        shown->n_since = 1;
    }
    shown->fresh |= 1;
    shown->made |= now - certificate->not_before < SHOWN_MADE_LATELY;
    shown->n_since++;
}

void shown_note(Shown *shown, const Certificate *certificate, int64_t now)
{
    bool known = remember(shown, fingerprint_of(certificate));
    bool fresh = !known && now - shown->newest < SHOWN_LIFE_MIN;
    shown->fresh = (uint8_t)(shown->fresh << 1);
    shown->made = (uint8_t)(shown->made << 1);
    if (fresh)
        note_fresh(shown, certificate, now);
    if (!known)
        shown->newest = now;
    if (count(shown->made) >= SHOWN_FRESH_MIN ||
        (count(shown->fresh) >= SHOWN_FRESH_MIN && shown->n > SHOWN_NODES_MAX))
        shown->unstable = true;
    else if (shown->fresh == 0)
        shown->unstable = false;
}

char *shown_to_text(const Shown *shown)
{
    Buffer text = { 0 };
    buffer_printf(&text, "%u %u %lld %lld %u %u", shown->fresh, shown->made, (long long)shown->newest,
                  (long long)shown->since, shown->n_since, shown->unstable);
    for (size_t i = 0; i < shown->n; i++)
        buffer_printf(&text, " %016" PRIx64, shown->fingerprints[i]);
    return buffer_take_text(&text);
}

Shown *shown_from_text(const char *text)
{
    unsigned fresh, made, n_since, unstable;
    long long newest, since;
    int length = 0;
    if (sscanf(text, "%u %u %lld %lld %u %u%n", &fresh, &made, &newest, &since, &n_since, &unstable, &length) !=
            6 ||
        newest < 0 || since < 0)
        return NULL;
    Shown *shown = xcalloc(1, sizeof *shown);
    *shown = (Shown) { .fresh = (uint8_t)fresh,
                       .made = (uint8_t)made,
                       .newest = newest,
                       .since = since,
                       .n_since = n_since,
                       .unstable = unstable != 0 };
    for (text += length; shown->n < SHOWN_REMEMBERED; text += length)
        if (sscanf(text, " %16" SCNx64 "%n", &shown->fingerprints[shown->n], &length) == 1)
            shown->n++;
        else
            break;
    return shown;
}
