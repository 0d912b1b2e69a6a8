/*
 * An event loop that runs out of memory: preloaded, it lets one call that adds an event source fail with
 * -ENOMEM. The file $DBCERTD_TEST_SOURCES has a number of 4 bytes: that many calls succeed before; negative:
 * all do, also after the one that has failed.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <systemd/sd-event.h>

static volatile int32_t *succeed;

static void __attribute__((constructor)) map(void)
{
    int fd = open(getenv("DBCERTD_TEST_SOURCES"), O_RDWR | O_CLOEXEC);
    void *page = mmap(NULL, sizeof *succeed, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED)
        succeed = page;
}

static int fails(void)
{
    return succeed && *succeed >= 0 && (*succeed)-- == 0;
}

int sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec, uint64_t accuracy,
                      sd_event_time_handler_t handler, void *userdata)
{
    __typeof__(&sd_event_add_time) real = (__typeof__(real))dlsym(RTLD_NEXT, "sd_event_add_time");
    return fails() ? -ENOMEM : real(event, ret, clock, usec, accuracy, handler, userdata);
}

int sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                               uint64_t accuracy, sd_event_time_handler_t handler, void *userdata)
{
    __typeof__(&sd_event_add_time_relative) real =
        (__typeof__(real))dlsym(RTLD_NEXT, "sd_event_add_time_relative");
    return fails() ? -ENOMEM : real(event, ret, clock, usec, accuracy, handler, userdata);
}

int sd_event_add_defer(sd_event *event, sd_event_source **ret, sd_event_handler_t handler, void *userdata)
{
    __typeof__(&sd_event_add_defer) real = (__typeof__(real))dlsym(RTLD_NEXT, "sd_event_add_defer");
    return fails() ? -ENOMEM : real(event, ret, handler, userdata);
}
