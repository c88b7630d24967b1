using System.Globalization;
using TorchSharp.Interop;

namespace TorchSharp;

/// <summary>The kinds of device that libtorch knows; the numbers are libtorch's.</summary>
public enum DeviceType
{
    CPU = 0, CUDA = 1, MKLDNN = 2, OPENGL = 3, OPENCL = 4, IDEEP = 5, HIP = 6, FPGA = 7, MSNPU = 8, XLA = 9, MPS = 13, META = 14,
}

public static unsafe partial class torch
{
    /// <summary>Where a tensor lives.</summary>
    public class Device
    {
        public DeviceType type { get; }
        public int index { get; }

        public Device(DeviceType deviceType, int index = -1)
        {
            type = deviceType;
            this.index = deviceType == DeviceType.CPU ? -1 : index;
        }

        public Device(int index) : this(DeviceType.CUDA, index) { }

        public Device(string deviceType, int index = -1) : this(TypeOf(deviceType), index) { }

        public Device(string description) : this(description.Split(':', 2)) { }

        Device(string[] parts) : this(TypeOf(parts[0]), parts.Length == 2 ? IndexOf(parts[1]) : -1) { }

        public static implicit operator Device(string description) => new(description);

        public override string ToString() => index < 0 ? type.ToString().ToLowerInvariant() : $"{type.ToString().ToLowerInvariant()}:{index}";

        public override bool Equals(object? obj) => obj is Device other && other.type == type && other.index == index;

        public override int GetHashCode() => HashCode.Combine(type, index);

        static DeviceType TypeOf(string name) =>
            Enum.TryParse<DeviceType>(name, ignoreCase: true, out var type) && Enum.IsDefined(type) && !char.IsAsciiDigit(name[0])
                ? type : throw new ArgumentException($"'{name}' is not a kind of device; cpu and cuda are.");

        static int IndexOf(string text) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var index)
                ? index : throw new ArgumentException($"'{text}' is not the number of a device.");
    }

    public static readonly Device CPU = new(DeviceType.CPU);
    public static readonly Device META = new(DeviceType.META);
    public static Device CUDA => new(DeviceType.CUDA, 0);

    static Device defaultDevice = new(DeviceType.CPU);

    public static Device get_default_device() => defaultDevice;
    public static void set_default_device(Device device) => defaultDevice = InitializeDevice(device);
    public static void set_default_device(string device) => set_default_device(new Device(device));

    public static Device device(string description) => new(description);
    public static Device device(string deviceType, int index = -1) => new(deviceType, index);
    public static Device device(DeviceType deviceType, int index = -1) => new(deviceType, index);
    public static Device device(int index) => new(index);

    public static bool TryInitializeDeviceType(DeviceType deviceType) => deviceType switch
    {
        DeviceType.CPU or DeviceType.META => true,
        DeviceType.CUDA => cuda.is_available(),
        _ => false,
    };

    public static void InitializeDeviceType(DeviceType deviceType)
    {
        if (!TryInitializeDeviceType(deviceType))
            throw new InvalidOperationException($"Torch device type {deviceType} did not initialise on the current machine.");
    }

    public static Device InitializeDevice(Device? device)
    {
        device ??= defaultDevice;
        InitializeDeviceType(device.type);
        return device;
    }

    public static class cuda
    {
        public static bool is_available() => device_count() > 0;

        public static int device_count()
        {
            int count;
            Native.Check(Native.tt_cuda_devices(&count));
            return count;
        }

        public static void synchronize(Device? device = null) =>
            Native.Check(Native.tt_cuda_synchronize(device?.index ?? -1));

        public static void manual_seed(long seed) => manual_seed_all(seed);

        public static void manual_seed_all(long seed)
        {
            for (var index = 0; index < device_count(); index++)
                using (var generator = Generator.OfDevice(new Device(DeviceType.CUDA, index))) generator.manual_seed(seed);
        }
    }

    public static class backends
    {
        public static class cuda
        {
            public static class matmul
            {
                public static bool allow_tf32
                {
                    get => Flag(0, -1);
                    set => Flag(0, value ? 1 : 0);
                }
            }
        }

        static bool Flag(int flag, int set)
        {
            int before;
            Native.Check(Native.tt_context_flag(flag, set, &before));
            return before != 0;
        }
    }

    public static int get_num_threads()
    {
        int count;
        Native.Check(Native.tt_threads(0, &count));
        return count;
    }

    public static void set_num_threads(int num)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(num);
        int count;
        Native.Check(Native.tt_threads(num, &count));
    }

    public static string __version__
    {
        get
        {
            byte* text;
            Native.Check(Native.tt_torch_version(&text));
            return Native.TakeText(text)!;
        }
    }
}
