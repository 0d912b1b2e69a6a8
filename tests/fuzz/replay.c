/* Calls the target for each file of a folder, and prints TAP. */

#include "fuzz.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"

int main(int argc, char **argv)
{
    _cleanup_(strv_freep) char **paths = NULL;
    size_t n = 0;
    _cleanup_free_ char *pattern = xasprintf("%s/*", argc > 1 ? argv[1] : ".");
    if (file_glob(pattern, &paths) < 0)
        return 1;
    for (; paths[n]; n++) {
        _cleanup_(buffer_deinit) Buffer bytes = { 0 };
        int r = file_read(paths[n], SIZE_MAX, &bytes);
        if (r >= 0) {
            /* A copy of exactly its size, so that a read behind it is seen. */
            _cleanup_free_ uint8_t *exact = xmemdup(bytes.data, bytes.size);
            r = LLVMFuzzerTestOneInput(exact, bytes.size);
        }
        printf("%s %zu - %s\n", r == 0 ? "ok" : "not ok", n + 1, paths[n] + strlen(argv[1]) + 1);
    }
    printf("1..%zu\n", n);
    return n > 0 ? 0 : 1;
}
