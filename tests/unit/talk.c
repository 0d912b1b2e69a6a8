#include "talk.h"

Talk talk(EngineFamily family, DialogueParams params)
{
    Talk t = { 0 };
    params.sha1 = pki_sha1;
    params.sha256 = pki_sha256;
    dialogue_init(&t.dialogue, family, &params);
    return t;
}

void hang_up(Talk *t)
{
    dialogue_deinit(&t->dialogue);
    buffer_deinit(&t->out);
}

void we_said(Talk *t, const uint8_t *bytes, size_t size)
{
    assert_int_equal(t->out.size, size);
    assert_memory_equal(t->out.data, bytes, size);
    buffer_consume(&t->out, size);
}

DialogueStep server_says(Talk *t, const uint8_t *bytes, size_t size)
{
    DialogueStep step = DIALOGUE_MORE;
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(step, DIALOGUE_MORE);
        assert_true(dialogue_wants(&t->dialogue) >= 1);
        step = dialogue_feed(&t->dialogue, bytes + i, 1, &t->out);
    }
    return step;
}
