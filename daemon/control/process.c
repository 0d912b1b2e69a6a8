#include "control/process.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"

#define STAT_BYTES_MAX 4096

CLEANUP_OF(DIR, closedir);

static double cpu_seconds(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) < 0)
        return NAN;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double open_fds(void)
{
    _cleanup_(closedirp) DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return NAN;
    double n = -1; /* the folder's own */
    for (const struct dirent *entry; (entry = readdir(folder));)
        n += entry->d_name[0] != '.';
    return n;
}

static double max_fds(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return NAN;
    return limit.rlim_cur == RLIM_INFINITY ? INFINITY : (double)limit.rlim_cur;
}

/* proc(5): statm has the whole and the resident size first, in pages. */
static void look_at_memory(Process *process)
{
    _cleanup_(buffer_deinit) Buffer text = { 0 };
    unsigned long long whole, resident;
    double page = (double)sysconf(_SC_PAGESIZE);
    if (file_read("/proc/self/statm", STAT_BYTES_MAX, &text) < 0 ||
        sscanf((const char *)text.data, "%llu %llu", &whole, &resident) != 2)
        return;
    process->virtual_bytes = (double)whole * page;
    process->resident_bytes = (double)resident * page;
}

Process process_look(void)
{
    Process process = {
        .cpu_seconds = cpu_seconds(),
        .resident_bytes = NAN,
        .virtual_bytes = NAN,
        .open_fds = open_fds(),
        .max_fds = max_fds(),
    };
    look_at_memory(&process);
    return process;
}
