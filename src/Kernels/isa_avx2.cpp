// The kernels for processors with AVX2 and FMA.
#include "decoder.h"
#include "table.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

// After every external header, so that no code shared with the rest of the program is compiled for this instruction
// set.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

#define TK_ISA avx2
#define TK_LEVEL 1
#include "body.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
