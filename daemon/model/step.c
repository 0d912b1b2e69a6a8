#include "model/step.h"

#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/shell.h"

static const char *const kinds[] = {
    [STEP_LOOK] = "look",
    [STEP_CHANGE] = "change",
    [STEP_VERIFY] = "verify",
};
DEFINE_STRING_TABLE(step_kind, StepKind, kinds);

static const char *const places[] = {
    [PLACE_HERE] = "here",
    [PLACE_AWS] = "aws",
    [PLACE_CLIENT] = "client",
    [PLACE_SERVER] = "server",
};
DEFINE_STRING_TABLE(step_place, StepPlace, places);

void steps_deinit(StepList *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        free(steps->items[i].run);
        free(steps->items[i].effect);
    }
    free(steps->items);
    *steps = (StepList) { 0 };
}

Step *steps_append(StepList *steps, StepKind kind, StepPlace where)
{
    size_t i = steps->n++;
    steps->items = xgrow(steps->items, i, sizeof *steps->items);
    for (; i > 0 && steps->items[i - 1].kind > kind; i--)
        steps->items[i] = steps->items[i - 1];
    steps->items[i] = (Step) { .kind = kind, .where = where };
    return &steps->items[i];
}

StepList steps_copy(const StepList *steps)
{
    StepList copy = { 0 };
    for (size_t i = 0; i < steps->n; i++) {
        Step *step = steps_append(&copy, steps->items[i].kind, steps->items[i].where);
        step->run = xstrdup(steps->items[i].run);
        step->effect = xstrdup(steps->items[i].effect);
        step->refused = steps->items[i].refused;
    }
    return copy;
}

static void append(Step *step, const char *text)
{
    if (!step->refused)
        text_set(&step->run, step->run ? xconcat(step->run, text) : xstrdup(text));
}

void step_append_literal(Step *step, const char *literal)
{
    append(step, literal);
}

void step_append_words(Step *step, const char *literal)
{
    if (step->run)
        append(step, " ");
    append(step, literal);
}

static void refuse(Step *step)
{
    step->refused = true;
    text_set(&step->run, NULL);
    text_set(&step->effect, xstrdup("a name in this command has characters that cannot be shown; see the "
                                    "finding's message"));
}

void step_glue_value(Step *step, const char *value)
{
    Buffer quoted = { 0 };
    if (step->refused)
        return;
    if (!shell_can_quote(value)) {
        refuse(step);
        return;
    }
    shell_quote(&quoted, value);
    _cleanup_free_ char *word = buffer_take_text(&quoted);
    append(step, word);
}

void step_value(Step *step, const char *value)
{
    if (value[0] == '-') {
        refuse(step);
        return;
    }
    append(step, " ");
    step_glue_value(step, value);
}

void step_number(Step *step, int64_t value)
{
    append(step, " ");
    step_glue_number(step, value);
}

void step_glue_number(Step *step, int64_t value)
{
    _cleanup_free_ char *digits = xasprintf("%lld", (long long)value);
    append(step, digits);
}

/* As one line that can follow "# ". */
static void set_effect(Step *step, char *text)
{
    text_set(&step->effect, text_escape_take(text));
}

void step_effect(Step *step, const char *format, ...)
{
    va_list args;
    if (step->refused)
        return;
    va_start(args, format);
    set_effect(step, xvasprintf(format, args));
    va_end(args);
}

void steps_by_hand(StepList *steps, StepKind kind, StepPlace where, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_effect(steps_append(steps, kind, where), xvasprintf(format, args));
    va_end(args);
}

const char *steps_first_command(const StepList *steps)
{
    for (size_t i = 0; i < steps->n; i++)
        if (steps->items[i].run)
            return steps->items[i].run;
    return NULL;
}

const char *steps_first_change(const StepList *steps)
{
    for (size_t i = 0; i < steps->n; i++)
        if (steps->items[i].run && steps->items[i].kind == STEP_CHANGE)
            return steps->items[i].run;
    return NULL;
}

/* "# Change (aws): restarts the instance" */
static void write_comment(Buffer *script, const Step *step)
{
    static const char *const words[] = {
        [STEP_LOOK] = "Look",
        [STEP_CHANGE] = "Change",
        [STEP_VERIFY] = "Verify",
    };
    buffer_printf(script, "# %s (%s)%s%s%s\n", words[step->kind], places[step->where],
                  step->run ? "" : ", by hand", step->effect ? ": " : "", step->effect ? step->effect : "");
}

char *steps_script(const StepList *steps)
{
    Buffer script = { 0 };
    for (size_t i = 0; i < steps->n; i++) {
        write_comment(&script, &steps->items[i]);
        if (steps->items[i].run)
            buffer_printf(&script, "%s\n", steps->items[i].run);
    }
    if (script.size > 0)
        buffer_cut(&script, script.size - 1); /* the last line's end */
    return buffer_take_text(&script);
}

/* "change<TAB>aws<TAB>EFFECT<TAB>RUN<LF>": neither text has a control character. */
char *steps_write(const StepList *steps)
{
    Buffer text = { 0 };
    for (size_t i = 0; i < steps->n; i++) {
        const Step *step = &steps->items[i];
        buffer_printf(&text, "%s\t%s\t%s\t%s\n", kinds[step->kind], places[step->where],
                      step->effect ? step->effect : "", step->run ? step->run : "");
    }
    return buffer_take_text(&text);
}

/* A line, without its end, which is cut up. False if it is none that steps_write() wrote. */
static bool read_line(char *line, StepList *steps)
{
    char *fields[4] = { 0 };
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        fields[i] = strsep(&line, "\t");
    if (!fields[3] || line || !shell_can_quote(fields[2]) || !shell_can_quote(fields[3]))
        return false;
    int kind = step_kind_from_string(fields[0]), where = step_place_from_string(fields[1]);
    if (kind < 0 || where < 0)
        return false;
    Step *step = steps_append(steps, (StepKind)kind, (StepPlace)where);
    step->effect = *fields[2] ? xstrdup(fields[2]) : NULL;
    step->run = *fields[3] ? xstrdup(fields[3]) : NULL;
    return true;
}

StepList steps_read(const char *text)
{
    StepList steps = { 0 };
    _cleanup_free_ char *copy = xstrdup(text);
    char *rest = copy;
    bool fine = true;
    while (fine && rest && *rest) {
        char *line = strsep(&rest, "\n");
        fine = rest && read_line(line, &steps);
    }
    if (!fine) {
        steps_deinit(&steps);
        steps_by_hand(&steps, STEP_LOOK, PLACE_HERE, "%s", text);
    }
    return steps;
}
