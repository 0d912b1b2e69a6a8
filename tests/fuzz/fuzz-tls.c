#include "dialogue.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    play(FAMILY_ORACLE, data, size);
    return 0;
}
