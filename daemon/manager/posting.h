#pragma once

/* Tells the Alertmanager: what is new, in order and until it has taken it, and each minute what stands. */

typedef struct Manager Manager;
typedef struct Posting Posting;

int posting_new(Posting **ret, Manager *manager);
void posting_free(Posting *posting);

/* The configuration is another one. */
void posting_configure(Posting *posting);

/* There is something to tell. */
void posting_soon(Posting *posting);
