/* STREAM (McCalpin 1995) on one thread: COPY, SCALE, ADD, TRIAD over three arrays of doubles.
 *
 *   stream [--file PATH] [--elements 5000000]
 *
 * The arrays lie in anonymous memory, or, with --file, in a file made at PATH and mapped shared. Both ask for huge pages.
 * Input line: `sweep VARIANT K` runs the four kernels in order, K times; VARIANT is `plain` (what gcc -O3 -march=native makes of the
 * loops) or `nt` (non-temporal stores, no read of the target). Answer: `copy_ns scale_ns add_ns triad_ns`, each summed over the K
 * sweeps, and `ops=K`. COPY and SCALE move 16 bytes per element, ADD and TRIAD 24.
 * `check` compares every element with what the sweeps must have left, and answers `error_max=`.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <immintrin.h>
#include <stdbool.h>
#include <sys/mman.h>
#include "peer.h"

/* sqrt(2) - 1: one sweep multiplies a by 2s + s * s = 1, so that any number of sweeps keeps the values in range. */
static const double Scalar = 0.41421356237309504880;
static const double Initial[3] = { 1.0, 2.0, 0.0 };
static const size_t HugePage = (size_t)2 << 20;

static double *s_a, *s_b, *s_c;
static size_t s_count;
static bool s_swept;
static const char *s_path;

#if defined __AVX512F__
typedef __m512d vector;
#define LOAD(p) _mm512_load_pd(p)
#define STREAM_OUT(p, v) _mm512_stream_pd(p, v)
#define ALL(x) _mm512_set1_pd(x)
#elif defined __AVX__
typedef __m256d vector;
#define LOAD(p) _mm256_load_pd(p)
#define STREAM_OUT(p, v) _mm256_stream_pd(p, v)
#define ALL(x) _mm256_set1_pd(x)
#else
typedef __m128d vector;
#define LOAD(p) _mm_load_pd(p)
#define STREAM_OUT(p, v) _mm_stream_pd(p, v)
#define ALL(x) _mm_set1_pd(x)
#endif
enum { LANES = sizeof(vector) / sizeof(double) };

#define PLAIN(name, target, expression) \
    static __attribute__((noinline)) void name(void) \
    { \
        double *restrict a = s_a, *restrict b = s_b, *restrict c = s_c; \
        (void)a, (void)b, (void)c; \
        for (size_t i = 0; i < s_count; i++) \
            target[i] = expression; \
    }
PLAIN(plain_copy, c, a[i])
PLAIN(plain_scale, b, Scalar * c[i])
PLAIN(plain_add, c, a[i] + b[i])
PLAIN(plain_triad, a, b[i] + Scalar * c[i])

/* The number of elements is a multiple of the lanes: see main. */
#define NON_TEMPORAL(name, target, expression) \
    static __attribute__((noinline)) void name(void) \
    { \
        const double *a = s_a, *b = s_b, *c = s_c; \
        const vector scalar = ALL(Scalar); \
        (void)a, (void)b, (void)c, (void)scalar; \
        for (size_t i = 0; i < s_count; i += LANES) \
            STREAM_OUT(target + i, expression); \
        _mm_sfence(); \
    }
NON_TEMPORAL(nt_copy, s_c, LOAD(a + i))
NON_TEMPORAL(nt_scale, s_b, scalar * LOAD(c + i))
NON_TEMPORAL(nt_add, s_c, LOAD(a + i) + LOAD(b + i))
NON_TEMPORAL(nt_triad, s_a, LOAD(b + i) + scalar * LOAD(c + i))

static void (*const Plain[4])(void) = { plain_copy, plain_scale, plain_add, plain_triad };
static void (*const NonTemporal[4])(void) = { nt_copy, nt_scale, nt_add, nt_triad };

static void sweep(void (*const kernels[4])(void), uint64_t count)
{
    uint64_t ns[4] = { 0 };
    for (uint64_t i = 0; i < count; i++) {
        for (int k = 0; k < 4; k++) {
            uint64_t start = now_ns();
            kernels[k]();
            ns[k] += now_ns() - start;
        }
    }
    s_swept |= count > 0;
    printf("copy_ns=%" PRIu64 " scale_ns=%" PRIu64 " add_ns=%" PRIu64 " triad_ns=%" PRIu64 " ops=%" PRIu64 "\n", ns[0], ns[1], ns[2], ns[3], count);
}

static double worse(double worst, double value, double expected)
{
    double error = __builtin_fabs(value - expected);
    return error <= worst ? worst : error; /* so that a NaN stays */
}

static void check(void)
{
    double a = Initial[0], b = Initial[1], c = Initial[2], worst = 0;
    if (s_swept) {
        b = Scalar * a;
        c = a + b;
    }
    for (size_t i = 0; i < s_count; i++) {
        worst = worse(worst, s_a[i], a);
        worst = worse(worst, s_b[i], b);
        worst = worse(worst, s_c[i], c);
    }
    printf("error_max=%g\n", worst);
}

static void answer(const char *line)
{
    char variant[16];
    uint64_t count;
    if (strcmp(line, "check") == 0)
        check();
    else if (sscanf(line, "sweep %15s %" SCNu64, variant, &count) == 2 && strcmp(variant, "plain") == 0)
        sweep(Plain, count);
    else if (sscanf(line, "sweep %15s %" SCNu64, variant, &count) == 2 && strcmp(variant, "nt") == 0)
        sweep(NonTemporal, count);
    else
        printf("error '%s' is unknown\n", line);
}

static char *map(size_t bytes)
{
    /* One huge page more than needed, so that the first array can start on a huge page's boundary. */
    int fd = -1, flags = MAP_PRIVATE | MAP_ANONYMOUS;
    if (s_path != NULL) {
        fd = open(s_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            die("stream: cannot create %s: %m (a file left by an earlier run may be removed)", s_path);
        unlink(s_path); /* the mapping keeps the file alive: nothing stays behind, however this process ends */
        int failure = posix_fallocate(fd, 0, (off_t)bytes);
        if (failure != 0)
            die("stream: %s cannot hold %zu bytes: %s", s_path, bytes, strerror(failure));
        flags = MAP_SHARED;
    }
    char *reserved = mmap(NULL, bytes + HugePage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED)
        die("stream: no address space for %zu bytes: %m", bytes);
    char *aligned = (char *)(((uintptr_t)reserved + HugePage - 1) / HugePage * HugePage);
    char *memory = mmap(aligned, bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
    if (memory == MAP_FAILED)
        die("stream: cannot map %zu bytes: %m", bytes);
    madvise(memory, bytes, MADV_HUGEPAGE); /* a wish: without it the kernel uses small pages */
    return memory;
}

int main(int argc, char **argv)
{
    choose_clock(argc, argv);
    s_path = text_option(argc, argv, "--file", NULL);
    s_count = number_option(argc, argv, "--elements", 5000000);
    if (s_count == 0 || s_count % LANES != 0)
        die("stream: --elements must be a positive multiple of %d", LANES);
    size_t stride = (s_count * sizeof(double) + 4095) / 4096 * 4096;
    char *memory = map(3 * stride);
    s_a = (double *)memory;
    s_b = (double *)(memory + stride);
    s_c = (double *)(memory + 2 * stride);
    for (size_t i = 0; i < s_count; i++) {
        s_a[i] = Initial[0];
        s_b[i] = Initial[1];
        s_c[i] = Initial[2];
    }
    serve(answer);
    return 0;
}
