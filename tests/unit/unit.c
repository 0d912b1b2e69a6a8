#include "unit.h"

#include <time.h>

int64_t at(const char *text)
{
    struct tm tm = { 0 };
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    assert_non_null(end);
    assert_string_equal(end, "");
    return timegm(&tm);
}

const char *shared_data(void)
{
    const char *directory = getenv("DBCERTD_SHARED_DATA");
    if (!directory)
        skip();
    return directory;
}

char *data_path(const char *name)
{
    return xasprintf("%s/%s", TEST_DATA, name);
}
