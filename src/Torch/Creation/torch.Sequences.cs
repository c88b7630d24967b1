using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    // Numbers in order. Without a type, whole numbers give int64 and others the default type.
    static readonly Op arange_op = Op.Find("aten::arange", "start_step");
    public static Tensor arange(Scalar start, Scalar stop, Scalar step, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Made(arange_op.Call(start, stop, step, dtype, Value.None, At(device)), requires_grad);
    public static Tensor arange(Scalar start, Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        arange(start, stop, 1, dtype, device, requires_grad);
    public static Tensor arange(Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        arange(0, stop, 1, dtype, device, requires_grad);
    static readonly Op linspace_op = Op.Find("aten::linspace");
    public static Tensor linspace(double start, double end, long steps, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Made(linspace_op.Call(start, end, steps, Floating(dtype), Value.None, At(device)), requires_grad);
    static readonly Op logspace_op = Op.Find("aten::logspace");
    public static Tensor logspace(double start, double end, long steps, double @base = 10, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Made(logspace_op.Call(start, end, steps, @base, Floating(dtype), Value.None, At(device)), requires_grad);

    // Matrices.
    static readonly Op eye_op = Op.Find("aten::eye", "m");
    public static Tensor eye(long rows, long columns = -1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Made(eye_op.Call(rows, columns < 0 ? rows : columns, Floating(dtype), Value.None, At(device)), requires_grad, names);
    static readonly Op tril_indices_op = Op.Find("aten::tril_indices");
    public static Tensor tril_indices(long row, long col, long offset = 0, ScalarType dtype = ScalarType.Int64, Device? device = null) =>
        tril_indices_op.Call(row, col, offset, dtype, Value.None, At(device));
    static readonly Op triu_indices_op = Op.Find("aten::triu_indices");
    public static Tensor triu_indices(long row, long col, long offset = 0, ScalarType dtype = ScalarType.Int64, Device? device = null) =>
        triu_indices_op.Call(row, col, offset, dtype, Value.None, At(device));
    static readonly Op complex_op = Op.Find("aten::complex"); public static Tensor complex(Tensor real, Tensor imag) => complex_op.Call(real, imag);
    static readonly Op polar_op = Op.Find("aten::polar"); public static Tensor polar(Tensor abs, Tensor angle) => polar_op.Call(abs, angle);

    /// <summary>What every factory does last.</summary>
    static Tensor Made(Tensor made, bool requires_grad, string[]? names = null)
    {
        if (names is not null) throw new NotSupportedException("This binding has no named dimensions.");
        return requires_grad ? made.requires_grad_() : made;
    }

    /// <summary>The type of new tensors of real numbers.</summary>
    static ScalarType Floating(ScalarType? dtype) => dtype ?? get_default_dtype();

    /// <summary>Where new tensors are made.</summary>
    static Device At(Device? device) => device ?? get_default_device();
}
