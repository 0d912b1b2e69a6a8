#include "ctl/watch.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "ctl/help.h"

#define PERIOD_MSEC 2000

#define ENTER "\033[?1049h\033[?25l" /* another screen, without a cursor */
#define LEAVE "\033[?25h\033[?1049l"

static volatile sig_atomic_t ended;

static void on_signal(int number _unused_)
{
    ended = 1;
}

/* What draw() prints. Both streams are put back before this returns. */
static char *picture(void (*draw)(void *userdata), void *userdata)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size), *out = stdout, *err = stderr;
    if (!memory)
        return xstrdup("");
    stdout = stderr = memory;
    draw(userdata);
    stdout = out;
    stderr = err;
    return fclose(memory) == 0 ? text : xstrdup("");
}

/* As much of the line as the screen is wide; colours take no room. Returns where the next one begins. */
static const char *add_line(Buffer *screen, const char *line, unsigned columns)
{
    unsigned column = 0;
    for (; *line && *line != '\n'; line++) {
        size_t escape = *line == '\033' ? strcspn(line, "m") + 1 : 0;
        if (escape > 0) {
            buffer_append(screen, line, escape);
            line += escape - 1;
        } else if (column++ < columns)
            buffer_append(screen, line, 1);
    }
    buffer_printf(screen, "\033[0m\033[K");
    return *line ? line + 1 : line;
}

/* In one piece and over the old one: nothing flickers. */
static void show(const char *text)
{
    _cleanup_(buffer_deinit) Buffer screen = { 0 };
    struct winsize window = { 0 };
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) < 0 || window.ws_row < 2 || window.ws_col == 0)
        window = (struct winsize) { .ws_row = 24, .ws_col = 80 };
    buffer_printf(&screen, "\033[H");
    for (unsigned row = 1; *text && row < window.ws_row; row++) {
        text = add_line(&screen, text, window.ws_col);
        buffer_printf(&screen, "\r\n");
    }
    (void)add_line(&screen, *text ? "... more than fits; q ends" : "q ends", window.ws_col);
    buffer_printf(&screen, "\033[J");
    (void)fwrite(screen.data, 1, screen.size, stdout); /* main looks at stdout's error flag */
    (void)fflush(stdout);
}

/* Whether somebody wants it to end, within the period. */
static bool is_over(void)
{
    char key = 0;
    struct pollfd keyboard = { .fd = STDIN_FILENO, .events = POLLIN };
    if (poll(&keyboard, 1, PERIOD_MSEC) > 0 && read(STDIN_FILENO, &key, 1) <= 0)
        return true;
    return ended || key == 'q' || key == 'Q';
}

int watch_run(void (*draw)(void *userdata), void *userdata)
{
    struct termios before, quiet;
    const struct sigaction action = { .sa_handler = on_signal };
    if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0) {
        fputs("dbcertctl: watch needs a terminal; status prints once\n", stderr);
        return EXIT_USAGE;
    }
    if (sigaction(SIGINT, &action, NULL) < 0 || sigaction(SIGTERM, &action, NULL) < 0)
        return EXIT_FAILURE;
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    if (tcsetattr(STDIN_FILENO, TCSANOW, &quiet) < 0)
        return EXIT_FAILURE;
    fputs(ENTER, stdout);
    do {
        _cleanup_free_ char *text = picture(draw, userdata);
        show(text);
    } while (!is_over());
    fputs(LEAVE, stdout);
    return tcsetattr(STDIN_FILENO, TCSANOW, &before) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
