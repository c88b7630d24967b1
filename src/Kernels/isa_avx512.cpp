// The kernels for processors with AVX-512.
#include "decoder.h"
#include "table.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

// After every external header, so that no code shared with the rest of the program is compiled for this instruction
// set.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC diagnostic ignored "-Wuninitialized"        // false alarms in the AVX-512 header of GCC 12
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define TK_ISA avx512
#define TK_LEVEL 2
#include "body.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
