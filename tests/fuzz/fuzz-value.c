/*
 * A text is offered to every constructor of values, and quoted. What is taken has the letters of its kind
 * alone, and a shell reads a quoted text as exactly what it was.
 */

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shell.h"
#include "fuzz.h"
#include "model/step.h"
#include "rds/authority.h"
#include "rds/hostname.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define LETTER LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT  "0123456789"

static const struct {
    IsValue is;
    const char *first, *letters;
    size_t max;
} kinds[] = {
    { value_is_ca, "r", LOWER DIGIT "-", 25 },
    { value_is_region, LOWER, LOWER DIGIT "-", 31 },
    { value_is_account, DIGIT, DIGIT, 12 },
    { value_is_arn, "a", LETTER DIGIT "_+=,.@:/-", 1224 },
    { value_is_identifier, LETTER, LETTER DIGIT "-", 63 },
    { value_is_engine, LOWER, LOWER DIGIT "-", 64 },
    { value_is_engine_version, LETTER DIGIT, LETTER DIGIT "._-", 64 },
    { value_is_host, LETTER DIGIT "_", LETTER DIGIT "._-", 254 },
    { value_is_name, LETTER DIGIT, LETTER DIGIT "._-", 128 },
};

static void check_kinds(const char *text)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].is(text))
            assert(*text && strchr(kinds[i].first, *text) && strspn(text, kinds[i].letters) == strlen(text) &&
                   strlen(text) <= kinds[i].max);
    if (value_is_path(text))
        assert(*text == '/' && !strpbrk(text, "\n\r\t\033\177"));
}

/* One word as POSIX has it (XCU 2.2), of what shell_quote() writes: plain letters, '...' and \'. */
static char *unquote(const char *word)
{
    char *text = xcalloc(strlen(word) + 1, 1), *end = text;
    bool quoted = false;
    for (; *word; word++) {
        if (*word == '\'')
            quoted = !quoted;
        else if (!quoted && *word == '\\')
            *end++ = *++word;
        else {
            assert(quoted || strchr(LETTER DIGIT "._-/:,+@%=", *word));
            *end++ = *word;
        }
    }
    assert(!quoted);
    return text;
}

static void check_quoting(const char *text)
{
    Buffer quoted = { 0 };
    shell_quote(&quoted, text);
    _cleanup_free_ char *word = buffer_take_text(&quoted), *again = unquote(word);
    assert(*word && strcmp(again, text) == 0);
}

/* A command keeps to its line, and what is kept of it comes back as it was. */
static void check_step(const char *text)
{
    StepList steps = { 0 };
    Step *step = steps_append(&steps, STEP_LOOK, PLACE_HERE);
    step_words(step, "dbcertctl show");
    step_value(step, text);
    step_effect(step, "shows %s", text);
    bool quotes = shell_can_quote(text) && *text != '-';
    assert((steps.items[0].run != NULL) == quotes);
    _cleanup_free_ char *script = steps_script(&steps), *kept = steps_write(&steps);
    char *line = strchr(script, '\n');
    assert(*script == '#' && (line != NULL) == quotes && (!line || !strchr(line + 1, '\n')));
    StepList read = steps_read(kept);
    _cleanup_free_ char *again = steps_write(&read);
    assert(strcmp(kept, again) == 0 && read.n == 1);
    steps_deinit(&steps);
    steps_deinit(&read);
    read = steps_read(text);
    _cleanup_free_ char *other = steps_script(&read);
    for (const char *c = other; *c; c++)
        assert(*c == '\n' ? c[1] : *c != '\r' && *c != '\033');
    steps_deinit(&read);
}

static void check_names(const char *text)
{
    Authority authority;
    RdsHostname host;
    _cleanup_free_ char *cn = xasprintf("Amazon RDS us-east-1 Root CA %s", text);
    const char *names[] = { text, cn };
    for (size_t i = 0; i < 2; i++)
        if (authority_from_names(names[i], text, &authority))
            assert((value_is_ca(authority.id)) && (!authority.region[0] || value_is_region(authority.region)));
    if (rds_hostname_parse(text, &host))
        assert(value_is_identifier(host.id) && value_is_region(host.region));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = xstrndup((const char *)data, size);
    check_kinds(text);
    check_quoting(text);
    check_step(text);
    check_names(text);
    return 0;
}
