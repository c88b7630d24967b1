// Counter-based dropout.

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

// y = dropout(x) for elements [begin, end) of all examples.
template <class T>
static void dropout_of(const DropoutArguments& a, idx begin, idx end) {
    for (idx at = begin; at < end;) {
        const idx example = at / a.example_size, start = example * a.example_size, stop = smaller(end, start + a.example_size);
        const std::uint32_t key = example_key(a.drop, example);
        for (; at < stop; at += W) store_upto((T*)a.y + at, drop(a.drop, key, load_upto((const T*)a.x + at, stop - at), at - start), stop - at);
        at = stop;
    }
}

static void dropout(const DropoutArguments& a, std::int64_t begin, std::int64_t end) {
    if (a.type == Type::Float32) dropout_of<float>(a, begin, end);
    else dropout_of<bf16>(a, begin, end);
}

}  // namespace TK_ISA
}  // namespace transformer_kernels
