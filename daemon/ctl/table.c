#include "ctl/table.h"

#include <stdio.h>
#include <string.h>
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

const char *colour_end(void)
{
    return use_colours() ? "\033[0m" : "";
}

const char *get(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

bool has(const json_t *object, const char *key)
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

char *day(const json_t *object, const char *key)
{
    const char *text = get(object, key);
    return xstrndup(text, strcspn(text, "T"));
}

void table_deinit(Table *table)
{
    for (size_t i = 0; i < table->n; i++)
        for (size_t j = 0; j < COLUMNS_MAX; j++)
            free(table->rows[i][j]);
    free(table->rows);
}

/* Takes the cells. The last one says the severity first. */
void add_row(Table *table, size_t n_cells, char **cells)
{
    table->rows = xgrow(table->rows, table->n, sizeof *table->rows);
    memset(table->rows[table->n], 0, sizeof *table->rows);
    memcpy(table->rows[table->n++], cells, n_cells * sizeof *cells);
}

void print_table(const Table *table)
{
    size_t width[COLUMNS_MAX] = { 0 };
    for (size_t i = 0; i < table->n; i++)
        for (size_t j = 0; j < COLUMNS_MAX && table->rows[i][j]; j++)
            if (strlen(table->rows[i][j]) > width[j])
                width[j] = strlen(table->rows[i][j]);
    for (size_t i = 0; i < table->n; i++) {
        char *const *cells = table->rows[i];
        for (size_t j = 0; j < COLUMNS_MAX && cells[j]; j++) {
            bool last = j + 1 == COLUMNS_MAX || !cells[j + 1];
            if (!last) {
                printf("%-*s  ", (int)width[j], cells[j]);
                continue;
            }
            size_t word = strcspn(cells[j], " ");
            _cleanup_free_ char *severity = xstrndup(cells[j], word);
            printf("%s%s%s%s\n", colour_of(severity), severity, *colour_of(severity) ? colour_end() : "",
                   cells[j] + word);
        }
    }
}
