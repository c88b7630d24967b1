namespace Transformers.Reports.Plots;

/// <summary>256 colours from low to high, told apart with every common kind of colour blindness.</summary>
public sealed class ColorScale
{
    readonly byte[] palette = new byte[256 * 3];

    ColorScale(params ReadOnlySpan<int> stops)
    {
        for (var i = 0; i < 256; i++)
        {
            var place = i / 255.0 * (stops.Length - 1);
            var below = Math.Min((int)place, stops.Length - 2);
            for (var c = 0; c < 3; c++)
            {
                int Channel(int color) => color >> 16 - 8 * c & 0xff;
                palette[3 * i + c] = (byte)Math.Round(Channel(stops[below]) + (place - below) * (Channel(stops[below + 1]) - Channel(stops[below])));
            }
        }
    }

    /// <summary>For amounts: dark to light (the course of viridis, by Smith and van der Walt).</summary>
    public static ColorScale Amount { get; } = new(0x440154, 0x482878, 0x3e4989, 0x31688e, 0x26828e, 0x1f9e89, 0x35b779, 0x6ece58, 0xb5de2b, 0xfde725);

    /// <summary>For what may be below and above zero: blue, white, red (ColorBrewer's RdBu, by Brewer).</summary>
    public static ColorScale Signed { get; } = new(0x2166ac, 0x4393c3, 0x92c5de, 0xd1e5f0, 0xf7f7f7, 0xfddbc7, 0xf4a582, 0xd6604d, 0xb2182b);

    /// <summary>Red, green, blue of each of the 256.</summary>
    internal ReadOnlySpan<byte> Palette => palette;

    /// <summary>Whether dark text is readable on a colour.</summary>
    /// <param name="index">From 0 to 255.</param>
    internal bool IsLight(int index) => 0.299 * palette[3 * index] + 0.587 * palette[3 * index + 1] + 0.114 * palette[3 * index + 2] > 140;

    /// <summary>The number of a value's colour; what is not a number has the lowest.</summary>
    internal static byte IndexOf(double value, double low, double high) =>
        double.IsNaN(value) || high <= low ? (byte)0 : (byte)Math.Clamp(Math.Round((value - low) / (high - low) * 255), 0, 255);
}
