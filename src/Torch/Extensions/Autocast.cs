using TorchSharp.Interop;

namespace TorchSharp.Extensions;

/// <summary>Mixed precision: while it lives, matrix products on a device run in a narrower type.</summary>
public sealed unsafe class Autocast : IDisposable
{
    readonly DeviceType device;
    readonly int wasEnabled, wasType;
    bool disposed;

    Autocast(DeviceType device, bool enabled, torch.ScalarType type)
    {
        this.device = device;
        int enabledBefore, typeBefore, depth;
        Native.Check(Native.tt_autocast((int)device, enabled ? 1 : 0, (int)type, &enabledBefore, &typeBefore));
        Native.Check(Native.tt_autocast_nesting(1, &depth));
        (wasEnabled, wasType) = (enabledBefore, typeBefore);
    }

    /// <summary>Starts casting; ends when the result is disposed of.</summary>
    public static Autocast Enter(DeviceType device, torch.ScalarType type = torch.ScalarType.BFloat16, bool enabled = true) =>
        new(device, enabled, type);

    /// <summary>Whether a device's products are narrowed now, on this thread.</summary>
    public static bool IsEnabled(DeviceType device)
    {
        int enabled, type;
        Native.Check(Native.tt_autocast((int)device, -1, -1, &enabled, &type));
        return enabled != 0;
    }

    /// <summary>Restores what was set before.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        int enabled, type, depth;
        Native.Check(Native.tt_autocast_nesting(-1, &depth));
        Native.Check(Native.tt_autocast((int)device, wasEnabled, wasType, &enabled, &type));
    }
}
