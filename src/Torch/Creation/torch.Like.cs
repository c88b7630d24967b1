using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    // The shape, type and device of another tensor, unless said otherwise.
    static readonly Op zeros_like_op = Op.Find("aten::zeros_like");
    public static Tensor zeros_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Made(zeros_like_op.Call(input, dtype, Value.None, device), requires_grad, names);
    static readonly Op ones_like_op = Op.Find("aten::ones_like");
    public static Tensor ones_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Made(ones_like_op.Call(input, dtype, Value.None, device), requires_grad, names);
    static readonly Op empty_like_op = Op.Find("aten::empty_like");
    public static Tensor empty_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Made(empty_like_op.Call(input, dtype, Value.None, device), requires_grad, names);
    static readonly Op full_like_op = Op.Find("aten::full_like");
    public static Tensor full_like(Tensor input, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Made(full_like_op.Call(input, value, dtype, Value.None, device), requires_grad, names);
}
