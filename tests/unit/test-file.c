#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"

/* A directory of the test's own, and names in it. */
static char directory[] = "/tmp/dbcertd-file-XXXXXX";

static char *in_directory(const char *name)
{
    return xasprintf("%s/%s", directory, name);
}

static void write_file(const char *path, const char *text)
{
    assert_int_equal(file_replace(path, text, strlen(text), false), 0);
}

static void remove_all(const char *const *names)
{
    for (; *names; names++) {
        _cleanup_free_ char *path = in_directory(*names);
        (void)unlink(path);
        (void)rmdir(path);
    }
    assert_int_equal(rmdir(directory), 0);
    strcpy(directory + strlen(directory) - 6, "XXXXXX");
}

static void make_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
}

/* An alarm ends the test if one of them is waited for. */
TEST(what_is_no_regular_file_is_refused_at_once_and_named)
{
    static const struct {
        const char *name;
        int r;
        const char *words;
    } cases[] = {
        { "file", 0, NULL },
        { "link", 0, NULL },
        { "null", 0, NULL },
        { "fifo", -ESPIPE, "is no regular file but a FIFO" },
        { "folder", -EISDIR, "is no regular file but a directory" },
        { "socket", -ENOTSOCK, "is no regular file but a socket" },
        { "terminal", -ENODEV, "is no regular file but a device" },
        { "zero", -ENODEV, "is no regular file but a device" },
        { "loop", -ELOOP, "Too many levels of symbolic links" },
        { "absent", -ENOENT, "No such file or directory" },
    };
    assert_non_null(mkdtemp(directory));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *path = in_directory(cases[i].name), *file = in_directory("file");
        _cleanup_(buffer_deinit) Buffer text = { 0 };
        const char *name = cases[i].name;
        if (strcmp(name, "file") == 0)
            write_file(path, "text");
        else if (strcmp(name, "fifo") == 0)
            assert_int_equal(mkfifo(path, 0600), 0);
        else if (strcmp(name, "folder") == 0)
            assert_int_equal(mkdir(path, 0700), 0);
        else if (strcmp(name, "socket") == 0)
            make_socket(path);
        else if (strcmp(name, "absent") != 0)
            assert_int_equal(symlink(strcmp(name, "link") == 0       ? file
                                     : strcmp(name, "null") == 0     ? "/dev/null"
                                     : strcmp(name, "terminal") == 0 ? "/dev/ptmx"
                                     : strcmp(name, "zero") == 0     ? "/dev/zero"
                                                                     : path,
                                     path),
                             0);
        (void)alarm(10);
        assert_int_equal(file_read(path, 100, &text), cases[i].r);
        (void)alarm(0);
        if (cases[i].words)
            assert_string_equal(file_error(cases[i].r), cases[i].words);
    }
    remove_all((const char *const[]) { "file", "link", "null", "fifo", "folder", "socket", "terminal", "zero",
                                       "loop", NULL });
}

TEST(a_file_is_read_from_what_was_opened_whatever_takes_its_name)
{
    struct stat before, after;
    _cleanup_(buffer_deinit) Buffer text = { 0 };
    assert_non_null(mkdtemp(directory));
    _cleanup_free_ char *path = in_directory("file");
    write_file(path, "first");
    _cleanup_close_ int fd = file_open(path, &before);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(file_read_from(fd, 100, &text), 0);
    assert_string_equal((char *)text.data, "first");
    assert_int_equal(unlink(path), 0);
    write_file(path, "second");
    _cleanup_close_ int other = file_open(path, &after);
    assert_true(other >= 0);
    assert_false(file_is_same(&before, &after));
    assert_true(file_is_same(&after, &after));
    remove_all((const char *const[]) { "file", NULL });
}

TEST(a_file_gives_what_is_in_it_when_it_is_read_up_to_the_limit)
{
    struct stat identity;
    _cleanup_(buffer_deinit) Buffer grown = { 0 }, cut = { 0 }, proc = { 0 };
    assert_non_null(mkdtemp(directory));
    _cleanup_free_ char *path = in_directory("file");
    write_file(path, "four");
    _cleanup_close_ int fd = file_open(path, &identity);
    write_file(path, "another");
    assert_int_equal(identity.st_size, 4);
    _cleanup_close_ int writer = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    _cleanup_close_ int reader = file_open(path, &identity);
    assert_int_equal(write(writer, " and more", 9), 9);
    assert_int_equal(file_read_from(reader, 15, &grown), -EFBIG);
    assert_int_equal(lseek(reader, 0, SEEK_SET), 0);
    buffer_cut(&grown, 0);
    assert_int_equal(file_read_from(reader, 16, &grown), 0);
    assert_string_equal((char *)grown.data, "another and more");
    assert_int_equal(lseek(reader, 0, SEEK_SET), 0);
    assert_int_equal(ftruncate(writer, 3), 0);
    assert_int_equal(file_read_from(reader, 16, &cut), 0);
    assert_string_equal((char *)cut.data, "ano");
    assert_int_equal(file_read("/proc/self/statm", 4096, &proc), 0); /* its size is 0 */
    assert_true(proc.size > 0);
    remove_all((const char *const[]) { "file", NULL });
}

RUN_TESTS(cmocka_unit_test(what_is_no_regular_file_is_refused_at_once_and_named),
          cmocka_unit_test(a_file_is_read_from_what_was_opened_whatever_takes_its_name),
          cmocka_unit_test(a_file_gives_what_is_in_it_when_it_is_read_up_to_the_limit));
