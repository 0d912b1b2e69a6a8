#pragma once

/* What is handed down to all that monitors something: made by app/, and read here alone. */

#include "base/worker.h"
#include "http/http.h"
#include "model/counters.h"
#include "monitor/loaded.h"
#include "monitor/subject.h"
#include "pki/pool.h"

typedef struct Context {
    sd_event *event;
    const Loaded *loaded; /* another one after a reload */
    const Bundle *bundle; /* what chains are verified against: of files, and fetched */
    Store *store;
    Publisher *publisher;
    Subjects *subjects;
    Worker *worker; /* for what files and fetched bodies make take long */
    Http *http;
    Pool *pool;         /* of the certificates that were seen */
    Counters *counters; /* of probes */
} Context;
