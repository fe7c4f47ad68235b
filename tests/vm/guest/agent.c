/*
 * The first process of the test machine. It runs commands for the host over a virtio-serial port: argument lists, not shell lines.
 *
 * A frame in either direction is: size of the body (u32), command id (u32), kind (u8), three zero bytes, body. Little-endian.
 *   to the guest    'X' run: argument count (u32), environment count (u32), size of standard input (u32),
 *                       then working directory, arguments, environment, each ending in NUL, then standard input
 *                   'S' signal the command's process group: signal (u32)
 *                   'T' restored: time of day (seconds u64), seed (32 bytes), so that two machines of one saved state differ
 *   to the host     'R' ready    'O' standard output    'E' standard error    'Q' ended: exit code, or 128 + signal (u32)
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_COMMANDS = 64, MAX_BODY = 64 << 20, CHUNK = 64 << 10 };

struct frame {
    uint32_t size;
    uint32_t id;
    uint8_t kind;
    uint8_t zero[3];
};

struct command {
    pid_t pid; /* 0: free slot */
    uint32_t id;
    int output[2]; /* standard output, standard error; -1 when closed */
};

static struct command commands[MAX_COMMANDS];
static int port;
static int child_ended[2];

static void die(const char *what)
{
    perror(what);
    _exit(1); /* the kernel panics and QEMU ends: the host sees it */
}

/* The host closes the port for a moment when a saved state is restored, and for good when the test process has died. */
static void host_is_gone(void)
{
    static int waits;
    usleep(10000);
    if (++waits < 3000)
        return;
    sync();
    reboot(RB_POWER_OFF);
}

static void write_all(const void *from, size_t size)
{
    const char *at = from;
    while (size > 0) {
        ssize_t done = write(port, at, size);
        if (done < 0 && errno != EINTR && errno != EAGAIN)
            die("write to the host");
        if (done > 0) {
            at += done;
            size -= done;
        }
    }
}

static void read_all(void *to, size_t size)
{
    char *at = to;
    while (size > 0) {
        ssize_t done = read(port, at, size);
        if (done < 0 && errno != EINTR && errno != EAGAIN)
            die("read from the host");
        if (done > 0) {
            at += done;
            size -= done;
        } else {
            host_is_gone();
        }
    }
}

static void send_frame(uint32_t id, char kind, const void *body, uint32_t size)
{
    struct frame head = { .size = size, .id = id, .kind = (uint8_t)kind };
    write_all(&head, sizeof head);
    write_all(body, size);
}

static void restored(const char *body)
{
    uint64_t seconds;
    struct {
        struct rand_pool_info info;
        char seed[32];
    } entropy = { .info = { .entropy_count = 256, .buf_size = 32 } };
    memcpy(&seconds, body, sizeof seconds);
    memcpy(entropy.seed, body + sizeof seconds, sizeof entropy.seed);
    struct timespec now = { .tv_sec = (time_t)seconds };
    int random = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    if (clock_settime(CLOCK_REALTIME, &now) || random < 0 || ioctl(random, RNDADDENTROPY, &entropy) || ioctl(random, RNDRESEEDCRNG))
        die("set the time and reseed");
    close(random);
}

static void run_child(char *body, uint32_t size, int output[2][2])
{
    uint32_t counts[3];
    memcpy(counts, body, sizeof counts);
    char **arguments = calloc(counts[0] + 1, sizeof *arguments);
    char *end = body + size, *at = body + sizeof counts, *directory = at;
    at += strlen(at) + 1;
    for (uint32_t i = 0; i < counts[0] && at < end; i++, at += strlen(at) + 1)
        arguments[i] = at;
    for (uint32_t i = 0; i < counts[1] && at < end; i++, at += strlen(at) + 1)
        putenv(at);

    /* A memory file as standard input needs no pumping. */
    int input = memfd_create("stdin", 0);
    if (input < 0 || at + counts[2] != end || write(input, at, counts[2]) != (ssize_t)counts[2] || lseek(input, 0, SEEK_SET) != 0)
        _exit(126);
    dup2(input, 0);
    dup2(output[0][1], 1);
    dup2(output[1][1], 2);
    close_range(3, ~0U, 0);
    setsid();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (chdir(directory) == 0)
        execvp(arguments[0], arguments);
    fprintf(stderr, "%s: %s\n", arguments[0], strerror(errno));
    _exit(127);
}

