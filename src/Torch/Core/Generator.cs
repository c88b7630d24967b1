using System.Security.Cryptography;
using TorchSharp.Interop;

namespace TorchSharp;

public static unsafe partial class torch
{
    /// <summary>A stream of random numbers on one device.</summary>
    public class Generator : IDisposable
    {
        readonly GeneratorHandle handle;

        public Generator(ulong seed = 0, Device? device = null) : this(Make(seed, device ?? CPU), device ?? CPU) { }

        Generator(GeneratorHandle handle, Device device)
        {
            this.handle = handle;
            this.device = device;
        }

        public Device device { get; }

        public IntPtr Handle => handle.DangerousGetHandle();

        public static Generator Default => OfDevice(CPU);

        internal static Generator OfDevice(Device device)
        {
            IntPtr found;
            Native.Check(Native.tt_generator_default(Bits(device), &found));
            return new Generator(new GeneratorHandle(found), device);
        }

        static GeneratorHandle Make(ulong seed, Device device)
        {
            IntPtr made;
            Native.Check(Native.tt_generator_new(Bits(device), seed, &made));
            return new GeneratorHandle(made);
        }

        static long Bits(Device device) => (uint)device.type | ((long)device.index << 32);

        public Generator manual_seed(long seed)
        {
            var value = (ulong)seed;
            Native.Check(Native.tt_generator_seed(Handle, 1, &value));
            return this;
        }

        public long seed()
        {
            Span<byte> random = stackalloc byte[8];
            RandomNumberGenerator.Fill(random);
            var seed = BitConverter.ToInt64(random) & long.MaxValue;
            manual_seed(seed);
            return seed;
        }

        public long initial_seed()
        {
            ulong value;
            Native.Check(Native.tt_generator_seed(Handle, 0, &value));
            return (long)value;
        }

        public Tensor get_state()
        {
            IntPtr state;
            Native.Check(Native.tt_generator_get_state(Handle, &state));
            return new Tensor(new TensorHandle(state));
        }

        public void set_state(Tensor value)
        {
            Native.Check(Native.tt_generator_set_state(Handle, value.Native()));
            GC.KeepAlive(value);
        }

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            if (disposing) handle.Dispose();
        }
    }

    /// <summary>Seeds every device's default stream.</summary>
    public static Generator manual_seed(long seed)
    {
        Native.Check(Native.tt_manual_seed((ulong)seed));
        return Generator.Default;
    }

    public static long initial_seed()
    {
        using var generator = Generator.Default;
        return generator.initial_seed();
    }

    public static Tensor get_rng_state()
    {
        using var generator = Generator.Default;
        return generator.get_state();
    }

    public static void set_rng_state(Tensor new_state)
    {
        using var generator = Generator.Default;
        generator.set_state(new_state);
    }

    public static class random
    {
        public static Generator manual_seed(long seed) => torch.manual_seed(seed);
        public static long initial_seed() => torch.initial_seed();
        public static Tensor get_rng_state() => torch.get_rng_state();
        public static void set_rng_state(Tensor new_state) => torch.set_rng_state(new_state);
    }
}
