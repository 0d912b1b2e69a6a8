#pragma once

/* Makes a Unix socket of mode 0660 and listens on it. -EADDRINUSE if another daemon answers there. */
int socket_listen(const char *path);
