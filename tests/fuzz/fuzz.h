#pragma once

/*
 * A fuzz target is one function. In a build for libFuzzer that drives it; else replay.c calls it for the
 * files of its corpus, as a regression test.
 */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
