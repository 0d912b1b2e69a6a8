#include "ctl/table.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "model/finding.h"

static const char *const colours[N_SEVERITIES] = {
    [SEVERITY_OK] = "\033[32m",      [SEVERITY_NOTICE] = "\033[36m",     [SEVERITY_UNKNOWN] = "\033[35m",
    [SEVERITY_WARNING] = "\033[33m", [SEVERITY_CRITICAL] = "\033[1;31m",
};

static bool use_colours(void)
{
    const char *no_color = getenv("NO_COLOR");
    return !(no_color && *no_color) && isatty(STDOUT_FILENO);
}

const char *colour_of(const char *severity)
{
    int s = severity_from_string(severity);
    return s >= 0 && use_colours() ? colours[s] : "";
}

const char *letter_of(const char *severity)
{
    int s = severity_from_string(severity);
    return s >= 0 ? severity_letter((Severity)s) : "?";
}

const char *colour_end(void)
{
    return use_colours() ? "\033[0m" : "";
}

const char *table_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

bool table_has(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value && !json_is_null(value);
}

/* The day is enough for a table. */
const char *yes_or_no(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "not known";
}

char *table_day(const json_t *object, const char *key)
{
    const char *text = table_text(object, key);
    return xstrndup(text, strcspn(text, "T"));
}

void table_deinit(Table *table)
{
    for (size_t i = 0; i < table->n; i++)
        for (size_t j = 0; j < COLUMNS_MAX; j++)
            free(table->rows[i][j]);
    free(table->rows);
}

void add_row(Table *table, size_t n_cells, char **cells)
{
    table->rows = xgrow(table->rows, table->n, sizeof *table->rows);
    memset(table->rows[table->n], 0, sizeof *table->rows);
    memcpy(table->rows[table->n++], cells, n_cells * sizeof *cells);
}

/* What the last cell begins with is a severity, perhaps. */
static void print_last(const char *cell, int room)
{
    size_t word = strcspn(cell, " ");
    _cleanup_free_ char *severity = xstrndup(cell, word);
    if (room >= 0 && strlen(cell) > (size_t)room)
        printf("%.*s..\n", room > 2 ? room - 2 : 0, cell);
    else
        printf("%s%s%s%s\n", colour_of(severity), severity, *colour_of(severity) ? colour_end() : "",
               cell + word);
}

static const char *colour_of_letter(const char *letter)
{
    for (int s = 0; s < N_SEVERITIES; s++)
        if (strcmp(severity_letter((Severity)s), letter) == 0)
            return colour_of(severity_to_string((Severity)s));
    return "";
}

/* The columns of a terminal; 0: it is none, and there is room for everything. */
static size_t terminal_width(void)
{
    struct winsize window;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 ? window.ws_col : 0;
}

#define LAST_LEAST 20 /* of the last column, before another one is dropped for it */

typedef struct Layout {
    size_t width[COLUMNS_MAX];
    bool dropped[COLUMNS_MAX];
    size_t n; /* columns, of which the last is always shown */
    int room; /* for that one; -1: no limit */
} Layout;

/* What the columns take, the last one of which may be cut. */
static size_t width_of(const Layout *layout)
{
    size_t width = 0, last = layout->width[layout->n - 1];
    for (size_t j = 0; j + 1 < layout->n; j++)
        width += layout->dropped[j] ? 0 : layout->width[j] + 2;
    return width + MIN(last, LAST_LEAST);
}

/* False if there is nothing left to drop. */
static bool drop_one(const Table *table, Layout *layout)
{
    size_t victim = COLUMNS_MAX;
    for (size_t j = 0; j < layout->n; j++)
        if (!layout->dropped[j] && table->drop[j] > 0 &&
            (victim == COLUMNS_MAX || table->drop[j] > table->drop[victim]))
            victim = j;
    if (victim == COLUMNS_MAX)
        return false;
    layout->dropped[victim] = true;
    return true;
}

static Layout lay_out(const Table *table)
{
    Layout layout = { .room = -1 };
    size_t screen = terminal_width();
    bool may_drop = false;
    for (size_t i = 0; i < table->n; i++)
        for (size_t j = 0; j < COLUMNS_MAX && table->rows[i][j]; j++) {
            if (strlen(table->rows[i][j]) > layout.width[j])
                layout.width[j] = strlen(table->rows[i][j]);
            if (j >= layout.n)
                layout.n = j + 1;
            may_drop |= table->drop[j] > 0;
        }
    if (!may_drop || screen == 0)
        return layout;
    while (width_of(&layout) > screen && drop_one(table, &layout))
        ;
    size_t before = 0;
    for (size_t j = 0; j + 1 < layout.n; j++)
        before += layout.dropped[j] ? 0 : layout.width[j] + 2;
    layout.room = screen > before ? (int)(screen - before) : 0;
    return layout;
}

static void print_row(const Table *table, const Layout *layout, char *const *cells)
{
    size_t n = layout->n;
    while (n > 0 && (!cells[n - 1] || !*cells[n - 1]))
        n--; /* nothing is there to align for */
    for (size_t j = 0; j < n; j++) {
        const char *colour = table->letters && j == 0 ? colour_of_letter(cells[j]) : "";
        if (layout->dropped[j])
            continue;
        if (j + 1 == layout->n)
            print_last(cells[j], layout->room);
        else
            printf("%s%-*s%s%s", colour, j + 1 == n ? 0 : (int)layout->width[j], cells[j],
                   *colour ? colour_end() : "", j + 1 == n ? "" : "  ");
    }
    if (n < layout->n)
        puts("");
}

void print_table(const Table *table)
{
    const Layout layout = lay_out(table);
    for (size_t i = 0; i < table->n; i++)
        print_row(table, &layout, table->rows[i]);
}
