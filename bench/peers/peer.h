/* What every peer program shares: the clock, the keys, and the line protocol.
 *
 * A peer is a long-lived process that a benchmark drives batch by batch, so that its batches alternate with ours in one run.
 *   - It prints `ready` and then answers each line of its standard input with one line of `name=value` pairs; `ns` is the batch's
 *     wall time in nanoseconds and `ops` its number of operations. `error <text>` answers a line that it cannot carry out.
 *   - With `--clock thread` `ns` is the processor time of the thread that does the work: on a machine that is not quiet, the time in
 *     which another process has the processor counts against nobody.
 *   - It ends on `quit` or at the end of its input. Its file has no name by then: it is unlinked as soon as it is mapped.
 *
 * Keys: the i-th key (i from 0) is the (i + 1)-th output of splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
 * Generators", OOPSLA 2014) whose state starts at the seed; the value of a key is the key's bitwise complement.
 */
#ifndef CSCM_PEER_H
#define CSCM_PEER_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static clockid_t s_clock = CLOCK_MONOTONIC;

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(s_clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t splitmix64_at(uint64_t seed, uint64_t index)
{
    uint64_t z = seed + (index + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

__attribute__((noreturn, format(printf, 1, 2)))
static inline void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

/* The value of `--name value`, or the fallback; a flag without its value ends the program. */
static inline const char *text_option(int argc, char **argv, const char *name, const char *fallback)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) != 0)
            continue;
        if (i + 1 == argc)
            die("%s: %s needs a value", argv[0], name);
        return argv[i + 1];
    }
    return fallback;
}

static inline uint64_t number_option(int argc, char **argv, const char *name, uint64_t fallback)
{
    const char *text = text_option(argc, argv, name, NULL);
    if (text == NULL)
        return fallback;
    char *end;
    uint64_t value = strtoull(text, &end, 0);
    if (*text == '\0' || *end != '\0')
        die("%s: %s %s is not a number", argv[0], name, text);
    return value;
}

/* `--clock wall` (as without it) or `--clock thread`. */
static inline void choose_clock(int argc, char **argv)
{
    const char *name = text_option(argc, argv, "--clock", "wall");
    if (strcmp(name, "thread") == 0)
        s_clock = CLOCK_THREAD_CPUTIME_ID;
    else if (strcmp(name, "wall") != 0)
        die("%s: --clock is wall or thread", argv[0]);
}

/* Answers each line of the input by `answer`, which prints one line, until `quit` or the end. */
static inline void serve(void (*answer)(const char *line))
{
    char line[256];
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("ready");
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (strcmp(line, "quit") == 0)
            break;
        answer(line);
    }
}

#endif
