#pragma once

/*
 * The file in the state directory. Each of these may wait for the disk: once the store has a thread, that
 * thread alone calls them. Errors are words, the caller's; NULL: it went well.
 */

#include "model/history.h"
#include "store/batch.h"

typedef struct Disk {
    char *path;   /* NULL: in memory */
    Database *db; /* NULL: there is none at present */
    bool lacks;   /* a batch was not written, so that those after it must not be, until disk_renew() */
} Disk;

Disk *disk_new(const char *path);
void disk_free(Disk *disk);

/* Opens the file, a new one in place of a damaged one. SQLite's result, and what it means. */
int disk_open(Disk *disk, int64_t now, char **ret_words);

/* The file is damaged: closes it and sets it aside. The next disk_renew() makes another one. */
void disk_abandon(Disk *disk, int64_t now);

/* Nothing is written while the file lacks an earlier batch: see disk_renew(). */
char *disk_write(Disk *disk, const Batch *batch);

/* The batch has all that is to be kept. Opens the file first, where that is needed. */
char *disk_renew(Disk *disk, const Batch *batch);

/* Closes a file that was removed or replaced under it. */
void disk_look(Disk *disk);

/* What an endpoint of that name has served, as seen_history() does. */
char *disk_history(Disk *disk, const char *name, History *ret);

int64_t disk_bytes(const Disk *disk);
