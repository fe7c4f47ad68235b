/* What the programs on libpmemobj share: a pool for one run. */
#ifndef CSCM_PEER_PMDK_H
#define CSCM_PEER_PMDK_H

#include <libpmemobj.h>
#include "counts.h"
#include "peer.h"

static inline struct counts counts_now(void)
{
    return counts_so_far != NULL ? counts_so_far() : (struct counts){ 0 };
}

static PMEMobjpool *s_pool;

/* Makes the pool of `--pool PATH` (`--pool-mib N`), all its pages present, persisted by CPU write-back and fences wherever it lies. */
static inline void create_pool(int argc, char **argv, const char *layout, uint64_t default_mib)
{
    /* libpmem reads this variable when it is loaded, hence the second start of ourselves. */
    if (getenv("PMEM_IS_PMEM_FORCE") == NULL) {
        setenv("PMEM_IS_PMEM_FORCE", "1", 1);
        execv("/proc/self/exe", argv);
        die("%s: cannot start itself again with PMEM_IS_PMEM_FORCE=1", argv[0]);
    }

    choose_clock(argc, argv);
    const char *path = text_option(argc, argv, "--pool", NULL);
    if (path == NULL)
        die("%s: say where the pool goes: --pool /dev/shm/NAME", argv[0]);
    uint64_t mib = number_option(argc, argv, "--pool-mib", default_mib);
    int prefault = 1;
    if (pmemobj_ctl_set(NULL, "prefault.at_create", &prefault) != 0)
        die("%s: prefault.at_create: %s", argv[0], pmemobj_errormsg());
    s_pool = pmemobj_create(path, layout, mib << 20, 0600);
    if (s_pool == NULL)
        die("%s: cannot create the pool %s: %s (a file left by an earlier run may be removed)", argv[0], path, pmemobj_errormsg());
    unlink(path); /* the mapping keeps the file alive: nothing stays behind, however this process ends */
}

/* Prints the answer to a batch; the counting builds add what libpmemobj did in it. */
static inline void print_batch(uint64_t ns, uint64_t ops, struct counts before)
{
    struct counts now = counts_now();
    printf("ns=%" PRIu64 " ops=%" PRIu64, ns, ops);
    if (counts_so_far != NULL)
        printf(" fences=%" PRIu64 " lines=%" PRIu64 " msyncs=%" PRIu64, now.fences - before.fences, now.lines - before.lines,
            now.msyncs - before.msyncs);
    putchar('\n');
}

#endif
