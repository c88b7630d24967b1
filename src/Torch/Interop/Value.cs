using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

/// <summary>What an argument or a result of an operator holds. The numbers are the native library's.</summary>
internal enum ValueTag
{
    None = 0, Default = 1, Tensor = 2, Int = 3, Double = 4, Bool = 5, String = 6,
    IntList = 7, DoubleList = 8, TensorList = 9, BoolList = 10, Device = 11, Generator = 12,
}

/// <summary>One argument of an operator, before it is laid out for the native call.</summary>
/// <remarks>Lists and tensors are kept by reference and copied to the stack by <see cref="Op"/>, so nothing is pinned.</remarks>
internal readonly struct Value
{
    internal readonly ValueTag Tag;
    internal readonly long Bits;
    internal readonly object? Reference;

    Value(ValueTag tag, long bits, object? reference = null)
    {
        Tag = tag;
        Bits = bits;
        Reference = reference;
    }

    /// <summary>Python's None.</summary>
    internal static Value None => default;
    /// <summary>Whatever the operator's schema says.</summary>
    internal static Value Default => new(ValueTag.Default, 0);

    public static implicit operator Value(torch.Tensor? tensor) => tensor is null ? default : new(ValueTag.Tensor, 0, tensor);
    public static implicit operator Value(long number) => new(ValueTag.Int, number);
    public static implicit operator Value(int number) => new(ValueTag.Int, number);
    public static implicit operator Value(long? number) => number is long value ? new(ValueTag.Int, value) : default;
    public static implicit operator Value(double number) => new(ValueTag.Double, BitConverter.DoubleToInt64Bits(number));
    public static implicit operator Value(double? number) => number is double value ? value : default(Value);
    public static implicit operator Value(bool truth) => new(ValueTag.Bool, truth ? 1 : 0);
    public static implicit operator Value(string? text) => text is null ? default : new(ValueTag.String, 0, text);
    public static implicit operator Value(Scalar? scalar) => scalar is null ? default : scalar.ToValue();
    public static implicit operator Value(torch.ScalarType type) => new(ValueTag.Int, (long)type);
    public static implicit operator Value(torch.ScalarType? type) => type is { } value ? new(ValueTag.Int, (long)value) : default;
    public static implicit operator Value(torch.Device? device) =>
        device is null ? default : new(ValueTag.Device, (uint)device.type | ((long)device.index << 32));
    public static implicit operator Value(torch.Generator? generator) => generator is null ? default : new(ValueTag.Generator, 0, generator);
    public static implicit operator Value(long[]? list) => list is null ? default : new(ValueTag.IntList, list.Length, list);
    public static implicit operator Value(double[]? list) => list is null ? default : new(ValueTag.DoubleList, list.Length, list);
    public static implicit operator Value(bool[]? list) => list is null ? default : new(ValueTag.BoolList, list.Length, list);
    /// <summary>A list of tensors; a null entry is an absent one, as in indexing.</summary>
    public static implicit operator Value(torch.Tensor?[]? list) => list is null ? default : new(ValueTag.TensorList, list.Length, list);
}

/// <summary>An argument or a result as the native library lays it out.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeValue
{
    internal int Tag;
    internal int Count;
    internal long Bits;
}
