#pragma once

/* What the kernel says of this process, for /metrics. What it does not say is NaN. */
typedef struct Process {
    double cpu_seconds;
    double resident_bytes;
    double virtual_bytes;
    double open_fds;
    double max_fds; /* infinity: there is no limit */
} Process;

Process process_look(void);
