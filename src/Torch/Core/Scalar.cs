using TorchSharp.Interop;

namespace TorchSharp;

/// <summary>One number of any type, as an argument of an operator.</summary>
public sealed class Scalar : IDisposable
{
    readonly long integer;
    readonly double real;

    Scalar(torch.ScalarType type, long integer, double real)
    {
        Type = type;
        this.integer = integer;
        this.real = real;
    }

    public torch.ScalarType Type { get; }

    bool IsReal => Type is torch.ScalarType.Float16 or torch.ScalarType.Float32 or torch.ScalarType.Float64 or torch.ScalarType.BFloat16;

    public static implicit operator Scalar(byte value) => new(torch.ScalarType.Byte, value, value);
    public static implicit operator Scalar(sbyte value) => new(torch.ScalarType.Int8, value, value);
    public static implicit operator Scalar(short value) => new(torch.ScalarType.Int16, value, value);
    public static implicit operator Scalar(int value) => new(torch.ScalarType.Int32, value, value);
    public static implicit operator Scalar(long value) => new(torch.ScalarType.Int64, value, value);
    public static implicit operator Scalar(Half value) => new(torch.ScalarType.Float16, 0, (double)value);
    public static implicit operator Scalar(BFloat16 value) => new(torch.ScalarType.BFloat16, 0, value.ToSingle());
    public static implicit operator Scalar(float value) => new(torch.ScalarType.Float32, 0, value);
    public static implicit operator Scalar(double value) => new(torch.ScalarType.Float64, 0, value);
    public static implicit operator Scalar(bool value) => new(torch.ScalarType.Bool, value ? 1 : 0, value ? 1 : 0);

    internal Value ToValue() =>
        Type == torch.ScalarType.Bool ? integer != 0 : IsReal ? (Value)real : (Value)integer;

    internal double Real => IsReal ? real : integer;
    internal long Integer => IsReal ? (long)real : integer;

    /// <summary>Nothing is held that needs it; TorchSharp's scalars are disposable.</summary>
    public void Dispose() { }
}

public static class ScalarExtensionMethods
{
    public static Scalar ToScalar(this byte value) => value;
    public static Scalar ToScalar(this sbyte value) => value;
    public static Scalar ToScalar(this short value) => value;
    public static Scalar ToScalar(this int value) => value;
    public static Scalar ToScalar(this long value) => value;
    public static Scalar ToScalar(this Half value) => value;
    public static Scalar ToScalar(this BFloat16 value) => value;
    public static Scalar ToScalar(this float value) => value;
    public static Scalar ToScalar(this double value) => value;
    public static Scalar ToScalar(this bool value) => value;
    public static float ToSingle(this Scalar value) => (float)value.Real;
    public static double ToDouble(this Scalar value) => value.Real;
    public static int ToInt32(this Scalar value) => checked((int)value.Integer);
    public static long ToInt64(this Scalar value) => value.Integer;
    public static bool ToBoolean(this Scalar value) => value.Real != 0;
}
