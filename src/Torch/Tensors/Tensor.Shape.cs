using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Views: the same elements under another shape.
        static readonly Op view_op = Op.Find("aten::view"); public Tensor view(params long[] shape) => view_op.Call(this, shape);
        public Tensor view_as(Tensor other) => view(other.shape);
        static readonly Op reshape_op = Op.Find("aten::reshape"); public Tensor reshape(params long[] shape) => reshape_op.Call(this, shape);
        static readonly Op flatten_op = Op.Find("aten::flatten", "using_ints");
        public Tensor flatten(long start_dim = 0, long end_dim = -1) => flatten_op.Call(this, start_dim, end_dim);
        static readonly Op unflatten_op = Op.Find("aten::unflatten", "int");
        public Tensor unflatten(long dim, params long[] sizes) => unflatten_op.Call(this, dim, sizes);
        public Tensor unflatten(long dim, Size sizes) => unflatten(dim, sizes.Shape);
        static readonly Op ravel_op = Op.Find("aten::ravel"); public Tensor ravel() => ravel_op.Call(this);
        static readonly Op squeeze_op = Op.Find("aten::squeeze"); static readonly Op squeeze_dim_op = Op.Find("aten::squeeze", "dim");
        public Tensor squeeze(long? dim = null) => dim is { } d ? squeeze_dim_op.Call(this, d) : squeeze_op.Call(this);
        static readonly Op squeeze_in_op = Op.Find("aten::squeeze_"); static readonly Op squeeze_dim_in_op = Op.Find("aten::squeeze_", "dim");
        public Tensor squeeze_(long? dim = null) => dim is { } d ? squeeze_dim_in_op.CallInPlace(this, d) : squeeze_in_op.CallInPlace(this);
        static readonly Op unsqueeze_op = Op.Find("aten::unsqueeze"); public Tensor unsqueeze(long dim) => unsqueeze_op.Call(this, dim);
        static readonly Op unsqueeze_in_op = Op.Find("aten::unsqueeze_"); public Tensor unsqueeze_(long dim) => unsqueeze_in_op.CallInPlace(this, dim);
        static readonly Op expand_op = Op.Find("aten::expand");
        public Tensor expand(params long[] sizes) => expand_op.Call(this, sizes);
        public Tensor expand(long[] sizes, bool isImplicit = false) => expand_op.Call(this, sizes, isImplicit);
        public Tensor expand(ReadOnlySpan<long> sizes, bool isImplicit = false) => expand_op.Call(this, sizes.ToArray(), isImplicit);
        public Tensor expand(Size sizes, bool isImplicit = false) => expand_op.Call(this, sizes.Shape, isImplicit);
        public Tensor expand_as(Tensor other) => expand_op.Call(this, other.shape);
        static readonly Op broadcast_to_op = Op.Find("aten::broadcast_to"); public Tensor broadcast_to(params long[] shape) => broadcast_to_op.Call(this, shape);
        static readonly Op as_strided_op = Op.Find("aten::as_strided");
        public Tensor as_strided(long[] size, long[] strides, long storageOffset = 0) => as_strided_op.Call(this, size, strides, storageOffset);
        static readonly Op unfold_op = Op.Find("aten::unfold");
        public Tensor unfold(long dimension, long size, long step) => unfold_op.Call(this, dimension, size, step);
        static readonly Op view_as_complex_op = Op.Find("aten::view_as_complex"); public Tensor view_as_complex() => view_as_complex_op.Call(this);
        static readonly Op view_as_real_op = Op.Find("aten::view_as_real"); public Tensor view_as_real() => view_as_real_op.Call(this);
        static readonly Op real_op = Op.Find("aten::real"); public Tensor real => real_op.Call(this);
        static readonly Op imag_op = Op.Find("aten::imag"); public Tensor imag => imag_op.Call(this);

        // The order of dimensions.
        static readonly Op transpose_op = Op.Find("aten::transpose", "int");
        public Tensor transpose(long dim0, long dim1) => transpose_op.Call(this, dim0, dim1);
        static readonly Op transpose_in_op = Op.Find("aten::transpose_");
        public Tensor transpose_(long dim0, long dim1) => transpose_in_op.CallInPlace(this, dim0, dim1);
        public Tensor swapaxes(long dim0, long dim1) => transpose(dim0, dim1);
        public Tensor swapdims(long dim0, long dim1) => transpose(dim0, dim1);
        static readonly Op permute_op = Op.Find("aten::permute");
        public Tensor permute(params long[] permutation) => permute_op.Call(this, permutation);
        public Tensor permute(IEnumerable<long> permutation) => permute_op.Call(this, permutation.ToArray());
        static readonly Op movedim_op = Op.Find("aten::movedim", "intlist");
        public Tensor movedim(long[] source, long[] destination) => movedim_op.Call(this, source, destination);
        public Tensor moveaxis(long[] source, long[] destination) => movedim(source, destination);
        static readonly Op t_op = Op.Find("aten::t"); public Tensor t() => t_op.Call(this);
        static readonly Op numpy_T_op = Op.Find("aten::numpy_T"); public Tensor T => numpy_T_op.Call(this);
        static readonly Op mT_op = Op.Find("aten::mT"); public Tensor mT => mT_op.Call(this);
        static readonly Op mH_op = Op.Find("aten::mH"); public Tensor mH => mH_op.Call(this);
        static readonly Op matrix_H_op = Op.Find("aten::matrix_H"); public Tensor H => matrix_H_op.Call(this);
        static readonly Op adjoint_op = Op.Find("aten::adjoint"); public Tensor adjoint() => adjoint_op.Call(this);

        // The order and number of elements.
        static readonly Op flip_op = Op.Find("aten::flip"); public Tensor flip(params long[] dims) => flip_op.Call(this, dims);
        static readonly Op fliplr_op = Op.Find("aten::fliplr"); public Tensor fliplr() => fliplr_op.Call(this);
        static readonly Op flipud_op = Op.Find("aten::flipud"); public Tensor flipud() => flipud_op.Call(this);
        static readonly Op rot90_op = Op.Find("aten::rot90");
        public Tensor rot90(long k = 1, (long, long)? dims = null) => rot90_op.Call(this, k, dims is { } d ? [d.Item1, d.Item2] : new long[] { 0, 1 });
        static readonly Op roll_op = Op.Find("aten::roll");
        public Tensor roll(long shifts, long? dims = null) => roll_op.Call(this, new[] { shifts }, dims is { } d ? [d] : Array.Empty<long>());
        public Tensor roll(long[] shifts) => roll_op.Call(this, shifts);
        public Tensor roll(long[] shifts, long[] dims) => roll_op.Call(this, shifts, dims);
        public Tensor roll(ReadOnlySpan<long> shifts, ReadOnlySpan<long> dims = default) => roll_op.Call(this, shifts.ToArray(), dims.ToArray());
        public Tensor roll((long, long) shifts, (long, long) dims) => roll_op.Call(this, new[] { shifts.Item1, shifts.Item2 }, new[] { dims.Item1, dims.Item2 });
        public Tensor roll((long, long, long) shifts, (long, long, long) dims) =>
            roll_op.Call(this, new[] { shifts.Item1, shifts.Item2, shifts.Item3 }, new[] { dims.Item1, dims.Item2, dims.Item3 });
        static readonly Op repeat_op = Op.Find("aten::repeat"); public Tensor repeat(params long[] sizes) => repeat_op.Call(this, sizes);
        static readonly Op tile_op = Op.Find("aten::tile"); public Tensor tile(long[] reps) => tile_op.Call(this, reps);
        static readonly Op repeat_interleave_op = Op.Find("aten::repeat_interleave", "self_int");
        public Tensor repeat_interleave(long repeats, long? dim = null, long? output_size = null) => repeat_interleave_op.Call(this, repeats, dim, output_size);
        static readonly Op repeat_interleave_tensor_op = Op.Find("aten::repeat_interleave", "self_Tensor");
        public Tensor repeat_interleave(Tensor repeats, long? dim = null, long? output_size = null) => repeat_interleave_tensor_op.Call(this, repeats, dim, output_size);
        static readonly Op atleast_1d_op = Op.Find("aten::atleast_1d"); public Tensor atleast_1d() => atleast_1d_op.Call(this);
        static readonly Op atleast_2d_op = Op.Find("aten::atleast_2d"); public Tensor atleast_2d() => atleast_2d_op.Call(this);
        static readonly Op atleast_3d_op = Op.Find("aten::atleast_3d"); public Tensor atleast_3d() => atleast_3d_op.Call(this);

        // Diagonals and triangles.
        static readonly Op tril_op = Op.Find("aten::tril"); public Tensor tril(long diagonal = 0) => tril_op.Call(this, diagonal);
        static readonly Op tril_in_op = Op.Find("aten::tril_"); public Tensor tril_(long diagonal = 0) => tril_in_op.CallInPlace(this, diagonal);
        static readonly Op triu_op = Op.Find("aten::triu"); public Tensor triu(long diagonal = 0) => triu_op.Call(this, diagonal);
        static readonly Op triu_in_op = Op.Find("aten::triu_"); public Tensor triu_(long diagonal = 0) => triu_in_op.CallInPlace(this, diagonal);
        static readonly Op diag_op = Op.Find("aten::diag"); public Tensor diag(long diagonal = 0) => diag_op.Call(this, diagonal);
        static readonly Op diagflat_op = Op.Find("aten::diagflat"); public Tensor diagflat(long offset = 0) => diagflat_op.Call(this, offset);
        static readonly Op diag_embed_op = Op.Find("aten::diag_embed");
        public Tensor diag_embed(long offset = 0, long dim1 = -2, long dim2 = -1) => diag_embed_op.Call(this, offset, dim1, dim2);
        static readonly Op diagonal_op = Op.Find("aten::diagonal");
        public Tensor diagonal(long offset = 0, long dim1 = 0, long dim2 = 1) => diagonal_op.Call(this, offset, dim1, dim2);

        // Cutting up.
        static readonly Op split_op = Op.Find("aten::split", "Tensor"); static readonly Op split_sizes_op = Op.Find("aten::split_with_sizes");
        public Tensor[] split(long size, int dim = 0) => split_op.CallMany(this, size, dim);
        public Tensor[] split(long[] sizes, long dim = 0) => split_sizes_op.CallMany(this, sizes, dim);
        public Tensor[] split(params long[] sizes) => split_sizes_op.CallMany(this, sizes);
        public Tensor[] split(ReadOnlySpan<long> sizes, long dim = 0) => split_sizes_op.CallMany(this, sizes.ToArray(), dim);
        static readonly Op chunk_op = Op.Find("aten::chunk"); public Tensor[] chunk(long chunks, long dim = 0) => chunk_op.CallMany(this, chunks, dim);
        static readonly Op tensor_split_op = Op.Find("aten::tensor_split", "sections"); public Tensor[] tensor_split(long size, long dim = 0) => tensor_split_op.CallMany(this, size, dim);
        static readonly Op tensor_split_at_op = Op.Find("aten::tensor_split", "indices"); public Tensor[] tensor_split(long[] sizes, long dim = 0) => tensor_split_at_op.CallMany(this, sizes, dim);
        static readonly Op tensor_split_by_op = Op.Find("aten::tensor_split", "tensor_indices_or_sections"); public Tensor[] tensor_split(Tensor indices, long dim = 0) => tensor_split_by_op.CallMany(this, indices, dim);
        static readonly Op unbind_op = Op.Find("aten::unbind", "int"); public Tensor[] unbind(long dimension = 0) => unbind_op.CallMany(this, dimension);
    }
}
