using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    // Several tensors in one.
    static readonly Op cat_op = Op.Find("aten::cat");
    public static Tensor cat(Tensor[] tensors, long dim = 0) => cat_op.Call(tensors, dim);
    public static Tensor cat(IList<Tensor> tensors, long dim = 0) => cat_op.Call(tensors.ToArray(), dim);
    public static Tensor cat(ReadOnlySpan<Tensor> tensors, long dim = 0) => cat_op.Call(tensors.ToArray(), dim);
    public static Tensor concat(Tensor[] tensors, long dim = 0) => cat(tensors, dim);
    public static Tensor concat(IList<Tensor> tensors, long dim = 0) => cat(tensors, dim);
    public static Tensor concat(ReadOnlySpan<Tensor> tensors, long dim = 0) => cat(tensors, dim);
    public static Tensor concatenate(Tensor[] tensors, long axis = 0) => cat(tensors, axis);
    public static Tensor concatenate(IList<Tensor> tensors, long axis = 0) => cat(tensors, axis);
    public static Tensor concatenate(ReadOnlySpan<Tensor> tensors, long axis = 0) => cat(tensors, axis);
    static readonly Op stack_op = Op.Find("aten::stack");
    public static Tensor stack(IEnumerable<Tensor> tensors, long dim = 0) => stack_op.Call(tensors.ToArray(), dim);
    static readonly Op hstack_op = Op.Find("aten::hstack");
    public static Tensor hstack(params Tensor[] tensors) => hstack_op.Call(tensors);
    public static Tensor hstack(IList<Tensor> tensors) => hstack_op.Call(tensors.ToArray());
    public static Tensor hstack(ReadOnlySpan<Tensor> tensors) => hstack_op.Call(tensors.ToArray());
    public static Tensor hstack(IEnumerable<Tensor> tensors) => hstack_op.Call(tensors.ToArray());
    static readonly Op vstack_op = Op.Find("aten::vstack");
    public static Tensor vstack(Tensor[] tensors) => vstack_op.Call(tensors);
    public static Tensor vstack(IList<Tensor> tensors) => vstack_op.Call(tensors.ToArray());
    public static Tensor vstack(ReadOnlySpan<Tensor> tensors) => vstack_op.Call(tensors.ToArray());
    static readonly Op dstack_op = Op.Find("aten::dstack");
    public static Tensor dstack(params Tensor[] tensors) => dstack_op.Call(tensors);
    public static Tensor dstack(IList<Tensor> tensors) => dstack_op.Call(tensors.ToArray());
    public static Tensor dstack(ReadOnlySpan<Tensor> tensors) => dstack_op.Call(tensors.ToArray());
    public static Tensor dstack(IEnumerable<Tensor> tensors) => dstack_op.Call(tensors.ToArray());
    static readonly Op column_stack_op = Op.Find("aten::column_stack");
    public static Tensor column_stack(params Tensor[] tensors) => column_stack_op.Call(tensors);
    public static Tensor column_stack(IList<Tensor> tensors) => column_stack_op.Call(tensors.ToArray());
    public static Tensor column_stack(ReadOnlySpan<Tensor> tensors) => column_stack_op.Call(tensors.ToArray());
    static readonly Op block_diag_op = Op.Find("aten::block_diag"); public static Tensor block_diag(params Tensor[] tensors) => block_diag_op.Call(tensors);
    static readonly Op cartesian_prod_op = Op.Find("aten::cartesian_prod"); public static Tensor cartesian_prod(params Tensor[] tensors) => cartesian_prod_op.Call(tensors);
    static readonly Op meshgrid_op = Op.Find("aten::meshgrid", "indexing");
    public static Tensor[] meshgrid(IEnumerable<Tensor> tensors, string indexing = "ij") => meshgrid_op.CallMany(tensors.ToArray(), indexing);
    static readonly Op broadcast_tensors_op = Op.Find("aten::broadcast_tensors");
    public static IList<Tensor> broadcast_tensors(params Tensor[] tensors) => broadcast_tensors_op.CallMany(tensors);

    // Products of several tensors.
    static readonly Op einsum_op = Op.Find("aten::einsum"); public static Tensor einsum(string equation, params Tensor[] tensors) => einsum_op.Call(equation, tensors);
    static readonly Op chain_matmul_op = Op.Find("aten::chain_matmul"); public static Tensor chain_matmul(params Tensor[] matrices) => chain_matmul_op.Call(matrices);

    // Choosing between tensors.
    public static Tensor where(Tensor condition, Tensor x, Tensor y) => x.where(condition, y);
    static readonly Op where_places_op = Op.Find("aten::where"); public static Tensor[] where(Tensor condition) => where_places_op.CallMany(condition);
    static readonly Op searchsorted_op = Op.Find("aten::searchsorted", "Tensor");
    public static Tensor searchsorted(Tensor sorted_sequence, Tensor values, bool out_int32 = false, bool right = false, Tensor? sorter = null) =>
        searchsorted_op.Call(sorted_sequence, values, out_int32, right, Value.None, sorter);
    static readonly Op cdist_op = Op.Find("aten::cdist");
    public static Tensor cdist(Tensor x1, Tensor x2, double p = 2, compute_mode compute_mode = compute_mode.use_mm_for_euclid_dist_if_necessary) =>
        cdist_op.Call(x1, x2, p, (long)compute_mode);
    static readonly Op combinations_op = Op.Find("aten::combinations");
    public static Tensor combinations(Tensor input, int r = 2, bool with_replacement = false) => combinations_op.Call(input, r, with_replacement);
    static readonly Op result_type_op = Op.Find("aten::result_type", "Tensor");
    public static ScalarType result_type(Tensor tensor1, Tensor tensor2) => (ScalarType)result_type_op.CallInt(tensor1, tensor2);
    static readonly Op promote_types_op = Op.Find("aten::promote_types");
    public static ScalarType promote_types(ScalarType type1, ScalarType type2) => (ScalarType)promote_types_op.CallInt(type1, type2);
    static readonly Op can_cast_op = Op.Find("aten::can_cast");
    public static bool can_cast(ScalarType from, ScalarType to) => can_cast_op.CallBool(from, to);
}
