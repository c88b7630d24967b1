using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Spread: "unbiased" divides by one less than the number of elements (Bessel).
        static readonly Op var_op = Op.Find("aten::var"); static readonly Op var_dim_op = Op.Find("aten::var", "dim");
        public Tensor var(bool unbiased = true) => var_op.Call(this, unbiased);
        public Tensor var(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => var((long[])[dim], unbiased, keepdim, type);
        public Tensor var((long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => var((long[])[dim.Item1, dim.Item2], unbiased, keepdim, type);
        public Tensor var((long, long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => var((long[])[dim.Item1, dim.Item2, dim.Item3], unbiased, keepdim, type);
        public Tensor var(ReadOnlySpan<long> dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => var(dimensions.ToArray(), unbiased, keepdim, type);
        public Tensor var(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null)
        {
            using var typed = As(type);
            return var_dim_op.Call(typed ?? this, dimensions, unbiased, keepdim);
        }

        static readonly Op std_op = Op.Find("aten::std"); static readonly Op std_dim_op = Op.Find("aten::std", "dim");
        public Tensor std(bool unbiased = true) => std_op.Call(this, unbiased);
        public Tensor std(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => std((long[])[dim], unbiased, keepdim, type);
        public Tensor std((long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => std((long[])[dim.Item1, dim.Item2], unbiased, keepdim, type);
        public Tensor std((long, long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => std((long[])[dim.Item1, dim.Item2, dim.Item3], unbiased, keepdim, type);
        public Tensor std(ReadOnlySpan<long> dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => std(dimensions.ToArray(), unbiased, keepdim, type);
        public Tensor std(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null)
        {
            using var typed = As(type);
            return std_dim_op.Call(typed ?? this, dimensions, unbiased, keepdim);
        }

        // TorchSharp calls the variance "std" in two of these results.
        static readonly Op var_mean_op = Op.Find("aten::var_mean"); static readonly Op var_mean_dim_op = Op.Find("aten::var_mean", "dim");
        public (Tensor var, Tensor mean) var_mean(bool unbiased = true) => Two(var_mean_op.CallMany(this, unbiased));
        public (Tensor var, Tensor mean) var_mean(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => var_mean((long[])[dim], unbiased, keepdim, type);
        public (Tensor var, Tensor mean) var_mean((long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => var_mean((long[])[dim.Item1, dim.Item2], unbiased, keepdim, type);
        public (Tensor var, Tensor mean) var_mean((long, long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => var_mean((long[])[dim.Item1, dim.Item2, dim.Item3], unbiased, keepdim, type);
        public (Tensor std, Tensor mean) var_mean(ReadOnlySpan<long> dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => var_mean(dimensions.ToArray(), unbiased, keepdim, type);
        public (Tensor std, Tensor mean) var_mean(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null)
        {
            using var typed = As(type);
            return Two(var_mean_dim_op.CallMany(typed ?? this, dimensions, unbiased, keepdim));
        }

        static readonly Op std_mean_op = Op.Find("aten::std_mean"); static readonly Op std_mean_dim_op = Op.Find("aten::std_mean", "dim");
        public (Tensor std, Tensor mean) std_mean(bool unbiased = true) => Two(std_mean_op.CallMany(this, unbiased));
        public (Tensor std, Tensor mean) std_mean(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => std_mean((long[])[dim], unbiased, keepdim, type);
        public (Tensor std, Tensor mean) std_mean((long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => std_mean((long[])[dim.Item1, dim.Item2], unbiased, keepdim, type);
        public (Tensor std, Tensor mean) std_mean((long, long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => std_mean((long[])[dim.Item1, dim.Item2, dim.Item3], unbiased, keepdim, type);
        public (Tensor std, Tensor mean) std_mean(ReadOnlySpan<long> dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => std_mean(dimensions.ToArray(), unbiased, keepdim, type);
        public (Tensor std, Tensor mean) std_mean(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null)
        {
            using var typed = As(type);
            return Two(std_mean_dim_op.CallMany(typed ?? this, dimensions, unbiased, keepdim));
        }

        static readonly Op median_op = Op.Find("aten::median"); public Tensor median() => median_op.Call(this);
        static readonly Op nanmedian_op = Op.Find("aten::nanmedian"); public Tensor nanmedian() => nanmedian_op.Call(this);
        static readonly Op quantile_op = Op.Find("aten::quantile");
        public Tensor quantile(Tensor q, long dim = -1, bool keepdim = false) => quantile_op.Call(this, q, dim, keepdim);
        static readonly Op nanquantile_op = Op.Find("aten::nanquantile");
        public Tensor nanquantile(Tensor q, long dim = -1, bool keepdim = false) => nanquantile_op.Call(this, q, dim, keepdim);
        static readonly Op mode_op = Op.Find("aten::mode");
        public (Tensor values, Tensor indices) mode(long dim = -1, bool keepdim = false) => Two(mode_op.CallMany(this, dim, keepdim));
        static readonly Op kthvalue_op = Op.Find("aten::kthvalue");
        public (Tensor values, Tensor indices) kthvalue(long k, long? dim, bool keepdim = false) => Two(kthvalue_op.CallMany(this, k, dim ?? -1, keepdim));
        static readonly Op cov_op = Op.Find("aten::cov");
        public Tensor cov(long correction = 1, Tensor? fweights = null, Tensor? aweights = null) => cov_op.Call(this, correction, fweights, aweights);
        static readonly Op corrcoef_op = Op.Find("aten::corrcoef"); public Tensor corrcoef() => corrcoef_op.Call(this);
        static readonly Op bincount_op = Op.Find("aten::bincount"); public Tensor bincount(Tensor? weights, long minlength = 0) => bincount_op.Call(this, weights, minlength);
        static readonly Op histc_op = Op.Find("aten::histc");
        public Tensor histc(long bins = 100, long min = 0, long max = 0) => histc_op.Call(this, bins, min, max);

        /// <summary>This tensor in another element type; null where no conversion is asked for.</summary>
        Tensor? As(ScalarType? type) => type is { } wanted && wanted != dtype ? to(wanted) : null;
    }
}
