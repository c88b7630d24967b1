// The kernels for processors with AVX-512, its bf16 products and its 16-bit integer ones.
#include "decoder.h"
#include "table.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

// From here on, and so after every header of others: nothing shared with the rest of the program is compiled this way.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx512vnni,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx512vnni,avx2,fma")
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC diagnostic ignored "-Wuninitialized"        // false alarms in the AVX-512 header of GCC 12
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define TK_ISA avx512_bf16
#define TK_LEVEL 3
#include "body.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
