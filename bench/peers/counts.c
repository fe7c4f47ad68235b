/* Counts what libpmemobj asks of libpmem: fences, cache lines written back, msync calls.
 *
 * libpmemobj calls libpmem across a library boundary, and a program's own exported symbols come before any library's; so these
 * definitions stand in front of libpmem's, count, and pass on. Linked into the *-counted programs only: their times mean nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <libpmem.h>
#include <stdbool.h>
#include <stddef.h>
#include "counts.h"

static _Thread_local bool s_within; /* libpmem calls its own exported functions too, by the same names: only the outermost call counts */
static _Atomic uint64_t s_fences;
static _Atomic uint64_t s_lines;
static _Atomic uint64_t s_msyncs;

struct counts counts_so_far(void) { return (struct counts){ s_fences, s_lines, s_msyncs }; }

static uint64_t lines_of(const void *address, size_t length)
{
    uintptr_t first = (uintptr_t)address / 64, last = ((uintptr_t)address + length + 63) / 64;
    return length == 0 ? 0 : last - first;
}

/* Finds libpmem's own definition, once per function. */
#define NEXT(name) \
    static __typeof__(&name) next; \
    if (next == NULL) \
        *(void **)&next = dlsym(RTLD_NEXT, #name)

/* Counts the fences and lines of a call unless libpmem itself made it, and passes it on. */
#define COUNTED(fences, lines, call) \
    do { \
        bool outermost = !s_within; \
        s_within = true; \
        if (outermost) { \
            s_fences += (fences); \
            s_lines += (lines); \
        } \
        call; \
        if (outermost) \
            s_within = false; \
    } while (0)

static uint64_t fences_of_copy(unsigned flags) { return !(flags & (PMEM_F_MEM_NODRAIN | PMEM_F_MEM_NOFLUSH)); }

static uint64_t lines_of_copy(const void *destination, size_t length, unsigned flags)
{
    return flags & PMEM_F_MEM_NOFLUSH ? 0 : lines_of(destination, length);
}

void pmem_drain(void)
{
    NEXT(pmem_drain);
    COUNTED(1, 0, next());
}

void pmem_flush(const void *address, size_t length)
{
    NEXT(pmem_flush);
    COUNTED(0, lines_of(address, length), next(address, length));
}

void pmem_persist(const void *address, size_t length)
{
    NEXT(pmem_persist);
    COUNTED(1, lines_of(address, length), next(address, length));
}

int pmem_msync(const void *address, size_t length)
{
    NEXT(pmem_msync);
    s_msyncs++;
    return next(address, length);
}

void *pmem_memcpy(void *destination, const void *source, size_t length, unsigned flags)
{
    NEXT(pmem_memcpy);
    COUNTED(fences_of_copy(flags), lines_of_copy(destination, length, flags), next(destination, source, length, flags));
    return destination;
}

void *pmem_memmove(void *destination, const void *source, size_t length, unsigned flags)
{
    NEXT(pmem_memmove);
    COUNTED(fences_of_copy(flags), lines_of_copy(destination, length, flags), next(destination, source, length, flags));
    return destination;
}

void *pmem_memset(void *destination, int value, size_t length, unsigned flags)
{
    NEXT(pmem_memset);
    COUNTED(fences_of_copy(flags), lines_of_copy(destination, length, flags), next(destination, value, length, flags));
    return destination;
}
