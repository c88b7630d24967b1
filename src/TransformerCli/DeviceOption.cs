using System.CommandLine;
using System.Globalization;
using TorchSharp;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Native;
using static TorchSharp.torch;

namespace TransformerCli;

/// <summary><c>--device</c> and <c>--precision</c>, on every command that computes.</summary>
static class DeviceOption
{
    internal static Option<string> Create() => new("--device")
    {
        Description = "Where to compute: auto, cpu, cuda or cuda:N",
        HelpName = "DEVICE",
        DefaultValueFactory = _ => "auto",
    };

    internal static Option<string?> CreatePrecision()
    {
        var option = new Option<string?>("--precision") { Description = "The type of products: auto, fp32 or bf16", HelpName = "PRECISION" };
        option.AcceptOnlyFromAmong("auto", "fp32", "bf16");
        return option;
    }

    internal static Option<string?> CreateQuantize()
    {
        var option = new Option<string?>("--quantize") { Description = "Keep a decoder's matrices in 8 bits (int8), on the CPU", HelpName = "int8" };
        option.AcceptOnlyFromAmong("int8");
        return option;
    }

    /// <summary>The type of products that the user asks for, resolved for a device.</summary>
    internal static Precision PrecisionOf(string? asked, Device device) =>
        Precisions.Resolve(asked is null ? Precision.Auto : Enum.Parse<Precision>(asked, ignoreCase: true), device);

    /// <summary>The device that the user asks for.</summary>
    /// <exception cref="UserException">There is no such device.</exception>
    internal static Device Resolve(string? asked)
    {
        var wanted = 0;
        var known = asked is null or "auto" or "cpu" or "cuda"
            || (asked.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(asked.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out wanted));
        if (!known) throw new UserException($"--device ({asked}) must be auto, cpu, cuda or cuda:N");
        if (asked == "cpu")
        {
            NativeLibraries.Load(cuda: false);
            return CPU;
        }
        var count = NativeLibraries.Load().HasCuda ? cuda.device_count() : 0;
        if (asked is null or "auto") return count > 0 ? CUDA : CPU;
        if (count == 0) throw new UserException($"--device {asked}: no CUDA device is there", "use --device cpu, or see transformer doctor");
        return wanted < count ? new Device(DeviceType.CUDA, wanted)
            : throw new UserException($"--device {asked}: there are {count} CUDA devices, numbered from 0");
    }
}
