/*
 * Takes the place of dbcertd in its service and tries what a dbcertd that was taken over might try. One line
 * for each attempt: "refused: ..." or "DONE: ...". Outside of the sandbox most are done, which the scenario
 * looks at, too.
 */

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define FAMILIES_MAX 46 /* AF_MAX of Linux 6 */

static __attribute__((format(printf, 2, 3))) void tell(bool done, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("%s: ", done ? "DONE" : "refused");
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

static void try_write(const char *folder)
{
    char path[256];
    snprintf(path, sizeof path, "%s/escape", strcmp(folder, "/") == 0 ? "" : folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    tell(fd >= 0, "write %s", folder);
    if (fd >= 0) {
        close(fd);
        (void)unlink(path);
    }
}

static void try_writes(void)
{
    static const char *const folders[] = {
        "/",        "/etc",     "/etc/dbcertd", "/usr",           "/usr/sbin", "/var",
        "/var/lib", "/var/log", "/var/tmp",     "/tmp",           "/run",      "/run/dbcertd",
        "/dev",     "/dev/shm", "/dev/mqueue",  "/home",          "/root",     "/opt",
        "/srv",     "/boot",    "/sys",         "/sys/fs/cgroup",
    };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        try_write(folders[i]);
    int fd = open("/proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC);
    tell(fd >= 0, "write a kernel setting");
    if (fd >= 0)
        close(fd);
}

static void try_families(void)
{
    for (int family = 0; family < FAMILIES_MAX; family++) {
        if (family == AF_UNIX || family == AF_INET || family == AF_INET6)
            continue;
        static const int types[] = { SOCK_DGRAM, SOCK_STREAM, SOCK_RAW, SOCK_SEQPACKET };
        bool done = false;
        for (size_t i = 0; i < sizeof types / sizeof *types && !done; i++) {
            int fd = socket(family, types[i] | SOCK_CLOEXEC, 0);
            done = fd >= 0;
            if (fd >= 0)
                close(fd);
        }
        tell(done, "address family %d", family);
    }
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
    tell(fd >= 0, "raw packets");
    if (fd >= 0)
        close(fd);
}

/* In a child, since it does not come back if it is done; path: NULL for an open file, fd, in place of it. */
static void try_execute(const char *what, const char *path, int fd, const char *argument)
{
    char name[] = "escape", word[64], *argv[] = { name, word, NULL }, *nothing[] = { NULL };
    snprintf(word, sizeof word, "%s", argument);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null >= 0)
            (void)(dup2(null, 0) + dup2(null, 1) + dup2(null, 2));
        if (path)
            execv(path, argv);
        else
            fexecve(fd, argv, nothing);
        _exit(111);
    }
    int status = 0;
    if (pid > 0 && waitpid(pid, &status, 0) < 0)
        perror("waitpid");
    tell(pid > 0 && !(WIFEXITED(status) && WEXITSTATUS(status) >= 111), "execute %s", what);
}

static int copy_into(int out, const char *from)
{
    char piece[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    for (ssize_t n; in >= 0 && (n = read(in, piece, sizeof piece)) > 0;)
        if (write(out, piece, (size_t)n) != n)
            break;
    if (in >= 0)
        close(in);
    return out;
}

static void try_programs(const char *state)
{
    static const char *const programs[] = {
        "/bin/true", "/bin/sh", "/usr/bin/env", "/usr/bin/id", "/lib/systemd/systemd-cat", "/opt/mounted/true"
    };
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (access(programs[i], F_OK) == 0)
            try_execute(programs[i], programs[i], -1, "--version");
    try_execute("/bin/true by the loader", "/lib64/ld-linux-x86-64.so.2", -1, "/bin/true");

    char path[256];
    snprintf(path, sizeof path, "%s/escape", state);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    tell(fd < 0, "go without the state directory"); /* this one is to be writable */
    if (fd >= 0)
        close(copy_into(fd, "/bin/true"));
    try_execute("what it wrote itself", path, -1, "");
    (void)unlink(path);

    fd = memfd_create("escape", 0);
    if (fd >= 0)
        try_execute("what is in memory alone", NULL, copy_into(fd, "/bin/true"), "");
    else
        tell(false, "execute what is in memory alone");
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    tell(memory != MAP_FAILED, "make memory executable");
}

static void try_multicast(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(5353) };
    inet_pton(AF_INET, "224.0.0.251", &address.sin_addr);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ssize_t n = fd < 0 ? -1 : sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof address);
    tell(n == 1, "send to a multicast address");
    if (fd >= 0)
        close(fd);
}

/* One that everybody may write to, as those of D-Bus and of databases: the scenario listens there. */
static void try_socket(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/other.sock" };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    tell(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0,
         "reach another service's socket");
    if (fd >= 0)
        close(fd);
}

static void try_others(void)
{
    tell(setuid(0) == 0 && getuid() == 0 && access("/root", W_OK) == 0, "become root");
    tell(mount("none", "/mnt", "tmpfs", 0, NULL) == 0 && umount("/mnt") == 0, "mount");
    tell(unshare(CLONE_NEWUSER) == 0, "make a user namespace");
    char name[65] = "";
    tell(gethostname(name, sizeof name - 1) == 0 && sethostname(name, strlen(name)) == 0, "name the host");
    tell(ptrace(PTRACE_ATTACH, 1, NULL, NULL) == 0, "trace another process");
    int fd = open("/proc/1/environ", O_RDONLY | O_CLOEXEC);
    tell(fd >= 0, "see another process");
    if (fd >= 0)
        close(fd);
    DIR *home = opendir("/root");
    tell(home != NULL, "look into a home");
    if (home)
        closedir(home);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--check-config") == 0)
        return EXIT_SUCCESS;
    const char *state = getenv("STATE_DIRECTORY");
    setvbuf(stdout, NULL, _IOLBF, 0);
    try_writes();
    try_families();
    try_programs(state ? state : "/var/lib/dbcertd");
    try_multicast();
    try_socket();
    try_others();
    printf("that was all\n");
    (void)sd_notify(0, "READY=1");
    return EXIT_SUCCESS;
}
