/* The body of POST /v1/silences, and what becomes of it. */

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/instant.h"
#include "control/json.h"
#include "control/route.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const SelfState self;
    static const SilenceList silences;
    const Snapshot snapshot = { .self = &self, .silences = &silences };
    const Request request = {
        .method = "POST",
        .path = "/v1/silences",
        .local = true,
        .author = "uid 0",
        .body = data,
        .body_size = size,
        .now = 1,
    };
    Answer answer = route_request(&request, &snapshot);
    assert(answer.deed == DEED_SILENCE ? answer.body == NULL : answer.status >= 400 && answer.body);
    if (answer.deed == DEED_SILENCE) {
        const Silence *s = &answer.silence;
        assert(s->ends_at > s->begins_at && s->ends_at - s->begins_at <= SILENCE_LONGEST && s->reason[0]);
        assert(s->subject || s->finding >= 0);
        assert(!strpbrk(s->reason, "\n\r\033"));
        json_t *shown = json_of_silence(s);
        assert(shown);
        json_decref(shown);
    }
    silence_deinit(&answer.silence);
    json_decref(answer.body);
    return 0;
}
