// The kernels' C interface: plain pointers in, a status out. It does not depend on libtorch.
//
// Every argument struct is filled in by the caller. Pointers may be null where the comment says so. Sizes and strides are
// in elements. Matrices are row-major with contiguous columns. Only scratch memory is kept after a call; tk_trim frees
// it. Functions may be called from several threads at once.
//
// The order of sums depends only on the shapes: results do not depend on the number of threads.
#ifndef TRANSFORMER_KERNELS_H
#define TRANSFORMER_KERNELS_H

#include <stdint.h>

#if defined(_WIN32)
#define TK_API __declspec(dllexport)
#else
#define TK_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

// ---- status, types ----------------------------------------------------------------------------------------------------

// What a function returns. tk_last_message has the reason.
enum {
    TK_OK = 0,
    TK_INVALID_ARGUMENT = 1,
    TK_OUT_OF_MEMORY = 2,
    TK_UNSUPPORTED = 3  // this processor or system cannot do it
};

// The type of numbers in memory, and of a product's operands; sums are always in 32 bits.
enum { TK_FLOAT32 = 0, TK_BFLOAT16 = 1 };

enum { TK_GELU = 0, TK_GELU_TANH = 1, TK_SILU = 2, TK_RELU = 3 };

// Changes whenever a struct or the meaning of a function does.
TK_API int32_t tk_abi_version(void);

// Why the last call on this thread did not return TK_OK; never null.
TK_API const char* tk_last_message(void);

// ---- threads, instruction sets, memory --------------------------------------------------------------------------------

typedef void (*tk_range)(int64_t begin, int64_t end, void* context);

// A pool of threads: torch_parallel_for and torch_get_num_threads of libtorch's stable C interface fit as they are.
// parallel_for cuts [begin, end) into ranges of at least `grain` numbers and calls `range` on each, on its threads.
typedef struct tk_threads {
    int32_t (*parallel_for)(int64_t begin, int64_t end, int64_t grain, tk_range range, void* context);
    int32_t (*get_num_threads)(uint32_t* count);
} tk_threads;

// Chooses the pool; null: everything runs on the calling thread, as it does before the first call.
TK_API int32_t tk_initialize(const tk_threads* threads);

// Limits calls to this many threads of the pool, at least 1; results do not depend on it. A large number lifts the
// limit.
TK_API int32_t tk_limit_workers(int32_t most);

// The kernels in use: "avx512_bf16", "avx512", "avx2" or "baseline".
TK_API const char* tk_kernels(void);

// Chooses kernels by name, for tests; "" restores the best. TK_UNSUPPORTED: the processor lacks them.
TK_API int32_t tk_choose_kernels(const char* name);

// 1 if the processor multiplies bfloat16.
TK_API int32_t tk_bf16_products(void);

// Frees the scratch memory that is kept between calls; returns its size in bytes.
TK_API int64_t tk_trim(void);

// Makes a loaded library, given by its file name, allocate blocks of at least 64 KiB from a pool that reuses them well:
// this affects every later call to posix_memalign and free. The process has one pool, which stays. TK_UNSUPPORTED if
// the system, the library or a limit on address space does not allow it; then nothing has changed.
TK_API int32_t tk_use_tensor_memory(const char* library);

// Returns free pages of that pool to the system.
TK_API void tk_trim_tensor_memory(void);

// ---- the functions ----------------------------------------------------------------------------------------------------

#include "interface_layers.h"
#include "interface_sublayers.h"
#include "interface_decoder.h"

#ifdef __cplusplus
}
#endif

#endif
