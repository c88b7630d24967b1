// The kernels for any processor, with the compiler's own flags.
#include "decoder.h"
#include "table.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

#define TK_ISA baseline
#define TK_LEVEL 0
#include "body.h"
