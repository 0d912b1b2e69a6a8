#pragma once

/*
 * Returns GnuTLS's result as it is. A lack of memory says nothing about a certificate or a server, and ends the
 * process (base/alloc.h).
 */
int pki_result(int r);
