#pragma once

/*
 * A binary heap: which of many comes first is known at once, and to move one costs the logarithm of their
 * number. An item lives in what it stands for, and knows its place; all zeros, it is in no heap.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct HeapItem {
    int64_t key;  /* the least is the first */
    size_t place; /* from 1 on; 0: in no heap */
} HeapItem;

typedef struct Heap {
    HeapItem **items; /* borrowed */
    size_t n;
} Heap;

/* Puts it in, or moves it if it is there. */
void heap_put(Heap *heap, HeapItem *item, int64_t key);

/* Takes it out, if it is there. */
void heap_remove(Heap *heap, HeapItem *item);

/* NULL if there is none. */
HeapItem *heap_first(const Heap *heap);

void heap_deinit(Heap *heap);
