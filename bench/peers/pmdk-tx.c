/* Transactions on libpmemobj that overwrite memory they own: each range is snapshotted, then stored to.
 *
 *   pmdk-tx --pool PATH [--pool-mib 256] [--area-mib 64] [--seed 42]
 *
 * Input lines, K transactions each:
 *   empty K             begin and commit
 *   range SIZE K        overwrites SIZE bytes at one random 64-byte-aligned place of the area
 *   scattered FIELDS K  overwrites FIELDS 8-byte fields, each in a random cache line of the area
 * Every store writes the transaction's number, so that no store is a repetition. Places come from peer.h's sequence.
 */
#include "pmdk.h"

enum { LINE = 64, MAX_SIZE = 4096, MAX_FIELDS = 64 };

static char *s_area;
static uint64_t s_area_bytes, s_seed;
static uint64_t s_places, s_transactions; /* how many of each so far */

static void *next_place(uint64_t size)
{
    uint64_t lines = (s_area_bytes - size) / LINE + 1;
    /* The high half times the number of lines: a range reduction without a division (Lemire 2019). */
    uint64_t line = (uint64_t)(((unsigned __int128)splitmix64_at(s_seed, s_places++) * lines) >> 64);
    return s_area + line * LINE;
}

static void write_empty(void)
{
    TX_BEGIN(s_pool) {
    } TX_ONABORT {
        die("pmdk-tx: aborted: %s", pmemobj_errormsg());
    } TX_END
}

static void write_range(uint64_t size)
{
    uint64_t number = ++s_transactions;
    TX_BEGIN(s_pool) {
        uint64_t *words = next_place(size);
        pmemobj_tx_add_range_direct(words, size);
        for (uint64_t i = 0; i < size / sizeof *words; i++)
            words[i] = number;
    } TX_ONABORT {
        die("pmdk-tx: aborted: %s", pmemobj_errormsg());
    } TX_END
}

static void write_scattered(uint64_t fields)
{
    uint64_t number = ++s_transactions;
    TX_BEGIN(s_pool) {
        for (uint64_t i = 0; i < fields; i++) {
            uint64_t *field = next_place(sizeof *field);
            pmemobj_tx_add_range_direct(field, sizeof *field);
            *field = number;
        }
    } TX_ONABORT {
        die("pmdk-tx: aborted: %s", pmemobj_errormsg());
    } TX_END
}

static void answer(const char *line)
{
    uint64_t size = 0, count = 0;
    struct counts before = counts_now();
    uint64_t start = now_ns();
    if (sscanf(line, "empty %" SCNu64, &count) == 1) {
        for (uint64_t i = 0; i < count; i++)
            write_empty();
    } else if (sscanf(line, "range %" SCNu64 " %" SCNu64, &size, &count) == 2 && size >= 8 && size <= MAX_SIZE && size % 8 == 0) {
        for (uint64_t i = 0; i < count; i++)
            write_range(size);
    } else if (sscanf(line, "scattered %" SCNu64 " %" SCNu64, &size, &count) == 2 && size >= 1 && size <= MAX_FIELDS) {
        for (uint64_t i = 0; i < count; i++)
            write_scattered(size);
    } else {
        printf("error '%s' is unknown or out of range\n", line);
        return;
    }
    print_batch(now_ns() - start, count, before);
}

int main(int argc, char **argv)
{
    create_pool(argc, argv, "cscm-bench-tx", 256);
    s_seed = number_option(argc, argv, "--seed", 42);
    s_area_bytes = number_option(argc, argv, "--area-mib", 64) << 20;
    if (s_area_bytes < MAX_SIZE)
        die("pmdk-tx: --area-mib must be at least 1");
    PMEMoid area;
    if (pmemobj_zalloc(s_pool, &area, s_area_bytes, 1) != 0)
        die("pmdk-tx: the pool cannot hold an area of %" PRIu64 " bytes: %s (enlarge --pool-mib)", s_area_bytes, pmemobj_errormsg());
    s_area = pmemobj_direct(area);
    serve(answer);
    return 0;
}
