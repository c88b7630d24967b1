using static TorchSharp.torch;

namespace Transformers.Benchmarks;

/// <summary>What data-parallel training on several devices like this one would give: each has a batch of its own, and gradients are averaged after each step.</summary>
/// <param name="Devices">The number of devices n.</param>
/// <param name="BytesPerDevice">What each sends a step: 2·(n-1)/n times the gradients, as a ring does (Patarasuk and Yuan 2009).</param>
/// <param name="BytesPerSecond">How fast: measured on this machine's memory, or given.</param>
/// <param name="StepSeconds">Seconds a step.</param>
/// <param name="UnitsPerSecond">Tokens or images a second of all devices.</param>
/// <param name="Efficiency">That over n times one device's, 0 to 1.</param>
public sealed record DeviceScaling(int Devices, double BytesPerDevice, double BytesPerSecond, double StepSeconds, double UnitsPerSecond, double Efficiency)
{
    /// <summary>The estimate.</summary>
    /// <param name="devices">n.</param>
    /// <param name="step">Seconds a step on one device, as measured.</param>
    /// <param name="units">Units a step on one device.</param>
    /// <param name="parameters">Parameters.</param>
    /// <param name="bytesPerSecond">The speed of the link.</param>
    internal static DeviceScaling Of(int devices, double step, long units, long parameters, double bytesPerSecond)
    {
        var bytes = 2.0 * (devices - 1) / devices * sizeof(float) * parameters;
        // Sending is not assumed to overlap with computing.
        var seconds = step + bytes / bytesPerSecond;
        return new(devices, bytes, bytesPerSecond, seconds, devices * units / seconds, step / seconds);
    }

    /// <summary>Bytes a second that two devices exchange through this machine's memory: each byte is read and written.</summary>
    internal static double MemoryLink(Device device) => KernelTimes.BytesPerSecond(device, TimeSpan.FromMilliseconds(60)) / 2;
}
