using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // One place or one range of a dimension.
        static readonly Op select_op = Op.Find("aten::select", "int"); public Tensor select(long dim, long index) => select_op.Call(this, dim, index);
        static readonly Op narrow_op = Op.Find("aten::narrow"); public Tensor narrow(long dim, long start, long length) => narrow_op.Call(this, dim, start, length);
        public Tensor slice(long dim, long start, long finish, long step) => slice_op.Call(this, dim, start, finish, step);
        static readonly Op select_scatter_op = Op.Find("aten::select_scatter");
        public Tensor select_scatter(Tensor src, long dim, long index) => select_scatter_op.Call(this, src, dim, index);
        static readonly Op slice_scatter_op = Op.Find("aten::slice_scatter");
        public Tensor slice_scatter(Tensor src, long dim = 0, long? start = null, long? end = null, long step = 1) => slice_scatter_op.Call(this, src, dim, start, end, step);
        static readonly Op diagonal_scatter_op = Op.Find("aten::diagonal_scatter");
        public Tensor diagonal_scatter(Tensor src, long offset = 0, long dim1 = 0, long dim2 = 1) => diagonal_scatter_op.Call(this, src, offset, dim1, dim2);

        // Places named by a tensor of indices.
        static readonly Op index_select_op = Op.Find("aten::index_select"); public Tensor index_select(long dim, Tensor index) => index_select_op.Call(this, dim, index);
        static readonly Op gather_op = Op.Find("aten::gather"); public Tensor gather(long dim, Tensor index) => gather_op.Call(this, dim, index);
        static readonly Op take_op = Op.Find("aten::take"); public Tensor take(Tensor index) => take_op.Call(this, index);
        static readonly Op take_along_dim_op = Op.Find("aten::take_along_dim");
        public Tensor take_along_dim(Tensor indices) => take_along_dim_op.Call(this, indices);
        public Tensor take_along_dim(Tensor indices, long dim) => take_along_dim_op.Call(this, indices, dim);
        static readonly Op scatter_op = Op.Find("aten::scatter", "src");
        public Tensor scatter(long dim, Tensor index, Tensor src) => scatter_op.Call(this, dim, index, src);
        static readonly Op scatter_in_op = Op.Find("aten::scatter_", "src");
        public Tensor scatter_(long dim, Tensor index, Tensor src) => scatter_in_op.CallInPlace(this, dim, index, src);
        static readonly Op scatter_add_op = Op.Find("aten::scatter_add");
        public Tensor scatter_add(long dim, Tensor index, Tensor src) => scatter_add_op.Call(this, dim, index, src);
        static readonly Op scatter_add_in_op = Op.Find("aten::scatter_add_");
        public Tensor scatter_add_(long dim, Tensor index, Tensor src) => scatter_add_in_op.CallInPlace(this, dim, index, src);
        static readonly Op index_add_op = Op.Find("aten::index_add");
        public Tensor index_add(long dim, Tensor index, Tensor source, Scalar alpha) => index_add_op.Call(this, dim, index, source, alpha);
        static readonly Op index_add_in_op = Op.Find("aten::index_add_");
        public Tensor index_add_(long dim, Tensor index, Tensor source, Scalar alpha) => index_add_in_op.CallInPlace(this, dim, index, source, alpha);
        static readonly Op index_copy_op = Op.Find("aten::index_copy");
        public Tensor index_copy(long dim, Tensor index, Tensor source) => index_copy_op.Call(this, dim, index, source);
        static readonly Op index_copy_in_op = Op.Find("aten::index_copy_");
        public Tensor index_copy_(long dim, Tensor index, Tensor source) => index_copy_in_op.CallInPlace(this, dim, index, source);
        static readonly Op index_fill_op = Op.Find("aten::index_fill", "int_Scalar");
        public Tensor index_fill(long dim, Tensor index, Scalar value) => index_fill_op.Call(this, dim, index, value);
        static readonly Op index_fill_in_op = Op.Find("aten::index_fill_", "int_Scalar");
        public Tensor index_fill_(long dim, Tensor index, Scalar value) => index_fill_in_op.CallInPlace(this, dim, index, value);

        // Places named by a mask.
        static readonly Op masked_fill_op = Op.Find("aten::masked_fill", "Scalar"); public Tensor masked_fill(Tensor mask, Scalar value) => masked_fill_op.Call(this, mask, value);
        static readonly Op masked_fill_in_op = Op.Find("aten::masked_fill_", "Scalar"); public Tensor masked_fill_(Tensor mask, Scalar value) => masked_fill_in_op.CallInPlace(this, mask, value);
        static readonly Op masked_select_op = Op.Find("aten::masked_select"); public Tensor masked_select(Tensor mask) => masked_select_op.Call(this, mask);
        static readonly Op masked_scatter_op = Op.Find("aten::masked_scatter"); public Tensor masked_scatter(Tensor mask, Tensor value) => masked_scatter_op.Call(this, mask, value);
        static readonly Op masked_scatter_in_op = Op.Find("aten::masked_scatter_"); public Tensor masked_scatter_(Tensor mask, Tensor value) => masked_scatter_in_op.CallInPlace(this, mask, value);
        static readonly Op where_op = Op.Find("aten::where", "self"); public Tensor where(Tensor condition, Tensor y) => where_op.Call(condition, this, y);
        static readonly Op nonzero_op = Op.Find("aten::nonzero"); public Tensor nonzero() => nonzero_op.Call(this);
        static readonly Op nonzero_numpy_op = Op.Find("aten::nonzero_numpy"); public IList<Tensor> nonzero_as_list() => nonzero_numpy_op.CallMany(this);
        static readonly Op argwhere_op = Op.Find("aten::argwhere"); public Tensor argwhere() => argwhere_op.Call(this);

        // Order.
        static readonly Op sort_op = Op.Find("aten::sort", "stable");
        public (Tensor Values, Tensor Indices) sort(long dim = -1, bool descending = false, bool stable = false) => Two(sort_op.CallMany(this, stable, dim, descending));
        static readonly Op argsort_op = Op.Find("aten::argsort"); public Tensor argsort(long dim = -1, bool descending = false) => argsort_op.Call(this, dim, descending);
        static readonly Op msort_op = Op.Find("aten::msort"); public Tensor msort() => msort_op.Call(this);
        static readonly Op topk_op = Op.Find("aten::topk");
        public (Tensor values, Tensor indexes) topk(int k, int dim = -1, bool largest = true, bool sorted = true) => Two(topk_op.CallMany(this, k, dim, largest, sorted));
        static readonly Op bucketize_op = Op.Find("aten::bucketize", "Tensor");
        public Tensor bucketize(Tensor boundaries, bool outInt32 = false, bool right = false) => bucketize_op.Call(this, boundaries, outInt32, right);
        static readonly Op unique_op = Op.Find("aten::_unique2"); static readonly Op unique_dim_op = Op.Find("aten::unique_dim");
        public (Tensor output, Tensor? inverse_indices, Tensor? counts) unique(bool sorted = true, bool return_inverse = false, bool return_counts = false, int? dim = null) =>
            Unique(dim is { } d ? unique_dim_op.CallMany(this, d, sorted, return_inverse, return_counts) : unique_op.CallMany(this, sorted, return_inverse, return_counts), return_inverse, return_counts);
        static readonly Op unique_consecutive_op = Op.Find("aten::unique_consecutive");
        public (Tensor output, Tensor? inverse_indices, Tensor? counts) unique_consecutive(bool return_inverse = false, bool return_counts = false, int? dim = null) =>
            Unique(unique_consecutive_op.CallMany(this, return_inverse, return_counts, dim), return_inverse, return_counts);

        /// <summary>Keeps what was asked for: libtorch always gives three tensors.</summary>
        static (Tensor, Tensor?, Tensor?) Unique(Tensor[] results, bool inverse, bool counts)
        {
            if (!inverse) results[1].Dispose();
            if (!counts) results[2].Dispose();
            return (results[0], inverse ? results[1] : null, counts ? results[2] : null);
        }
    }
}