static void run(uint32_t id, char *body, uint32_t size)
{
    struct command *command = commands;
    while (command < commands + MAX_COMMANDS && command->pid != 0)
        command++;
    int output[2][2];
    if (command == commands + MAX_COMMANDS || pipe2(output[0], O_CLOEXEC) || pipe2(output[1], O_CLOEXEC))
        die("start a command");
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0)
        run_child(body, size, output);
    *command = (struct command){ .pid = pid, .id = id };
    for (int i = 0; i < 2; i++) {
        close(output[i][1]);
        fcntl(output[i][0], F_SETFL, O_NONBLOCK);
        command->output[i] = output[i][0];
    }
}

/* Passes on what a stream holds now; closes it at its end. */
static void drain(struct command *command, int stream)
{
    static char chunk[CHUNK];
    while (command->output[stream] >= 0) {
        ssize_t count = read(command->output[stream], chunk, sizeof chunk);
        if (count > 0) {
            send_frame(command->id, stream == 0 ? 'O' : 'E', chunk, (uint32_t)count);
        } else if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        } else {
            close(command->output[stream]);
            command->output[stream] = -1;
        }
    }
}

/* Reaps every child, orphans included. A command has ended with its first process; what outlives it writes to no one. */
static void reap(void)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        for (struct command *command = commands; command < commands + MAX_COMMANDS; command++) {
            if (command->pid != pid)
                continue;
            for (int i = 0; i < 2; i++) {
                drain(command, i);
                if (command->output[i] >= 0)
                    close(command->output[i]);
            }
            uint32_t code = WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : 128U + (uint32_t)WTERMSIG(status);
            send_frame(command->id, 'Q', &code, sizeof code);
            command->pid = 0;
        }
    }
}

static void signal_command(uint32_t id, const char *body)
{
    uint32_t number;
    memcpy(&number, body, sizeof number);
    for (int i = 0; i < MAX_COMMANDS; i++)
        if (commands[i].pid != 0 && commands[i].id == id)
            kill(-commands[i].pid, (int)number);
}

static void serve_frame(void)
{
    struct frame head;
    read_all(&head, sizeof head);
    char *body = head.size <= MAX_BODY ? malloc(head.size + 1) : NULL;
    if (body == NULL)
        die("take a frame");
    read_all(body, head.size);
    body[head.size] = 0;
    switch (head.kind) {
    case 'X': run(head.id, body, head.size); break;
    case 'S': signal_command(head.id, body); break;
    case 'T': restored(body); send_frame(0, 'R', NULL, 0); break;
    default: errno = EPROTO; die("frame of unknown kind");
    }
    free(body);
}

static void on_child(int signal)
{
    (void)signal;
    ssize_t ignored = write(child_ended[1], "", 1);
    (void)ignored;
}

static int open_port(void)
{
    for (int tries = 0; tries < 1000; tries++, usleep(10000)) {
        DIR *ports = opendir("/sys/class/virtio-ports");
        for (struct dirent *entry; ports != NULL && (entry = readdir(ports)) != NULL;) {
            char path[300];
            snprintf(path, sizeof path, "/dev/%s", entry->d_name);
            int fd = entry->d_name[0] == 'v' ? open(path, O_RDWR | O_CLOEXEC) : -1;
            if (fd >= 0) {
                closedir(ports);
                return fd;
            }
        }
        if (ports != NULL)
            closedir(ports);
    }
    die("find the virtio-serial port");
    return -1;
}

int main(void)
{
    port = open_port();
    if (pipe2(child_ended, O_CLOEXEC | O_NONBLOCK))
        die("pipe");
    signal(SIGPIPE, SIG_IGN);
    struct sigaction action = { .sa_handler = on_child, .sa_flags = SA_RESTART | SA_NOCLDSTOP };
    sigaction(SIGCHLD, &action, NULL);
    send_frame(0, 'R', NULL, 0);

    for (;;) {
        struct pollfd waits[2 + 2 * MAX_COMMANDS] = { { .fd = port, .events = POLLIN }, { .fd = child_ended[0], .events = POLLIN } };
        for (int i = 0; i < MAX_COMMANDS; i++)
            for (int stream = 0; stream < 2; stream++)
                waits[2 + 2 * i + stream] = (struct pollfd){ .fd = commands[i].pid ? commands[i].output[stream] : -1, .events = POLLIN };
        if (poll(waits, sizeof waits / sizeof *waits, -1) < 0)
            continue;
        for (int i = 0; i < MAX_COMMANDS; i++)
            for (int stream = 0; stream < 2; stream++)
                if (commands[i].pid != 0 && waits[2 + 2 * i + stream].revents)
                    drain(&commands[i], stream);
        if (waits[1].revents) {
            char bytes[64];
            while (read(child_ended[0], bytes, sizeof bytes) > 0)
                ;
            reap();
        }
        if (waits[0].revents & POLLIN)
            serve_frame();
        else if (waits[0].revents)
            host_is_gone();
    }
}
