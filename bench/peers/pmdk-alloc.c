/* Allocation and free on libpmemobj, atomic and in transactions, on one or more threads.
 *
 *   pmdk-alloc --pool PATH [--pool-mib 1024]
 *
 * Input lines: SIZE bytes, THREADS threads, K objects per thread, all allocated and then all freed in the same order:
 *   atomic SIZE THREADS K   pmemobj_alloc, pmemobj_free
 *   tx SIZE THREADS K N     transactions with N times pmemobj_tx_alloc or pmemobj_tx_free each
 *   written SIZE THREADS K N  the same, and each object is filled in the transaction
 * Answer: `alloc_ns`, `free_ns` (wall time of each phase over all threads) and `ops` (objects over all threads).
 */
#include <pthread.h>
#include <stdbool.h>
#include "pmdk.h"

enum { MAX_THREADS = 16, TYPE = 1 };

struct worker {
    pthread_t thread;
    PMEMoid *objects;
    uint64_t ns[2]; /* of allocation and of free */
};

static uint64_t s_size, s_count, s_per_transaction; /* the last 0: atomic */
static bool s_is_written;
static char s_content[65536];
static pthread_barrier_t s_barrier;

static void allocate_atomic(PMEMoid *objects)
{
    for (uint64_t i = 0; i < s_count; i++) {
        if (pmemobj_alloc(s_pool, &objects[i], s_size, TYPE, NULL, NULL) != 0)
            die("pmdk-alloc: %s (enlarge --pool-mib)", pmemobj_errormsg());
    }
}

static void free_atomic(PMEMoid *objects)
{
    for (uint64_t i = 0; i < s_count; i++)
        pmemobj_free(&objects[i]);
}

static void allocate_together(PMEMoid *objects, uint64_t count)
{
    TX_BEGIN(s_pool) {
        for (uint64_t i = 0; i < count; i++) {
            objects[i] = pmemobj_tx_alloc(s_size, TYPE);
            if (s_is_written)
                memcpy(pmemobj_direct(objects[i]), s_content, s_size);
        }
    } TX_ONABORT {
        die("pmdk-alloc: %s (enlarge --pool-mib)", pmemobj_errormsg());
    } TX_END
}

static void free_together(PMEMoid *objects, uint64_t count)
{
    TX_BEGIN(s_pool) {
        for (uint64_t i = 0; i < count; i++)
            pmemobj_tx_free(objects[i]);
    } TX_ONABORT {
        die("pmdk-alloc: %s", pmemobj_errormsg());
    } TX_END
}

static void in_transactions(void (*together)(PMEMoid *objects, uint64_t count), PMEMoid *objects)
{
    for (uint64_t start = 0; start < s_count; start += s_per_transaction) {
        uint64_t left = s_count - start;
        together(objects + start, left < s_per_transaction ? left : s_per_transaction);
    }
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    pthread_barrier_wait(&s_barrier);
    uint64_t start = now_ns();
    if (s_per_transaction > 0)
        in_transactions(allocate_together, worker->objects);
    else
        allocate_atomic(worker->objects);
    worker->ns[0] = now_ns() - start;
    pthread_barrier_wait(&s_barrier);
    start = now_ns();
    if (s_per_transaction > 0)
        in_transactions(free_together, worker->objects);
    else
        free_atomic(worker->objects);
    worker->ns[1] = now_ns() - start;
    return NULL;
}

/* All threads start a phase together; it lasts as long as the slowest takes. */
static uint64_t slowest(const struct worker *workers, uint64_t threads, int phase)
{
    uint64_t ns = 0;
    for (uint64_t i = 0; i < threads; i++)
        ns = workers[i].ns[phase] > ns ? workers[i].ns[phase] : ns;
    return ns;
}

static void run(uint64_t threads)
{
    struct worker workers[MAX_THREADS];
    struct counts before = counts_now();
    pthread_barrier_init(&s_barrier, NULL, (unsigned)threads);
    for (uint64_t i = 0; i < threads; i++) {
        /* Written, not only reserved: the timed part shall not fault these pages in. */
        workers[i].objects = malloc(s_count * sizeof(PMEMoid));
        if (workers[i].objects == NULL)
            die("pmdk-alloc: no memory for %" PRIu64 " objects", s_count);
        memset(workers[i].objects, 0xff, s_count * sizeof(PMEMoid));
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            die("pmdk-alloc: cannot start a thread");
    }
    for (uint64_t i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        free(workers[i].objects);
    }
    pthread_barrier_destroy(&s_barrier);

    uint64_t alloc_ns = slowest(workers, threads, 0), free_ns = slowest(workers, threads, 1);
    printf("alloc_ns=%" PRIu64 " free_ns=%" PRIu64 " ", alloc_ns, free_ns);
    print_batch(alloc_ns + free_ns, threads * s_count, before);
}

static void answer(const char *line)
{
    uint64_t threads = 0;
    bool atomic = sscanf(line, "atomic %" SCNu64 " %" SCNu64 " %" SCNu64, &s_size, &threads, &s_count) == 3;
    bool tx = sscanf(line, "tx %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &s_size, &threads, &s_count, &s_per_transaction) == 4;
    s_is_written = !atomic && !tx;
    tx = tx || sscanf(line, "written %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &s_size, &threads, &s_count, &s_per_transaction) == 4;
    if (s_size > sizeof(s_content) || !(atomic || (tx && s_per_transaction > 0)) || threads < 1 || threads > MAX_THREADS || s_size < 1 || s_count < 1) {
        printf("error '%s' is unknown or out of range\n", line);
        return;
    }
    if (atomic)
        s_per_transaction = 0;
    run(threads);
}

int main(int argc, char **argv)
{
    create_pool(argc, argv, "cscm-bench-alloc", 1024);
    serve(answer);
    return 0;
}
