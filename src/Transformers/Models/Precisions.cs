using System.Runtime.Intrinsics.X86;
using TorchSharp;
using Transformers.Configs;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>Chooses the type that products are computed in.</summary>
public static class Precisions
{
    /// <summary>What <c>auto</c> comes to on a device: bf16 where the hardware multiplies it natively, else fp32.</summary>
    public static Precision Resolve(Precision asked, Device device) => asked switch
    {
        Precision.Auto => Engine.HasAutocast && MultipliesBFloat16(device) ? Precision.Bf16 : Precision.Fp32,
        Precision.Bf16 when !Engine.HasAutocast => throw new UserException("precision bf16 is not there with the TorchSharp package", "use fp32 or auto"),
        _ => asked,
    };

    /// <summary>Starts mixed precision for a forward pass; nothing for fp32. Weights stay in 32 bits.</summary>
    public static IDisposable? Enter(Precision precision, Device device) =>
        precision == Precision.Bf16 ? Engine.Autocast(device.type, ScalarType.BFloat16) : null;

    /// <summary>Whether a device has instructions for products of 16-bit brain floats.</summary>
    public static bool MultipliesBFloat16(Device device)
    {
        if (device.type == DeviceType.CUDA) return true;
        if (!X86Base.IsSupported) return false;
        // Leaf 7.1, EAX bit 5 is AVX512_BF16; leaf 7.0, EDX bit 22 is AMX-BF16.
        return (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0 || (X86Base.CpuId(7, 0).Edx & (1 << 22)) != 0;
    }
}
