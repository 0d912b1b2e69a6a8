#include "base/heap.h"

#include <stdlib.h>

#include "base/alloc.h"

static void set(Heap *heap, size_t place, HeapItem *item)
{
    heap->items[place - 1] = item;
    item->place = place;
}

static HeapItem *at(const Heap *heap, size_t place)
{
    return heap->items[place - 1];
}

static void rise(Heap *heap, HeapItem *item)
{
    size_t place = item->place;
    for (; place > 1 && at(heap, place / 2)->key > item->key; place /= 2)
        set(heap, place, at(heap, place / 2));
    set(heap, place, item);
}

static void sink(Heap *heap, HeapItem *item)
{
    size_t place = item->place;
    for (size_t child; (child = 2 * place) <= heap->n; place = child) {
        if (child < heap->n && at(heap, child + 1)->key < at(heap, child)->key)
            child++;
        if (at(heap, child)->key >= item->key)
            break;
        set(heap, place, at(heap, child));
    }
    set(heap, place, item);
}

void heap_put(Heap *heap, HeapItem *item, int64_t key)
{
    item->key = key;
    if (item->place == 0) {
        heap->items = xgrow(heap->items, heap->n, sizeof(HeapItem *));
        set(heap, ++heap->n, item);
    }
    rise(heap, item);
    sink(heap, item);
}

void heap_remove(Heap *heap, HeapItem *item)
{
    size_t place = item->place;
    if (place == 0)
        return;
    HeapItem *last = at(heap, heap->n--);
    item->place = 0;
    if (last == item)
        return;
    set(heap, place, last);
    rise(heap, last);
    sink(heap, last);
}

HeapItem *heap_first(const Heap *heap)
{
    return heap->n > 0 ? at(heap, 1) : NULL;
}

void heap_deinit(Heap *heap)
{
    free(heap->items);
    *heap = (Heap) { 0 };
}
