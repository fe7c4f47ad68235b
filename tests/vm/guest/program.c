/*
 * The test machine's programs, under their own names in the path. Starting .NET takes an emulated processor seconds; so the saved state holds
 * processes that have done so and wait at a socket. This program asks one of them to be it: the process takes over arguments, environment,
 * directory and standard streams, and this program ends as it does. Where none is left (or CSCM_COLD is set) it executes the program itself.
 *   warm PROGRAM COUNT     starts so many processes that can be the program, and returns when they wait
 *   anything else          is the name of a program in /payload
 *
 * To a waiting process: this process's id (i32). From it: its own id at once, its exit code when it is about to end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un place = { .sun_family = AF_UNIX };
static pid_t stand_in;

static int fail(const char *what)
{
    perror(what);
    return 125;
}

/* Each inherits the listening socket as 3, and as 4 a pipe to say on that it waits. */
static int warm(char *program, int count)
{
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), ready[2];
    if (listener < 0 || bind(listener, (const struct sockaddr *)&place, sizeof place) || listen(listener, 64) || pipe2(ready, O_CLOEXEC))
        return fail("listen for programs");
    /* Out of the way of 3 and 4. */
    listener = fcntl(listener, F_DUPFD_CLOEXEC, 10);
    int say = fcntl(ready[1], F_DUPFD_CLOEXEC, 10);
    close(ready[1]);
    for (int i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid < 0)
            return fail("fork");
        if (pid > 0)
            continue;
        setsid();
        if (dup2(listener, 3) < 0 || dup2(say, 4) < 0)
            _exit(fail("pass the socket on"));
        execl("/payload/warm", "/payload/warm", program, (char *)NULL);
        _exit(fail("/payload/warm"));
    }
    close(say);
    for (int i = 0; i < count; i++) {
        char byte;
        if (read(ready[0], &byte, 1) != 1) {
            fprintf(stderr, "%d of %d processes ended before they waited\n", count - i, count);
            return 1;
        }
    }
    return 0;
}

static void pass_on(int signal)
{
    kill(stand_in, signal);
}

int main(int count, char **arguments)
{
    const char *name = strrchr(arguments[0], '/');
    name = name ? name + 1 : arguments[0];
    int is_warm = strcmp(name, "warm") == 0 && count == 3;
    snprintf(place.sun_path, sizeof place.sun_path, "/run/warm-%s.sock", is_warm ? arguments[1] : name);
    if (is_warm)
        return warm(arguments[1], atoi(arguments[2]));

    pid_t self = getpid();
    int code, waiting = getenv("CSCM_COLD") ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (waiting < 0 || connect(waiting, (const struct sockaddr *)&place, sizeof place) || send(waiting, &self, sizeof self, MSG_NOSIGNAL) < 0
        || read(waiting, &stand_in, sizeof stand_in) != sizeof stand_in) {
        char path[300];
        snprintf(path, sizeof path, "/payload/%s", name);
        execv(path, arguments);
        return fail(path);
    }
    struct sigaction action = { .sa_handler = pass_on, .sa_flags = SA_RESTART };
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    int process = (int)syscall(SYS_pidfd_open, stand_in, 0);
    int has_code = read(waiting, &code, sizeof code) == sizeof code;
    /* Ended, not just about to: what it held is free then. */
    struct pollfd ended = { .fd = process, .events = POLLIN };
    while (process >= 0 && poll(&ended, 1, -1) < 0 && errno == EINTR)
        ;
    if (!has_code)
        kill(self, SIGKILL);
    return code;
}
