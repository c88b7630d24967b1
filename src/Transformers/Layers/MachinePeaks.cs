using System.Text.Json;
using TorchSharp;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>The peak speed of this machine's matrix products, measured once and kept in the user's cache folder.</summary>
/// <remarks>The highest value ever measured counts: a measurement on a busy machine is too low, never too high. For the same reason, each is the best of many short tries.</remarks>
public static class MachinePeaks
{
    const int Side = 512, SideOnDevice = 4096;

    /// <summary>Operations per second of a large matrix product: measured earlier, or now, in under 0.3 s.</summary>
    /// <param name="precision">The type of the product.</param>
    /// <param name="again">Whether to measure even if it was measured before.</param>
    public static double FlopsPerSecond(Device device, Precision precision, bool again = false) => FlopsPerSecond(device, precision, again, Path.Combine(UserCache.Folder, "peaks.json"));

    internal static double FlopsPerSecond(Device device, Precision precision, bool again, string file)
    {
        var key = KeyOf(device, precision);
        var known = Read(file);
        var before = known.GetValueOrDefault(key);
        if (before > 0 && !again) return before;
        var peak = Math.Max(before, Measure(device, precision));
        known[key] = peak;
        Write(file, known);
        return peak;
    }

    static double Measure(Device device, Precision precision)
    {
        var side = device.type == DeviceType.CUDA ? SideOnDevice : Side;
        return 2.0 * side * side * side / OfProduct(device, precision, side, side, side, TimeSpan.FromSeconds(0.15));
    }

    /// <summary>Seconds that a product of a linear layer takes: [rows, in] by [out, in].</summary>
    internal static double OfProduct(Device device, Precision precision, long rows, long @in, long @out, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var type = precision == Precision.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
        var x = ones(rows, @in, device: device).to(type);
        var weight = ones(@out, @in, device: device);
        var copy = weight.to(type);
        return BestTime.Seconds(device, limit, () => LinearFunction.Of(x, weight, null, copy, null, type));
    }

    // A value measured with another engine, instruction set or number of threads does not apply.
    static string KeyOf(Device device, Precision precision) =>
        $"{precision}|{device}|{NativeLibraries.Load().Version}|{ProcessSettings.Instructions}|{get_num_threads()}|{Environment.MachineName}".ToLowerInvariant();

    static Dictionary<string, double> Read(string file)
    {
        try
        {
            if (File.Exists(file) && JsonSerializer.Deserialize<Dictionary<string, double>>(BoundedFile.ReadBytes(file, 1 << 20)) is { } known) return known;
        }
        catch (Exception exception) when (exception is JsonException or UserException)
        {
            // A cache that cannot be read is recreated.
        }
        return [];
    }

    static void Write(string file, Dictionary<string, double> known)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            DurableFile.WriteBytes(file, JsonSerializer.SerializeToUtf8Bytes(known));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Without the cache, it is measured again next time.
        }
    }
}
