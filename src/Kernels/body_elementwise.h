// Dropout with a counter generator, and adding rows into a float table (the embedding's gradient).

namespace transformer_kernels {
namespace TK_ISA {

// All bits set where element i of the stream survives: mix(key + i) >= threshold.
TK_INLINE vi keeps(vu counters, std::uint32_t threshold) {
    return (vi)(mix(counters) >= threshold);
}

// y = residual + x * keep * scale. A counter has 32 bits; every 2^32 elements take a new key.
template <class X, class R, class Y>
static void dropout_of(const X* x, const R* residual, Y* y, idx begin, idx end, std::uint64_t seed,
                       std::uint32_t threshold, float scale) {
    vu lane = (vu)lanes();
    for (idx i = begin; i < end; i += W) {
        idx left = end - i;
        std::uint32_t key = (std::uint32_t)mix64(seed ^ ((std::uint64_t)i >> 32));
        vi kept = keeps((lane + (std::uint32_t)i) * 0x9e3779b9u + key, threshold);
        vf value = pick(kept, load_upto(x + i, left) * scale, vf{});
        if (residual) value += load_upto(residual + i, left);
        store_upto(y + i, value, left);
    }
}

static void dropout(const void* x, const void* residual, void* y, Type x_type, Type residual_type, Type y_type,
                    std::int64_t begin, std::int64_t end, std::uint64_t seed, std::uint32_t threshold, float scale) {
    const bool x32 = x_type == Type::Float32, r32 = residual_type == Type::Float32, y32 = y_type == Type::Float32;
#define TK_CASE(a, X, b, R, c, Y)           \
    if (x32 == a && r32 == b && y32 == c)   \
    return dropout_of((const X*)x, (const R*)residual, (Y*)y, begin, end, seed, threshold, scale)
    TK_CASE(true, float, true, float, true, float);
    TK_CASE(true, float, true, float, false, bf16);
    TK_CASE(true, float, false, bf16, true, float);
    TK_CASE(true, float, false, bf16, false, bf16);
    TK_CASE(false, bf16, true, float, true, float);
    TK_CASE(false, bf16, true, float, false, bf16);
    TK_CASE(false, bf16, false, bf16, true, float);
    TK_CASE(false, bf16, false, bf16, false, bf16);
#undef TK_CASE
}

template <class T>
static void add_rows_of(float* sum, const T* rows, const idx* which, idx count, idx width, float scale) {
    for (idx r = 0; r < count; ++r) {
        const T* row = rows + which[r] * width;
        for (idx i = 0; i < width; i += W) {
            idx left = width - i;
            store_upto(sum + i, load_upto(sum + i, left) + load_upto(row + i, left) * scale, left);
        }
    }
}

static void add_rows(float* sum, const void* rows, Type type, const std::int64_t* which, std::int64_t count,
                     std::int64_t width, float scale) {
    if (type == Type::Float32) add_rows_of(sum, (const float*)rows, which, count, width, scale);
    else add_rows_of(sum, (const bf16*)rows, which, count, width, scale);
}

}  // namespace TK_ISA
}  // namespace transformer_kernels
