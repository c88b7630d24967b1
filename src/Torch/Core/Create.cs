using System.Runtime.InteropServices;

namespace TorchSharp;

public static partial class torch
{
    public static Tensor tensor(bool scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        FromMemory([scalar], ScalarType.Bool, [], dtype, device, requires_grad);
    public static Tensor tensor(byte scalar, Device? device = null, bool requires_grad = false) =>
        FromMemory([scalar], ScalarType.Byte, [], null, device, requires_grad);
    public static Tensor tensor(int scalar, Device? device = null, bool requires_grad = false) =>
        FromMemory([scalar], ScalarType.Int32, [], null, device, requires_grad);
    public static Tensor tensor(long scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        FromMemory([scalar], ScalarType.Int64, [], dtype, device, requires_grad);
    public static Tensor tensor(float scalar, Device? device = null, bool requires_grad = false) =>
        FromMemory([scalar], ScalarType.Float32, [], null, device, requires_grad);
    public static Tensor tensor(double scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        FromMemory([scalar], ScalarType.Float64, [], dtype ?? defaultType, device, requires_grad);

    public static Tensor tensor(bool[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<bool>(rawArray, ScalarType.Bool, [rawArray.Length], dtype, device, requires_grad);
    public static Tensor tensor(byte[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<byte>(rawArray, ScalarType.Byte, [rawArray.Length], dtype, device, requires_grad);
    public static Tensor tensor(int[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<int>(rawArray, ScalarType.Int32, [rawArray.Length], dtype, device, requires_grad);
    public static Tensor tensor(long[] dataArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<long>(dataArray, ScalarType.Int64, [dataArray.Length], dtype, device, requires_grad);
    public static Tensor tensor(float[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<float>(rawArray, ScalarType.Float32, [rawArray.Length], dtype, device, requires_grad);
    public static Tensor tensor(double[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<double>(rawArray, ScalarType.Float64, [rawArray.Length], dtype, device, requires_grad);

    public static Tensor tensor(bool[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<bool>(rawArray, ScalarType.Bool, dimensions, dtype, device, requires_grad);
    public static Tensor tensor(byte[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<byte>(rawArray, ScalarType.Byte, dimensions, dtype, device, requires_grad);
    public static Tensor tensor(int[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<int>(rawArray, ScalarType.Int32, dimensions, dtype, device, requires_grad);
    public static Tensor tensor(long[] dataArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<long>(dataArray, ScalarType.Int64, dimensions, dtype, device, requires_grad);
    public static Tensor tensor(float[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<float>(rawArray, ScalarType.Float32, dimensions, dtype, device, requires_grad);
    public static Tensor tensor(double[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<double>(rawArray, ScalarType.Float64, dimensions, dtype, device, requires_grad);

    public static Tensor tensor(long[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        from_array(rawArray, dtype, device, requires_grad);
    public static Tensor tensor(int[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        from_array(rawArray, dtype, device, requires_grad);
    public static Tensor tensor(float[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        from_array(rawArray, dtype, device, requires_grad);
    public static Tensor tensor(double[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        from_array(rawArray, dtype, device, requires_grad);
    public static Tensor tensor(bool[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        from_array(rawArray, dtype, device, requires_grad);

    public static Tensor from_array(Array rawArray, Device? device = null) => from_array(rawArray, null, device);

    public static Tensor from_array(Array rawArray, ScalarType? dtype, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        var dimensions = new long[rawArray.Rank];
        for (var d = 0; d < dimensions.Length; d++) dimensions[d] = rawArray.GetLongLength(d);
        return Type.GetTypeCode(rawArray.GetType().GetElementType()) switch
        {
            TypeCode.Boolean => FromMemory(Flat<bool>(rawArray), ScalarType.Bool, dimensions, dtype, device, requires_grad),
            TypeCode.Byte => FromMemory(Flat<byte>(rawArray), ScalarType.Byte, dimensions, dtype, device, requires_grad),
            TypeCode.SByte => FromMemory(Flat<sbyte>(rawArray), ScalarType.Int8, dimensions, dtype, device, requires_grad),
            TypeCode.Int16 => FromMemory(Flat<short>(rawArray), ScalarType.Int16, dimensions, dtype, device, requires_grad),
            TypeCode.Int32 => FromMemory(Flat<int>(rawArray), ScalarType.Int32, dimensions, dtype, device, requires_grad),
            TypeCode.Int64 => FromMemory(Flat<long>(rawArray), ScalarType.Int64, dimensions, dtype, device, requires_grad),
            TypeCode.Single => FromMemory(Flat<float>(rawArray), ScalarType.Float32, dimensions, dtype, device, requires_grad),
            TypeCode.Double => FromMemory(Flat<double>(rawArray), ScalarType.Float64, dimensions, dtype, device, requires_grad),
            _ => throw new NotSupportedException($"A tensor cannot be made from an array of {rawArray.GetType().GetElementType()!.Name}."),
        };
    }

    static ReadOnlySpan<T> Flat<T>(Array array) where T : unmanaged =>
        MemoryMarshal.CreateReadOnlySpan(ref System.Runtime.CompilerServices.Unsafe.As<byte, T>(ref MemoryMarshal.GetArrayDataReference(array)), array.Length);

    public partial class Tensor
    {
        public static implicit operator Tensor(bool value) => torch.tensor(value);
        public static implicit operator Tensor(int value) => torch.tensor(value);
        public static implicit operator Tensor(long value) => torch.tensor(value);
        public static implicit operator Tensor(float value) => torch.tensor(value);
        public static implicit operator Tensor(double value) => torch.tensor(value);
        public static implicit operator Tensor(Scalar scalar) => scalar.Type switch
        {
            ScalarType.Bool => torch.tensor(scalar.ToBoolean()),
            ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64 => torch.tensor(scalar.ToDouble(), scalar.Type),
            _ => torch.tensor(scalar.ToInt64(), scalar.Type),
        };
        public static explicit operator bool(Tensor value) => value.ToBoolean();
        public static explicit operator int(Tensor value) => value.ToInt32();
        public static explicit operator long(Tensor value) => value.ToInt64();
        public static explicit operator float(Tensor value) => value.ToSingle();
        public static explicit operator double(Tensor value) => value.ToDouble();
    }
}

public static partial class TensorExtensionMethods
{
    public static float ToSingle(this torch.Tensor value) => Only<float>(value, torch.ScalarType.Float32);
    public static double ToDouble(this torch.Tensor value) => Only<double>(value, torch.ScalarType.Float64);
    public static int ToInt32(this torch.Tensor value) => Only<int>(value, torch.ScalarType.Int32);
    public static long ToInt64(this torch.Tensor value) => Only<long>(value, torch.ScalarType.Int64);
    public static bool ToBoolean(this torch.Tensor value) => Only<bool>(value, torch.ScalarType.Bool);

    static T Only<T>(torch.Tensor value, torch.ScalarType type) where T : unmanaged
    {
        if (value.dtype == type) return value.item<T>();
        using var converted = value.to(type);
        return converted.item<T>();
    }
}
