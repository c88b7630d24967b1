using System.Globalization;

namespace Transformers.Configs;

/// <summary>A number of bytes, written as <c>20MB</c> (millions), <c>512KiB</c> (1,024s) or a plain number.</summary>
/// <param name="Bytes">The number of bytes.</param>
public readonly record struct ByteSize(long Bytes)
{
    static readonly (string Unit, long Bytes)[] Units =
    [
        ("TiB", 1L << 40), ("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10),
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000), ("B", 1),
    ];

    /// <summary>Reads a size; units in any case, underscores between digits, a fraction where it gives whole bytes.</summary>
    /// <returns>False where the text is not a size, or is negative or larger than a signed 64-bit number.</returns>
    public static bool TryParse(string text, out ByteSize size)
    {
        size = default;
        var (unit, factor) = Units.FirstOrDefault(u => text.EndsWith(u.Unit, StringComparison.OrdinalIgnoreCase), ("", 1));
        var digits = text[..^unit.Length].Trim().Replace("_", "");
        if (!decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) return false;
        if (number > long.MaxValue / factor || number * factor % 1 != 0) return false;
        size = new ByteSize((long)(number * factor));
        return true;
    }

    /// <summary>The size in the largest unit that loses nothing.</summary>
    public override string ToString()
    {
        if (Bytes == 0) return "0B";
        var bytes = Bytes;
        var (unit, factor) = Units.Where(u => bytes % u.Bytes == 0).MaxBy(u => u.Bytes);
        return (bytes / factor).ToString(CultureInfo.InvariantCulture) + unit;
    }
}
