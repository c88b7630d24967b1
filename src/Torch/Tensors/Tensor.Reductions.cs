using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Sums, means, products.
        static readonly Op sum_op = Op.Find("aten::sum"); static readonly Op sum_dim_op = Op.Find("aten::sum", "dim_IntList");
        public Tensor sum(ScalarType? type = null) => sum_op.Call(this, type);
        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => sum([dim], keepdim, type);
        public Tensor sum(long dim0, long dim1, bool keepdim = false, ScalarType? type = null) => sum([dim0, dim1], keepdim, type);
        public Tensor sum(long dim0, long dim1, long dim2, bool keepdim = false, ScalarType? type = null) => sum([dim0, dim1, dim2], keepdim, type);
        public Tensor sum(ReadOnlySpan<long> dim, bool keepdim = false, ScalarType? type = null) => sum(dim.ToArray(), keepdim, type);
        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null) => sum_dim_op.Call(this, dim, keepdim, type);
        static readonly Op mean_op = Op.Find("aten::mean"); static readonly Op mean_dim_op = Op.Find("aten::mean", "dim");
        public Tensor mean() => mean_op.Call(this);
        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null) => mean_dim_op.Call(this, dimensions, keepdim, type);
        static readonly Op prod_op = Op.Find("aten::prod"); static readonly Op prod_dim_op = Op.Find("aten::prod", "dim_int");
        public Tensor prod(ScalarType? type = null) => prod_op.Call(this, type);
        public Tensor prod(long dim, bool keepdim = false, ScalarType? type = null) => prod_dim_op.Call(this, dim, keepdim, type);
        static readonly Op nansum_op = Op.Find("aten::nansum"); public Tensor nansum() => nansum_op.Call(this);
        static readonly Op nanmean_op = Op.Find("aten::nanmean");
        public Tensor nanmean(int? dim = null, bool keepdim = false, ScalarType? dtype = null) =>
            nanmean_op.Call(this, dim is { } d ? new long[] { d } : null, keepdim, dtype);
        static readonly Op logsumexp_op = Op.Find("aten::logsumexp");
        public Tensor logsumexp(long dim, bool keepdim = false) => logsumexp_op.Call(this, new[] { dim }, keepdim);
        static readonly Op norm_op = Op.Find("aten::norm", "Scalar"); static readonly Op norm_dim_op = Op.Find("aten::norm", "ScalarOpt_dim");
        public Tensor norm(float p = 2f) => norm_op.Call(this, p);
        public Tensor norm(int dim, bool keepdim = false, float p = 2f) => norm_dim_op.Call(this, p, new long[] { dim }, keepdim);
        static readonly Op dist_op = Op.Find("aten::dist"); public Tensor dist(Tensor other, float p = 2f) => dist_op.Call(this, other, p);

        // Running along a dimension.
        static readonly Op cumsum_op = Op.Find("aten::cumsum"); public Tensor cumsum(long dim, ScalarType? type = null) => cumsum_op.Call(this, dim, type);
        static readonly Op cumprod_op = Op.Find("aten::cumprod"); public Tensor cumprod(long dim, ScalarType? type = null) => cumprod_op.Call(this, dim, type);
        static readonly Op logcumsumexp_op = Op.Find("aten::logcumsumexp"); public Tensor logcumsumexp(long dim) => logcumsumexp_op.Call(this, dim);
        static readonly Op cummax_op = Op.Find("aten::cummax"); public (Tensor values, Tensor indexes) cummax(long dim) => Two(cummax_op.CallMany(this, dim));
        static readonly Op cummin_op = Op.Find("aten::cummin"); public (Tensor values, Tensor indexes) cummin(long dim) => Two(cummin_op.CallMany(this, dim));
        static readonly Op diff_op = Op.Find("aten::diff");
        public Tensor diff(long n = 1, long dim = -1, Tensor? prepend = null, Tensor? append = null) => diff_op.Call(this, n, dim, prepend, append);

        // Truth.
        static readonly Op all_op = Op.Find("aten::all"); static readonly Op all_dim_op = Op.Find("aten::all", "dim");
        public Tensor all() => all_op.Call(this);
        public Tensor all(long dim, bool keepdim = false) => all_dim_op.Call(this, dim, keepdim);
        static readonly Op any_op = Op.Find("aten::any"); static readonly Op any_dim_op = Op.Find("aten::any", "dim");
        public Tensor any() => any_op.Call(this);
        public Tensor any(long dim, bool keepdim = false) => any_dim_op.Call(this, dim, keepdim);
        static readonly Op count_nonzero_op = Op.Find("aten::count_nonzero"); static readonly Op count_nonzero_dim_op = Op.Find("aten::count_nonzero", "dim_IntList");
        public Tensor count_nonzero(long[]? dims = null) => dims is null ? count_nonzero_op.Call(this) : count_nonzero_dim_op.Call(this, dims);

        // Extremes.
        static readonly Op max_op = Op.Find("aten::max"); static readonly Op max_dim_op = Op.Find("aten::max", "dim"); static readonly Op max_other_op = Op.Find("aten::max", "other");
        public Tensor max() => max_op.Call(this);
        public Tensor max(Tensor other) => max_other_op.Call(this, other);
        public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false) => Two(max_dim_op.CallMany(this, dim, keepdim));
        static readonly Op min_op = Op.Find("aten::min"); static readonly Op min_dim_op = Op.Find("aten::min", "dim"); static readonly Op min_other_op = Op.Find("aten::min", "other");
        public Tensor min() => min_op.Call(this);
        public Tensor min(Tensor other) => min_other_op.Call(this, other);
        public (Tensor values, Tensor indexes) min(long dim, bool keepdim = false) => Two(min_dim_op.CallMany(this, dim, keepdim));
        static readonly Op amax_op = Op.Find("aten::amax");
        public Tensor amax(params long[] dims) => amax_op.Call(this, dims);
        public Tensor amax(ReadOnlySpan<long> dims, bool keepdim = false, Tensor? @out = null) => amax(dims.ToArray(), keepdim, @out);
        static readonly Op amax_out_op = Op.Find("aten::amax", "out");
        public Tensor amax(long[] dims, bool keepdim = false, Tensor? @out = null)
        {
            if (@out is null) return amax_op.Call(this, dims, keepdim);
            amax_out_op.CallVoid(this, dims, keepdim, @out);
            return @out;
        }
        static readonly Op amin_op = Op.Find("aten::amin");
        public Tensor amin(params long[] dims) => amin_op.Call(this, dims);
        public Tensor amin(ReadOnlySpan<long> dims, bool keepdim = false, Tensor? @out = null) => amin(dims.ToArray(), keepdim, @out);
        static readonly Op amin_out_op = Op.Find("aten::amin", "out");
        public Tensor amin(long[] dims, bool keepdim = false, Tensor? @out = null)
        {
            if (@out is null) return amin_op.Call(this, dims, keepdim);
            amin_out_op.CallVoid(this, dims, keepdim, @out);
            return @out;
        }
        static readonly Op aminmax_op = Op.Find("aten::aminmax");
        public (Tensor min, Tensor max) aminmax(long? dim = null, bool keepdim = false) => Two(aminmax_op.CallMany(this, dim, keepdim));
        static readonly Op argmax_op = Op.Find("aten::argmax");
        public Tensor argmax() => argmax_op.Call(this);
        public Tensor argmax(long dim, bool keepdim = false) => argmax_op.Call(this, dim, keepdim);
        static readonly Op argmin_op = Op.Find("aten::argmin");
        public Tensor argmin() => argmin_op.Call(this);
        public Tensor argmin(long dim, bool keepdim = false) => argmin_op.Call(this, dim, keepdim);

        /// <summary>The two results of an operator that gives a pair.</summary>
        static (Tensor, Tensor) Two(Tensor[] results) => (results[0], results[1]);
    }
}
