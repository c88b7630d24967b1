using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    // Whole numbers of [low, high), and shuffles.
    static readonly Op randint_op = Op.Find("aten::randint", "low_generator");
    public static Tensor randint(long low, long high, long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Made(randint_op.Call(low, high, size, generator, dtype ?? ScalarType.Int64, Value.None, At(device)), requires_grad, names);
    public static Tensor randint(long high, long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint(0, high, size, dtype, device, requires_grad, generator, names);
    public static Tensor randint(long low, long high, Size size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint(low, high, size.Shape, dtype, device, requires_grad, generator, names);
    public static Tensor randint(long high, Size size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint(0, high, size.Shape, dtype, device, requires_grad, generator, names);
    public static Tensor randint(int low, int high, int[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint(low, high, Array.ConvertAll(size, length => (long)length), dtype, device, requires_grad, generator, names);
    public static Tensor randint(int high, int[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint(0, high, Array.ConvertAll(size, length => (long)length), dtype, device, requires_grad, generator, names);
    static readonly Op randperm_op = Op.Find("aten::randperm", "generator");
    public static Tensor randperm(long n, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null) =>
        Made(randperm_op.Call(n, generator, dtype ?? ScalarType.Int64, Value.None, At(device)), requires_grad);
    static readonly Op normal_tensor_op = Op.Find("aten::normal", "Tensor_Tensor");
    public static Tensor normal(Tensor mean, Tensor std, Generator? generator = null) => normal_tensor_op.Call(mean, std, generator);
    public static Tensor normal(double mean, double std, ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null)
    {
        var drawn = empty(size.ToArray(), dtype, device);
        drawn.normal_(mean, std, generator);
        return Made(drawn, requires_grad, names);
    }

    // Numbers of the same shape, type and device as another tensor's, unless said otherwise.
    static readonly Op rand_like_op = Op.Find("aten::rand_like");
    public static Tensor rand_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Made(rand_like_op.Call(input, dtype, Value.None, device), requires_grad);
    static readonly Op randn_like_op = Op.Find("aten::randn_like");
    public static Tensor randn_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Made(randn_like_op.Call(input, dtype, Value.None, device), requires_grad);
    static readonly Op randint_like_op = Op.Find("aten::randint_like", "low_dtype");
    public static Tensor randint_like(Tensor input, long low, long high, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Made(randint_like_op.Call(input, low, high, dtype, Value.None, device), requires_grad);
}
