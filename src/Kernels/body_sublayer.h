// The sublayers of a transformer, forward and backward: norm, products, activation and residual connection on a block
// of rows at a time, so that each part's output is still in the cache when the next part reads it.

namespace transformer_kernels {
namespace TK_ISA {

template <bool pairs>
struct Products {
    typedef float Number;
};
template <>
struct Products<true> {
    typedef bf16 Number;
};

template <bool pairs>
using Number = typename Products<pairs>::Number;

// The key and the first index of a row's elements.
struct RowDrop {
    std::uint32_t key;
    idx start;
};

TK_INLINE RowDrop row_drop(const Dropping& d, idx row, idx width) {
    if (!d.threshold) return {0, 0};
    return {example_key(d, row / d.rows), row % d.rows * width};
}

template <class T>
static void drop_rows(const Dropping& d, T* x, idx row, idx rows, idx width) {
    if (!d.threshold) return;
    for (idx r = 0; r < rows; ++r, x += width) {
        const RowDrop at = row_drop(d, row + r, width);
        for (idx i = 0; i < width; i += W) store_upto(x + i, drop(d, at.key, load_upto(x + i, width - i), at.start + i), width - i);
    }
}

template <class T>
static void add_columns_of(float* sums, const T* x, idx x_row, idx rows, idx width) {
    for (idx i = 0; i < width; i += W) {
        vf sum = load_upto(sums + i, width - i);
        for (idx r = 0; r < rows; ++r) sum += load_upto(x + r * x_row + i, width - i);
        store_upto(sums + i, sum, width - i);
    }
}

static void add_columns(float* sums, const void* x, Type type, std::int64_t x_row, std::int64_t rows, std::int64_t width) {
    if (type == Type::Float32) add_columns_of(sums, (const float*)x, x_row, rows, width);
    else add_columns_of(sums, (const bf16*)x, x_row, rows, width);
}

template <class T>
static void convert_rows(const float* x, T* y, idx n) {
    for (idx i = 0; i < n; i += W) store_upto(y + i, load_upto(x + i, n - i), n - i);
}

// What a sublayer's first product reads: the norm of x, or x itself.
template <class T>
static void enter_rows(const Residual& s, bool normed, const float* x, T* n, idx row, idx rows) {
    if (!normed) return convert_rows(x + row * s.width, n, rows * s.width);
    NormArguments a{};
    a.x = x + row * s.width;
    a.y = n;
    a.mean = s.mean ? s.mean + row : nullptr;
    a.rstd = s.rstd + row;
    a.gamma = s.gamma, a.beta = s.beta, a.width = s.width, a.eps = s.eps;
    norm_forward_of<float, T>(a, 0, rows);
}

// The same in the backward pass, from the saved mean and rstd.
template <class T>
static void enter_rows_again(const Residual& s, T* n, idx row, idx rows) {
    const idx width = s.width;
    if (s.post) return convert_rows(s.x + row * width, n, rows * width);
    for (idx r = 0; r < rows; ++r, n += width) {
        const float* x = s.x + (row + r) * width;
        const float mean = s.mean ? s.mean[row + r] : 0.0f, rstd = s.rstd[row + r];
        for (idx i = 0; i < width; i += W) {
            vf v = (load_upto(x + i, width - i) - mean) * rstd;
            if (s.gamma) v *= load_upto(s.gamma + i, width - i);
            if (s.beta) v += load_upto(s.beta + i, width - i);
            store_upto(n + i, v, width - i);
        }
    }
}

// y = x + drop(z), or the norm of that.
static void leave_rows(const Residual& s, float* z, idx row, idx rows) {
    const idx width = s.width;
    drop_rows(s.drop, z, row, rows, width);
    float* to = (s.post ? s.sum : s.y) + row * width;
    const float* x = s.x + row * width;
    for (idx i = 0, n = rows * width; i < n; i += W) store_upto(to + i, load_upto(x + i, n - i) + load_upto(z + i, n - i), n - i);
    if (s.post) enter_rows(s, true, s.sum, s.y + row * width, row, rows);
}

static void norm_rows_back(const Residual& s, const float* input, const float* dy, const float* dskip, float* dx, float* sums,
                           idx row, idx rows) {
    NormGradients g{};
    g.dy = dy, g.dskip = dskip, g.dx = dx;
    g.x = input + row * s.width;
    g.gamma = s.gamma;
    g.mean = s.mean ? s.mean + row : nullptr;
    g.rstd = s.rstd + row;
    g.dgamma = s.gamma ? sums : nullptr;
    g.dbeta = s.beta ? sums + s.width : nullptr;
    g.width = s.width;
    norm_backward_of<float, float>(g, 0, rows);
}

// Computes dz, the gradient of what the sublayer added; with post-norm, dx becomes the gradient of the sum. Adds to
// `sums`: gamma, beta, the last product's bias.
template <class T>
static void leave_rows_back(const Residual& s, T* dz, float* sums, idx row, idx rows) {
    const idx width = s.width;
    const float* g = s.dy + row * width;
    if (s.post) {
        float* dx = s.dx + row * width;
        norm_rows_back(s, s.sum, g, nullptr, dx, sums, row, rows);
        g = dx;
    }
    for (idx r = 0; r < rows; ++r) {
        const RowDrop at = row_drop(s.drop, row + r, width);
        for (idx i = 0; i < width; i += W) {
            vf v = load_upto(g + r * width + i, width - i);
            if (s.drop.threshold) v = drop(s.drop, at.key, v, at.start + i);
            store_upto(dz + r * width + i, v, width - i);
        }
    }
    add_columns_of(sums + 2 * width, dz, width, rows, width);
}

// dx from the gradient of what the first product read. dn is overwritten.
static void enter_rows_back(const Residual& s, float* dn, float* sums, idx row, idx rows) {
    const idx width = s.width;
    float* dx = s.dx + row * width;
    if (!s.post) return norm_rows_back(s, s.x, dn, s.dy + row * width, dx, sums, row, rows);
    for (idx i = 0, n = rows * width; i < n; i += W) store_upto(dx + i, load_upto(dx + i, n - i) + load_upto(dn + i, n - i), n - i);
}

// ---- the parts of attention --------------------------------------------------------------------------------------------

template <bool pairs>
static void project_of(const Residual& s, bool normed, const Product& p, void* out, idx begin, idx end, void* scratch) {
    typedef Number<pairs> T;
    T* n = (T*)scratch;
    enter_rows(s, normed, s.x, n, begin, end - begin);
    multiply_panels<pairs>(end - begin, p.out, p.in / (pairs ? 2 : 1), (const unit*)n, p.in / (pairs ? 2 : 1), p.panels, p.bias,
                           (T*)out + begin * p.out, p.out);
}

template <bool pairs>
static void finish_of(const Residual& s, const void* in, const Product& p, idx begin, idx end, void* scratch) {
    const idx Ku = p.in / (pairs ? 2 : 1);
    float* z = (float*)scratch;
    multiply_panels<pairs>(end - begin, p.out, Ku, (const unit*)in + begin * Ku, Ku, p.panels, p.bias, z, p.out);
    leave_rows(s, z, begin, end - begin);
}

// Rotates queries or keys by their position, or back: dimension i is paired with i + E/2.
template <class T>
static void rotate_of(const RotateArguments& r, idx begin, idx end) {
    const idx half = r.width / 2;
    for (idx row = begin; row < end; ++row) {
        const float *cosine = r.cosine + row % r.period * r.width, *sine = r.sine + row % r.period * r.width;
        T* x = (T*)r.x + row * r.row;
        for (idx head = 0; head < r.heads; ++head, x += r.width)
            for (idx i = 0; i < half; i += W) {
                const idx left = half - i;
                vf a = load_upto(x + i, left), b = load_upto(x + half + i, left);
                vf c = load_upto(cosine + i, left), s = load_upto(sine + i, left) * (r.back ? -1.0f : 1.0f);
                store_upto(x + i, a * c - b * s, left);
                store_upto(x + half + i, b * c + a * s, left);
            }
    }
}

static void rotate(const RotateArguments& r, Type type, std::int64_t begin, std::int64_t end) {
    if (type == Type::Float32) rotate_of<float>(r, begin, end);
    else rotate_of<bf16>(r, begin, end);
}

template <bool pairs>
static void finish_backward_of(const Residual& s, const ProductBack& p, idx begin, idx end, void* scratch) {
    typedef Number<pairs> T;
    const idx rows = end - begin, pair = pairs ? 2 : 1, at = begin / pair;
    T* dz = (T*)scratch;
    leave_rows_back(s, dz, p.sums, begin, rows);
    const T* in = (const T*)p.input + begin * p.in;
    pack_rows_down<pairs>(dz, p.out, rows, p.out, p.gradient_panels, at, p.units);
    pack_down_of<pairs>(in, p.in, rows, p.in, p.input_panels, 0, (p.in + W - 1) / W, at, p.units);
    multiply_panels<pairs>(rows, p.in, p.out / pair, (const unit*)dz, p.out / pair, p.panels, nullptr, (T*)p.dinput + begin * p.in, p.in);
}

template <bool pairs>
static void project_backward_of(const Residual& s, const ProductBack& p, bool source, idx begin, idx end, void* scratch) {
    typedef Number<pairs> T;
    const idx rows = end - begin, pair = pairs ? 2 : 1, at = begin / pair;
    const T* dout = (const T*)p.gradient + begin * p.out;
    Carver carver{(char*)scratch, 0};
    float* room = carver.take<float>(rows * s.width);
    float* dn = source ? s.dx + begin * s.width : room;
    T* n = carver.take<T>(rows * s.width);
    add_columns_of(p.sums + 3 * s.width, dout, p.out, rows, p.out);
    multiply_panels<pairs>(rows, p.in, p.out / pair, (const unit*)dout, p.out / pair, p.panels, nullptr, dn, p.in);
    pack_rows_down<pairs>(dout, p.out, rows, p.out, p.gradient_panels, at, p.units);
    if (source) convert_rows(s.x + begin * s.width, n, rows * s.width);
    else enter_rows_again(s, n, begin, rows);
    pack_down_of<pairs>(n, p.in, rows, p.in, p.input_panels, 0, (p.in + W - 1) / W, at, p.units);
    if (!source) enter_rows_back(s, dn, p.sums, begin, rows);
}

// ---- the feed-forward network ------------------------------------------------------------------------------------------

template <bool pairs>
static void feed_forward_of(const FeedForwardArguments& f, idx begin, idx end, void* scratch) {
    typedef Number<pairs> T;
    const Residual& s = f.residual;
    const idx rows = end - begin, pair = pairs ? 2 : 1, in = s.width / pair;
    Carver carver{(char*)scratch, 0};
    T* n = carver.take<T>(rows * s.width);
    T* active = carver.take<T>(rows * f.hidden_width);
    T* hidden = f.hidden ? (T*)f.hidden + begin * f.up.out : carver.take<T>(rows * f.up.out);
    float* z = carver.take<float>(rows * s.width);
    enter_rows(s, !s.post, s.x, n, begin, rows);
    multiply_panels<pairs>(rows, f.up.out, in, (const unit*)n, in, f.up.panels, f.up.bias, hidden, f.up.out);
    const Type type = pairs ? Type::BFloat16 : Type::Float32;
    if (f.gated) gated(f.kind, hidden, active, type, rows, f.hidden_width);
    else activation(f.kind, hidden, active, type, rows * f.hidden_width);
    drop_rows(f.hidden_drop, active, begin, rows, f.hidden_width);
    const idx Ku = f.hidden_width / pair;
    multiply_panels<pairs>(rows, s.width, Ku, (const unit*)active, Ku, f.down.panels, f.down.bias, z, s.width);
    leave_rows(s, z, begin, rows);
}

// Recomputes the activation's value, and computes the gradient of its input from that of its output.
template <Activation kind, class T>
static void activate_back_of(const FeedForwardArguments& f, const T* hidden, const T* dactive, T* active, T* dhidden, idx row, idx rows) {
    const idx width = f.hidden_width, out = f.gated ? 2 * width : width;
    for (idx r = 0; r < rows; ++r, hidden += out, dhidden += out, dactive += width, active += width) {
        const RowDrop at = row_drop(f.hidden_drop, row + r, width);
        for (idx i = 0; i < width; i += W) {
            const idx left = width - i;
            Pair p = activate<kind>(load_upto(hidden + i, left));
            vf d = load_upto(dactive + i, left), value = p.value, up = all(1.0f);
            if (f.gated) up = load_upto(hidden + width + i, left);
            value *= up;
            if (f.hidden_drop.threshold) {
                d = drop(f.hidden_drop, at.key, d, at.start + i);
                value = drop(f.hidden_drop, at.key, value, at.start + i);
            }
            store_upto(active + i, value, left);
            store_upto(dhidden + i, d * p.slope * up, left);
            if (f.gated) store_upto(dhidden + width + i, d * p.value, left);
        }
    }
}

template <class T>
static void activate_back(const FeedForwardArguments& f, const T* hidden, const T* dactive, T* active, T* dhidden, idx row, idx rows) {
    switch (f.kind) {
        case Activation::Gelu: return activate_back_of<Activation::Gelu>(f, hidden, dactive, active, dhidden, row, rows);
        case Activation::GeluTanh: return activate_back_of<Activation::GeluTanh>(f, hidden, dactive, active, dhidden, row, rows);
        case Activation::Silu: return activate_back_of<Activation::Silu>(f, hidden, dactive, active, dhidden, row, rows);
        case Activation::Relu: return activate_back_of<Activation::Relu>(f, hidden, dactive, active, dhidden, row, rows);
    }
}

template <bool pairs>
static void feed_forward_backward_of(const FeedForwardArguments& f, const ProductBack& up, const ProductBack& down, idx begin,
                                     idx end, void* scratch) {
    typedef Number<pairs> T;
    const Residual& s = f.residual;
    const idx rows = end - begin, pair = pairs ? 2 : 1, at = begin / pair, F = f.hidden_width;
    Carver carver{(char*)scratch, 0};
    T* dz = carver.take<T>(rows * s.width);
    T* n = dz;  // dz is done with when n is made
    T* active = carver.take<T>(rows * F);
    T* dactive = carver.take<T>(rows * F);
    T* dhidden = carver.take<T>(rows * up.out);
    float* dn = carver.take<float>(rows * s.width);
    leave_rows_back(s, dz, down.sums, begin, rows);
    pack_rows_down<pairs>(dz, s.width, rows, s.width, down.gradient_panels, at, down.units);
    multiply_panels<pairs>(rows, F, s.width / pair, (const unit*)dz, s.width / pair, down.panels, nullptr, dactive, F);
    activate_back(f, (const T*)f.hidden + begin * up.out, dactive, active, dhidden, begin, rows);
    pack_down_of<pairs>(active, F, rows, F, down.input_panels, 0, (F + W - 1) / W, at, down.units);
    pack_rows_down<pairs>(dhidden, up.out, rows, up.out, up.gradient_panels, at, up.units);
    add_columns_of(up.sums + 3 * s.width, dhidden, up.out, rows, up.out);
    multiply_panels<pairs>(rows, s.width, up.out / pair, (const unit*)dhidden, up.out / pair, up.panels, nullptr, dn, s.width);
    enter_rows_again(s, n, begin, rows);
    pack_down_of<pairs>(n, s.width, rows, s.width, up.input_panels, 0, (s.width + W - 1) / W, at, up.units);
    enter_rows_back(s, dn, up.sums, begin, rows);
}

}  // namespace TK_ISA
}  // namespace transformer_kernels
