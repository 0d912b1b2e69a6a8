#include "ctl/status.h"

#include <fnmatch.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/instant.h"
#include "ctl/life.h"
#include "ctl/table.h"
#include "model/finding.h"

/* "rotation-overdue, name-mismatch (silenced)" */
static char *found(const json_t *endpoint)
{
    Buffer text = { 0 };
    size_t i;
    json_t *finding;
    const char *last = "";
    json_array_foreach(json_object_get(endpoint, "findings"), i, finding)
    {
        const char *id = table_text(finding, "id");
        if (strcmp(table_text(finding, "state"), "pending") == 0)
            continue;
        if (strcmp(id, last) != 0) /* the same at several addresses */
            buffer_printf(&text, "%s%s%s", text.size ? ", " : "", id,
                          table_has(finding, "silenced_until") ? " (silenced)" : "");
        last = id;
    }
    return buffer_take_text(&text);
}

static char *bar_of(const json_t *endpoint, int64_t now)
{
    int64_t from = instant_of(endpoint, "not_before"), to = instant_of(endpoint, "not_after");
    if (from == INSTANT_NONE || to == INSTANT_NONE)
        return xstrdup("nothing was seen yet");
    return life_bar(from, to, instant_of(json_object_get(endpoint, "rotation"), "half_life"), now);
}

void render_endpoints(const json_t *endpoints)
{
    _cleanup_(table_deinit) Table table = { .letters = true, .drop = { [2] = 4, [3] = 3, [6] = 2, [4] = 1 } };
    int64_t now = clock_now();
    size_t i;
    json_t *e;
    char *head[] = { xstrdup(" "),    xstrdup("NAME"), xstrdup("ENGINE"), xstrdup("CA"),
                     xstrdup("LIFE"), xstrdup("LEFT"), xstrdup("NEXT"),   xstrdup("FINDINGS") };
    add_row(&table, ARRAY_SIZE(head), head);
    json_array_foreach(endpoints, i, e)
    {
        int64_t end = instant_of(e, "not_after");
        char *cells[] = { xstrdup(letter_of(table_text(e, "severity"))),
                          xstrdup(table_text(e, "name")),
                          xstrdup(table_text(e, "engine")),
                          xstrdup(table_text(e, "served_ca")),
                          bar_of(e, now),
                          end == INSTANT_NONE ? xstrdup("-") : life_left(end, now),
                          life_next(e),
                          found(e) };
        add_row(&table, ARRAY_SIZE(cells), cells);
    }
    print_table(&table);
}

/* Which of two comes first; on a tie, the configuration's order. */
typedef int64_t (*Compare)(const json_t *a, const json_t *b);

static int64_t by_name(const json_t *a, const json_t *b)
{
    return strcmp(table_text(a, "name"), table_text(b, "name"));
}

static int64_t by_severity(const json_t *a, const json_t *b)
{
    return severity_from_string(table_text(b, "severity")) - severity_from_string(table_text(a, "severity"));
}

static int64_t by_engine(const json_t *a, const json_t *b)
{
    return strcmp(table_text(a, "engine"), table_text(b, "engine"));
}

/* What is not known comes last. */
static int64_t earlier(int64_t a, int64_t b)
{
    return a == b ? 0 : a == INSTANT_NONE ? 1 : b == INSTANT_NONE ? -1 : a < b ? -1 : 1;
}

static int64_t by_end(const json_t *a, const json_t *b)
{
    return earlier(instant_of(a, "not_after"), instant_of(b, "not_after"));
}

static int64_t by_next(const json_t *a, const json_t *b)
{
    return earlier(instant_of(json_object_get(a, "next"), "at"), instant_of(json_object_get(b, "next"), "at"));
}

static const struct {
    const char *word;
    Compare compare;
} sorts[] = {
    { "name", by_name }, { "severity", by_severity }, { "end", by_end },
    { "next", by_next }, { "engine", by_engine },
};

static Compare compare_of(const char *word)
{
    for (size_t i = 0; word && i < ARRAY_SIZE(sorts); i++)
        if (strcmp(sorts[i].word, word) == 0)
            return sorts[i].compare;
    return NULL;
}

bool choice_sort_is_known(const char *word)
{
    return compare_of(word) != NULL;
}

/* An edition may be left out: "oracle" stands for "oracle-ee". */
static bool engine_passes(const char *wanted, const char *engine)
{
    size_t length = wanted ? strlen(wanted) : 0;
    return !wanted || (strncmp(engine, wanted, length) == 0 && (!engine[length] || engine[length] == '-'));
}

static bool name_passes(char *const *patterns, const char *name)
{
    if (!patterns || !*patterns)
        return true;
    for (; *patterns; patterns++)
        if (fnmatch(*patterns, name, 0) == 0)
            return true;
    return false;
}

static bool passes(const Choice *choice, const json_t *object, const char *name_member)
{
    int least = choice->severity ? severity_from_string(choice->severity) : 0;
    return severity_from_string(table_text(object, "severity")) >= least &&
           engine_passes(choice->engine, table_text(object, "engine")) &&
           name_passes(choice->patterns, table_text(object, name_member));
}

/* With its place, so that what is equal stays in its order. */
typedef struct Sorted {
    json_t *item;
    size_t place;
} Sorted;

static int compare_sorted(const void *first, const void *second, void *userdata)
{
    const Sorted *a = first, *b = second;
    const Compare *compare = userdata;
    int64_t r = (*compare)(a->item, b->item);
    return r < 0 ? -1 : r > 0 ? 1 : a->place < b->place ? -1 : 1;
}

static void sort_array(json_t *array, Compare compare)
{
    size_t n = json_array_size(array), i;
    json_t *item;
    Sorted *sorted = xcalloc(n ? n : 1, sizeof *sorted);
    json_array_foreach(array, i, item) sorted[i] = (Sorted) { json_incref(item), i };
    qsort_r(sorted, n, sizeof *sorted, compare_sorted, &compare);
    for (i = 0; i < n; i++)
        json_array_set_new(array, i, sorted[i].item);
    free(sorted);
}

json_t *choose_endpoints(const json_t *endpoints, const Choice *choice)
{
    json_t *chosen = json_array(), *e;
    size_t i;
    json_array_foreach(endpoints, i, e)
    {
        if (passes(choice, e, "name"))
            json_array_append(chosen, e);
    }
    if (choice->sort)
        sort_array(chosen, compare_of(choice->sort));
    return chosen;
}

json_t *choose_findings(const json_t *findings, const Choice *choice)
{
    json_t *chosen = json_array(), *f;
    size_t i;
    json_array_foreach(findings, i, f)
    {
        if (passes(choice, f, "endpoint"))
            json_array_append(chosen, f);
    }
    return chosen;
}
