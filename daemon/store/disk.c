#include "store/disk.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/instant.h"
#include "store/seen.h"

Disk *disk_new(const char *path)
{
    Disk *disk = xcalloc(1, sizeof *disk);
    disk->path = xstrdup(path);
    return disk;
}

void disk_free(Disk *disk)
{
    if (!disk)
        return;
    database_close(disk->db);
    free(disk->path);
    free(disk);
}

/* The damaged file keeps its content for whoever wants to look at it, and its journal with it. */
static void set_aside(const Disk *disk, int64_t now)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
    char date[INSTANT_TEXT_MAX], *to = date;
    if (!disk->path)
        return;
    instant_text(now, date);
    for (const char *from = date; *from; from++)
        if (*from != '-' && *from != ':')
            *to++ = *from;
    *to = 0;
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        _cleanup_free_ char *old = xasprintf("%s%s", disk->path, suffixes[i]);
        _cleanup_free_ char *new = xasprintf("%s.damaged-%s%s", disk->path, date, suffixes[i]);
        (void)rename(old, new); /* one that stays is found damaged again, and that is reported */
    }
}

int disk_open(Disk *disk, int64_t now, char **ret_words)
{
    int r = database_open(&disk->db, disk->path, ret_words);
    if (disk->path && database_is_damage(r)) {
        set_aside(disk, now);
        free(TAKE(*ret_words));
        r = database_open(&disk->db, disk->path, ret_words);
    }
    return r;
}

void disk_abandon(Disk *disk, int64_t now)
{
    database_close(TAKE(disk->db));
    set_aside(disk, now);
    disk->lacks = true;
}

/* What a result means, and what follows from it for the file. */
static char *note(Disk *disk, int r)
{
    if (r == SQLITE_OK)
        return NULL;
    char *words = xstrdup(database_is_damage(r) ? "it is damaged" : database_error(disk->db));
    disk->lacks = true;
    if (database_is_damage(r))
        disk_abandon(disk, clock_now());
    else
        (void)database_run(disk->db, "ROLLBACK", NO_VALUES); /* SQLite may have done so by itself */
    return words;
}

char *disk_write(Disk *disk, const Batch *batch)
{
    if (disk->lacks)
        return NULL;
    return note(disk, batch_run(batch, disk->db));
}

char *disk_renew(Disk *disk, const Batch *batch)
{
    char *words = NULL;
    disk_look(disk);
    if (!disk->db && disk_open(disk, clock_now(), &words) != SQLITE_OK)
        return words;
    disk->lacks = false;
    return disk_write(disk, batch);
}

void disk_look(Disk *disk)
{
    if (!disk->db || database_is_there(disk->db))
        return;
    database_close(TAKE(disk->db));
    disk->lacks = true;
}

char *disk_history(Disk *disk, const char *name, History *ret)
{
    return disk->db ? note(disk, seen_history(disk->db, name, ret)) : NULL;
}

int64_t disk_bytes(const Disk *disk)
{
    struct stat st;
    return disk->path && disk->db && stat(disk->path, &st) == 0 ? st.st_size : 0;
}
