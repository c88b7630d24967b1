namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor to_type(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => to(type, copy, disposeAfter, non_blocking);
        public Tensor type_as(Tensor tensor) => to(tensor.dtype);
        public Tensor cfloat() => to(ScalarType.ComplexFloat32);
        public Tensor cdouble() => to(ScalarType.ComplexFloat64);
    }
}
