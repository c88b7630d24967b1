using System.Globalization;

namespace TorchSharp;

/// <summary>The upper half of a 32-bit float: 8 bits of exponent, 7 of mantissa.</summary>
public readonly struct BFloat16 : IComparable, IComparable<BFloat16>, IEquatable<BFloat16>, IFormattable
{
    readonly ushort bits;

    /// <summary>Rounds to the nearest value, ties to even.</summary>
    public BFloat16(float f)
    {
        var full = BitConverter.SingleToUInt32Bits(f);
        bits = float.IsNaN(f) ? (ushort)0x7FC0 : (ushort)((full + 0x7FFF + ((full >> 16) & 1)) >> 16);
    }

    BFloat16(ushort raw, bool _) => bits = raw;

    public static BFloat16 FromRawValue(ushort rawValue) => new(rawValue, true);
    public float ToSingle() => BitConverter.UInt32BitsToSingle((uint)bits << 16);
    public static explicit operator BFloat16(float f) => new(f);
    public static explicit operator BFloat16(double d) => new((float)d);
    public static bool operator ==(BFloat16 a, BFloat16 b) => a.ToSingle() == b.ToSingle();
    public static bool operator !=(BFloat16 a, BFloat16 b) => a.ToSingle() != b.ToSingle();
    public bool Equals(BFloat16 other) => ToSingle().Equals(other.ToSingle());
    public override bool Equals(object? obj) => obj is BFloat16 other && Equals(other);
    public override int GetHashCode() => ToSingle().GetHashCode();
    public int CompareTo(BFloat16 other) => ToSingle().CompareTo(other.ToSingle());
    public int CompareTo(object? obj) => obj is BFloat16 other ? CompareTo(other) : throw new ArgumentException("A BFloat16 compares with a BFloat16.");
    public override string ToString() => ToSingle().ToString(CultureInfo.InvariantCulture);
    public string ToString(string? format, IFormatProvider? formatProvider) => ToSingle().ToString(format, formatProvider);
}
