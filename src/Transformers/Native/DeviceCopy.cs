using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Copies of batches to a device.</summary>
static class DeviceCopy
{
    /// <summary>Moves a tensor that was just made from an array to a device. To a CUDA device it goes through pinned memory and nobody waits for it, so that it travels while earlier work runs.</summary>
    /// <param name="made">In the processor's memory; belongs to the result from now on.</param>
    /// <param name="device">The device.</param>
    /// <returns>The tensor itself where the device is the processor.</returns>
    internal static Tensor SendTo(this Tensor made, Device device)
    {
        if (device.type == DeviceType.CPU) return made;
        using (made)
        {
            if (device.type != DeviceType.CUDA) return made.to(device);
            // libtorch keeps a pinned block until the copies that read it are done.
            using var pinned = made.pin_memory();
            return pinned.to(device, non_blocking: true);
        }
    }
}
