// Packing, products and the parts of sublayers: functions that dispatch on the type of the numbers.

namespace transformer_kernels {
namespace TK_ISA {

#if TK_LEVEL >= 3
#define TK_BY_TYPE(type, call_wide, call_narrow) \
    if (type == Type::Float32) call_wide;        \
    else call_narrow
#else
#define TK_BY_TYPE(type, call_wide, call_narrow) call_wide
#endif

static void pack_across(const void* w, Type from, Type to, std::int64_t w_row, std::int64_t N, std::int64_t K, std::uint32_t* panels,
                        std::int64_t first, std::int64_t last) {
    const bool narrow_from = from == Type::BFloat16;
    (void)to;
    TK_BY_TYPE(to, narrow_from ? pack_across_of<false>((const bf16*)w, w_row, N, K, panels, first, last)
                               : pack_across_of<false>((const float*)w, w_row, N, K, panels, first, last),
               narrow_from ? pack_across_of<true>((const bf16*)w, w_row, N, K, panels, first, last)
                           : pack_across_of<true>((const float*)w, w_row, N, K, panels, first, last));
}

static void pack_down_panels(const void* x, Type from, Type to, std::int64_t x_row, std::int64_t K, std::int64_t N,
                             std::uint32_t* panels, std::int64_t first, std::int64_t last) {
    const bool narrow_from = from == Type::BFloat16;
    (void)to;
    TK_BY_TYPE(to, narrow_from ? pack_down_of<false>((const bf16*)x, x_row, K, N, panels, first, last, 0, K)
                               : pack_down_of<false>((const float*)x, x_row, K, N, panels, first, last, 0, K),
               narrow_from ? pack_down_of<true>((const bf16*)x, x_row, K, N, panels, first, last, 0, (K + 1) / 2)
                           : pack_down_of<true>((const float*)x, x_row, K, N, panels, first, last, 0, (K + 1) / 2));
}

static void operand_rows(const void* x, Type from, Type to, std::int64_t x_row, std::int64_t rows, std::int64_t columns,
                         std::int64_t to_row, void* operand) {
    const bool narrow_from = from == Type::BFloat16;
    (void)to;
    TK_BY_TYPE(to, narrow_from ? pack_rows<false>((const bf16*)x, x_row, rows, columns, to_row, (unit*)operand)
                               : pack_rows<false>((const float*)x, x_row, rows, columns, to_row, (unit*)operand),
               narrow_from ? pack_rows<true>((const bf16*)x, x_row, rows, columns, to_row, (unit*)operand)
                           : pack_rows<true>((const float*)x, x_row, rows, columns, to_row, (unit*)operand));
}

template <bool pairs>
static void product_of(const PanelProduct& p, idx begin, idx end, idx first, idx last) {
    const idx pair = pairs ? 2 : 1, K = (p.depth + pair - 1) / pair, a_row = p.a_row / pair;
    const unit* a = (const unit*)p.a + begin * a_row;
    if (p.c_type == Type::Float32) multiply_deep<pairs>(end - begin, p.columns, K, a, a_row, p.panels, p.bias, (float*)p.c + begin * p.c_row, p.c_row, first, last);
    else multiply_deep<pairs>(end - begin, p.columns, K, a, a_row, p.panels, p.bias, (bf16*)p.c + begin * p.c_row, p.c_row, first, last);
}

static void product(Type type, const PanelProduct& p, std::int64_t begin, std::int64_t end, std::int64_t first, std::int64_t last) {
    (void)type;
    TK_BY_TYPE(type, product_of<false>(p, begin, end, first, last), product_of<true>(p, begin, end, first, last));
}

static void pack_rows_panels(Type type, const void* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, std::uint32_t* panels,
                             std::int64_t at, std::int64_t units) {
    (void)type;
    TK_BY_TYPE(type, pack_rows_down<false>((const float*)x, x_row, rows, columns, panels, at, units),
               pack_rows_down<true>((const bf16*)x, x_row, rows, columns, panels, at, units));
}

static void outer(Type type, const OuterArguments& o, std::int64_t row, std::int64_t row_end, std::int64_t first, std::int64_t last) {
    (void)type;
    TK_BY_TYPE(type, outer_of<false>(o, row, row_end, first, last), outer_of<true>(o, row, row_end, first, last));
}

static void project(const Residual& s, bool normed, Type type, const Product& p, void* out, std::int64_t begin, std::int64_t end, void* scratch) {
    (void)type;
    TK_BY_TYPE(type, project_of<false>(s, normed, p, out, begin, end, scratch), project_of<true>(s, normed, p, out, begin, end, scratch));
}

static void finish(const Residual& s, Type type, const void* in, const Product& p, std::int64_t begin, std::int64_t end, void* scratch) {
    (void)type;
    TK_BY_TYPE(type, finish_of<false>(s, in, p, begin, end, scratch), finish_of<true>(s, in, p, begin, end, scratch));
}

static void finish_backward(const Residual& s, Type type, const ProductBack& p, std::int64_t begin, std::int64_t end, void* scratch) {
    (void)type;
    TK_BY_TYPE(type, finish_backward_of<false>(s, p, begin, end, scratch), finish_backward_of<true>(s, p, begin, end, scratch));
}

static void project_backward(const Residual& s, Type type, const ProductBack& p, bool source, std::int64_t begin, std::int64_t end, void* scratch) {
    (void)type;
    TK_BY_TYPE(type, project_backward_of<false>(s, p, source, begin, end, scratch), project_backward_of<true>(s, p, source, begin, end, scratch));
}

static void feed_forward(const FeedForwardArguments& f, Type type, std::int64_t begin, std::int64_t end, void* scratch) {
    (void)type;
    TK_BY_TYPE(type, feed_forward_of<false>(f, begin, end, scratch), feed_forward_of<true>(f, begin, end, scratch));
}

static void feed_forward_backward(const FeedForwardArguments& f, Type type, const ProductBack& up, const ProductBack& down,
                                  std::int64_t begin, std::int64_t end, void* scratch) {
    (void)type;
    TK_BY_TYPE(type, feed_forward_backward_of<false>(f, up, down, begin, end, scratch), feed_forward_backward_of<true>(f, up, down, begin, end, scratch));
}

}  // namespace TK_ISA
}  // namespace transformer_kernels
