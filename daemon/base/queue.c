#include "base/queue.h"

#include <stddef.h>

void queue_put(Queue *queue, Link *link)
{
    link->next = NULL;
    if (!queue->first)
        queue->end = &queue->first;
    *queue->end = link;
    queue->end = &link->next;
}

void *queue_take(Queue *queue)
{
    Link *link = queue->first;
    if (link)
        queue->first = link->next;
    return link;
}

bool queue_remove(Queue *queue, const Link *link)
{
    for (Link **at = &queue->first; *at; at = &(*at)->next)
        if (*at == link) {
            *at = link->next;
            if (!*at)
                queue->end = at;
            return true;
        }
    return false;
}
