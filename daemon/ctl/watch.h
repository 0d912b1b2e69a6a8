#pragma once

/*
 * `dbcertctl watch`: the status, drawn again every two seconds until `q`. Returns an exit status: 2 if standard
 * output is no terminal. draw() prints one picture to standard output, and what goes wrong to standard error.
 */
int watch_run(void (*draw)(void *userdata), void *userdata);
