#pragma once

/*
 * `dbcertctl check [NAME]`: a plugin for Nagios, Icinga and their kind (Monitoring Plugins Development
 * Guidelines): one line with performance data on standard output. Returns 0 OK, 1 WARNING, 2 CRITICAL, 3
 * UNKNOWN. name: NULL for all.
 */
int check_run(const char *socket, const char *name);
