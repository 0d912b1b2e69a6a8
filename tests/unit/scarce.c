/*
 * Memory that is not there. Preloaded into a unit test, it lets the first allocation of each call site fail,
 * each in a process of its own that begins and ends with the test in which it happens, and judges how that
 * ends. A call site is where the last SITE_FRAMES calls came from: not the wrapper around malloc() alone.
 *
 * What may come of it: the test passes; or it fails, since an error was reported to it; or the process ends and
 * says that it is out of memory, which is how dbcertd has it (base/alloc.h), and GMP and libconfig's scanner
 * too. Anything else is printed with its calls. $SCARCE_EVERY: only every so many sites.
 */

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SITE_FRAMES   7
#define OWN_FRAMES    2     /* of this file, on top of them */
#define SITES_MAX     65536 /* a power of two; half of it may be in use */
#define CHILD_SECONDS 20

/* The C library's own, for who puts another malloc() in its place. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

/* Called by unit.h's RUN_TESTS before and after each test. */
int scarce_setup(void **state);
int scarce_teardown(void **state);

/* cmocka's: where each assertion that fails ends up. */
void _fail(const char *file, int line);

/* What all processes know. */
static struct {
    uint64_t sites[SITES_MAX]; /* that were met: hashes, open addressing */
    unsigned n_sites;
    void *frames[SITE_FRAMES + OWN_FRAMES]; /* where it failed in the latest process; */
    int n_frames;                           /* 0: it met no new site */
} *shared;

static unsigned n_tried, n_passed, n_reported, n_ended, n_otherwise, every = 1;
static bool armed; /* in a process that looks for the next site */
static bool is_child;

static bool is_new(void *const *frames, int n)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (int i = 0; i < n; i++)
        hash = (hash ^ (uint64_t)(uintptr_t)frames[i]) * 1099511628211u;
    hash |= 1;
    size_t i = hash & (SITES_MAX - 1);
    while (shared->sites[i] && shared->sites[i] != hash)
        i = (i + 1) & (SITES_MAX - 1);
    if (shared->sites[i] || shared->n_sites >= SITES_MAX / 2)
        return false;
    shared->sites[i] = hash;
    return shared->n_sites++ % every == 0;
}

/* abort() without a word is GMP's inside GnuTLS; the C library and assert() say something. */
static bool ends_for_memory(int status, const char *words)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
        return !*words || strstr(words, "out of memory\n") || strstr(words, "GNU MP: Cannot allocate memory") ||
               strstr(words, "libconfig: memory allocation failure");
    return WIFEXITED(status) && WEXITSTATUS(status) == 2 &&
           strstr(words, "out of dynamic memory in "); /* flex's words */
}

static void rule_evaluate_endpoint(int status, const char *words)
{
    bool exited = WIFEXITED(status);
    n_tried++;
    if (exited && WEXITSTATUS(status) == 0)
        n_passed++;
    else if (exited && WEXITSTATUS(status) == 1)
        n_reported++;
    else if (ends_for_memory(status, words))
        n_ended++;
    else {
        n_otherwise++;
        dprintf(STDERR_FILENO, "%s %d: %s\n", exited ? "exit status" : "signal",
                exited ? WEXITSTATUS(status) : WTERMSIG(status), words);
        backtrace_symbols_fd(shared->frames + OWN_FRAMES, shared->n_frames - OWN_FRAMES, STDERR_FILENO);
    }
}

static void become_child(int words_fd)
{
    int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing < 0 || dup2(nothing, STDOUT_FILENO) < 0 || dup2(words_fd, STDERR_FILENO) < 0)
        _exit(3);
    (void)alarm(CHILD_SECONDS);
    armed = is_child = true;
}

/* Reads the last words of the child until they end with it. Whether it met a new site. */
static bool wait_for(pid_t child, int words_fd)
{
    char words[4096];
    size_t length = 0;
    int status = 0;
    for (ssize_t got;
         length < sizeof words - 1 && (got = read(words_fd, words + length, sizeof words - 1 - length)) > 0;)
        length += (size_t)got;
    words[length] = 0;
    (void)close(words_fd);
    if (waitpid(child, &status, 0) != child || shared->n_frames == 0)
        return false;
    rule_evaluate_endpoint(status, words);
    return true;
}

/* Process after process, until one meets no new site; then the test itself, with all its memory. */
int scarce_setup(void **state __attribute__((unused)))
{
    int ends[2];
    pid_t child;
    (void)fflush(stdout); /* or each child would say it again */
    do {
        shared->n_frames = 0;
        if (pipe2(ends, O_CLOEXEC) < 0 || (child = fork()) < 0)
            return -1;
        if (child == 0) {
            become_child(ends[1]);
            return 0;
        }
        (void)close(ends[1]);
    } while (wait_for(child, ends[0]));
    return 0;
}

int scarce_teardown(void **state __attribute__((unused)))
{
    if (is_child)
        _exit(0);
    return 0;
}

__attribute__((noinline)) static bool fails_here(void)
{
    if (!armed)
        return false;
    armed = false; /* backtrace() may allocate, too */
    int n = backtrace(shared->frames, SITE_FRAMES + OWN_FRAMES);
    bool fails = n > OWN_FRAMES && is_new(shared->frames + OWN_FRAMES, n - OWN_FRAMES);
    if (fails) {
        shared->n_frames = n;
        errno = ENOMEM;
    }
    armed = !fails;
    return fails;
}

void *malloc(size_t size)
{
    return fails_here() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails_here() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
    return fails_here() ? NULL : __libc_realloc(memory, size);
}

void _fail(const char *file, int line)
{
    void (*real)(const char *, int) = (void (*)(const char *, int))(uintptr_t)dlsym(RTLD_NEXT, "_fail");
    if (is_child || !real)
        _exit(1);
    real(file, line);
}

__attribute__((constructor)) static void begin(void)
{
    const char *wanted = getenv("SCARCE_EVERY");
    every = wanted && atoi(wanted) > 0 ? (unsigned)atoi(wanted) : 1;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        _exit(3);
    (void)backtrace(shared->frames, 1); /* loads what it needs, while there is memory */
}

__attribute__((destructor)) static void report(void)
{
    if (!is_child)
        dprintf(STDERR_FILENO, "%u call sites, %u tried: %u passed, %u reported, %u ended, %u otherwise\n",
                shared->n_sites, n_tried, n_passed, n_reported, n_ended, n_otherwise);
}
