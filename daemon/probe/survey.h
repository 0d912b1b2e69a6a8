#pragma once

/* One turn of one endpoint on the wire: its name resolved, every address probed at once, under one deadline. */

#include <systemd/sd-event.h>

#include "model/observation.h"

typedef struct Survey Survey;

typedef struct SurveyEvents {
    /* The name's addresses, before the first is probed; or n is 0 and error says why there are none. Borrowed.
     */
    void (*resolved)(Survey *survey, const Address *addresses, size_t n, const char *error, void *userdata);

    /* One address is done. The observation is lent. */
    void (*observed)(Survey *survey, Observation *observation, void *userdata);

    /* All are done; comes last and once. May free the survey. */
    void (*done)(Survey *survey, void *userdata);

    /* Whether this address is to be left alone this time; NULL: none is. */
    bool (*skips)(Survey *survey, const Address *address, void *userdata);
} SurveyEvents;

/* events stays the caller's. password may be NULL; it is copied, and wiped when the survey is freed. */
int survey_new(Survey **ret, sd_event *event, Endpoint *endpoint, const char *password, uint64_t timeout_usec,
               const SurveyEvents *events, void *userdata);
void survey_free(Survey *survey);
CLEANUP_OF(Survey, survey_free);
