/* What libpmemobj asked of libpmem since the start; defined by counts.c, in the counting builds only. */
#ifndef CSCM_PEER_COUNTS_H
#define CSCM_PEER_COUNTS_H

#include <stdint.h>

struct counts {
    uint64_t fences;
    uint64_t lines; /* 64-byte lines written back or streamed */
    uint64_t msyncs;
};

__attribute__((weak)) struct counts counts_so_far(void);

#endif
