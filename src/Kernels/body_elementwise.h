// Counter-based dropout, alone or with the residual connection.

namespace transformer_kernels {
namespace TK_ISA {

constexpr std::uint32_t column_step = 0x9e3779b9u;

// The key of an example's elements.
TK_INLINE std::uint32_t example_key(const Dropping& d, idx example) {
    return (std::uint32_t)mix64(d.key + (std::uint64_t)(d.first_example + example));
}

// All bits set where the element with this counter survives.
TK_INLINE vi keeps(vu counters, std::uint32_t threshold) {
    return (vi)(mix(counters) >= threshold);
}

// 16 elements of an example, starting at `index`: scaled where they survive, else 0.
TK_INLINE vf drop(const Dropping& d, std::uint32_t key, vf x, idx index) {
    return pick(keeps(((vu)lanes() + (std::uint32_t)index) * column_step + key, d.threshold), x * d.scale, vf{});
}

// y = residual + dropout(x) for elements [begin, end) of all examples.
template <class X, class R, class Y>
static void dropout_of(const DropoutArguments& a, idx begin, idx end) {
    for (idx at = begin; at < end;) {
        const idx example = at / a.example_size, start = example * a.example_size, stop = smaller(end, start + a.example_size);
        const std::uint32_t key = example_key(a.drop, example);
        for (; at < stop; at += W) {
            const idx left = stop - at;
            vf value = drop(a.drop, key, load_upto((const X*)a.x + at, left), at - start);
            if (a.residual) value += load_upto((const R*)a.residual + at, left);
            store_upto((Y*)a.y + at, value, left);
        }
        at = stop;
    }
}

static void dropout(const DropoutArguments& a, std::int64_t begin, std::int64_t end) {
    const bool x32 = a.x_type == Type::Float32, r32 = a.residual_type == Type::Float32, y32 = a.y_type == Type::Float32;
#define TK_CASE(x, X, r, R, y, Y)         \
    if (x32 == x && r32 == r && y32 == y) \
    return dropout_of<X, R, Y>(a, begin, end)
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

}  // namespace TK_ISA
}  // namespace transformer_kernels
