using TorchSharp;
using Transformers.IO;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>Measures the memory that computing on a device takes.</summary>
abstract class MemoryGauge
{
    /// <summary>The gauge of a device; null where its memory cannot be measured.</summary>
    internal static MemoryGauge? Of(Device device) =>
        device.type == DeviceType.CUDA ? DeviceMemory.Of(device) is null ? null : new CudaGauge(device)
        : ProcessMemory.CanMeasurePeak && new MemoryLimits().Room() is not null ? new HostGauge() : null;

    /// <summary>Whether checkpoints' copies are made in this memory.</summary>
    internal abstract bool HoldsCopies { get; }

    /// <summary>From here on the peak counts.</summary>
    internal abstract void Begin();

    /// <summary>Bytes in use now.</summary>
    internal abstract long Used { get; }

    /// <summary>The most bytes in use since the beginning.</summary>
    internal abstract long Peak { get; }

    /// <summary>What may be taken beyond <see cref="Used"/>.</summary>
    internal abstract MemoryRoom Room { get; }

    sealed class HostGauge : MemoryGauge
    {
        readonly MemoryLimits limits = new();

        internal override bool HoldsCopies => true;

        internal override void Begin()
        {
            DeviceMemory.TrimMemory();
            ProcessMemory.StartPeak();
        }

        internal override long Used => ProcessMemory.Resident;
        internal override long Peak => ProcessMemory.PeakSinceStart;
        internal override MemoryRoom Room => limits.Room()!.Value;
    }

    // libtorch keeps freed blocks of a device, so what is in use after a pass is the pass's peak.
    sealed class CudaGauge(Device device) : MemoryGauge
    {
        internal override bool HoldsCopies => false;
        internal override void Begin() { }
        internal override long Used => Now.Total - Now.Free;
        internal override long Peak => Used;
        internal override MemoryRoom Room => new(Now.Free, device.ToString());
        DeviceMemoryUse Now => DeviceMemory.Of(device)!;
    }
}
