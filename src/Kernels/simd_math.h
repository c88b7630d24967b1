// Powers, exponentials, inverses and hashes of vectors of sixteen numbers.

namespace transformer_kernels {
namespace TK_ISA {

// 2^n * p for an integer n within the range of float's exponents.
TK_INLINE vf scale_by_power(vf p, vf n) {
#if TK_LEVEL >= 2
    return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    vu exponent = as_u(n + 12582912.0f) - 0x4b400000u + 127u;  // 1.5 * 2^23 leaves n in the low mantissa bits
    return p * as_f(exponent << 23);
#endif
}

TK_INLINE vf nearest_integer(vf x) {
#if TK_LEVEL >= 2
    return (vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    return (x + 12582912.0f) - 12582912.0f;
#endif
}

// 2^x for x up to 127; below -126, and for -inf, it is 0 or nearly, so that a masked score has no weight. The
// polynomials were fitted for this project: relative error 9e-8, or 3e-6 for results that are rounded to bf16
// (`brief`).
template <bool brief>
TK_INLINE vf power_of_two(vf x) {
#if TK_LEVEL >= 2
    vf bounded = maximum(x, all(-160.0f));
#else
    vf bounded = maximum(x, all(-126.4f));
#endif
    vf n = nearest_integer(bounded);
    vf r = bounded - n, p;
    if constexpr (brief) {
        p = all(0.009582772065860154f);
        p = p * r + 0.0559063581449767f;
        p = p * r + 0.24024099551078013f;
        p = p * r + 0.693124201886609f;
    } else {
        p = all(0.0013264657862713941f);
        p = p * r + 0.009671511193231588f;
        p = p * r + 0.05550733898077345f;
        p = p * r + 0.2402224211610078f;
        p = p * r + 0.693146977552235f;
    }
    p = scale_by_power(p * r + 1.0f, n);
#if TK_LEVEL >= 2
    return p;
#else
    return pick(x < all(-126.0f), vf{}, p);
#endif
}

constexpr float log2_e = 1.44269504f, ln_2 = 0.69314718f;

// e^x to about 1 unit in the last place; 0 or nearly below -87.3, bounded above 88.
TK_INLINE vf exponential(vf x) {
#if TK_LEVEL >= 2
    vf bounded = minimum(maximum(x, all(-110.0f)), all(88.0f));
#else
    vf bounded = minimum(maximum(x, all(-87.6f)), all(88.0f));
#endif
    vf n = nearest_integer(bounded * log2_e);
    vf r = bounded - n * 0.693359375f;  // ln 2 in two parts, the first exact in few bits
    r = r - n * -2.12194440e-4f;
    vf p = all(0.008290271382f);
    p = p * r + 0.04189792303f;
    p = p * r + 0.1666763666f;
    p = p * r + 0.4999914959f;
    p = p * r + 0.9999997071f;
    p = scale_by_power(p * r + 1.0f, n);
#if TK_LEVEL >= 2
    return p;
#else
    return pick(x < all(-87.33f), vf{}, p);
#endif
}

// 1 / x to about 1 unit in the last place, for |x| between 2^-126 and 2^126.
TK_INLINE vf inverse(vf x) {
#if TK_LEVEL >= 2
    vf r = (vf)_mm512_rcp14_ps((__m512)x);
    return r + r * (1.0f - x * r);
#else
    return 1.0f / x;
#endif
}

// A well-mixed 32-bit number for each counter; the constants are those of a published low-bias integer hash.
TK_INLINE vu mix(vu x) {
    x ^= x >> 16;
    x *= 0x21f0aaadu;
    x ^= x >> 15;
    x *= 0xd35a2d97u;
    x ^= x >> 15;
    return x;
}

TK_INLINE std::uint64_t mix64(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

}  // namespace TK_ISA
}  // namespace transformer_kernels
