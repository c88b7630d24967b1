using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

/// <summary>Owns one reference to a native tensor.</summary>
internal sealed class TensorHandle : SafeHandle
{
    internal TensorHandle(IntPtr tensor) : base(IntPtr.Zero, ownsHandle: true) => SetHandle(tensor);

    public override bool IsInvalid => handle == IntPtr.Zero;

    /// <summary>The native tensor.</summary>
    /// <exception cref="InvalidOperationException">The tensor was disposed.</exception>
    internal IntPtr Get() =>
        IsClosed || handle == IntPtr.Zero
            ? throw new InvalidOperationException("Tensor invalid -- empty handle.")
            : handle;

    protected override bool ReleaseHandle() => Native.tt_tensor_release(handle).Code == 0;
}

/// <summary>Owns a native generator of random numbers.</summary>
internal sealed class GeneratorHandle : SafeHandle
{
    internal GeneratorHandle(IntPtr generator) : base(IntPtr.Zero, ownsHandle: true) => SetHandle(generator);

    public override bool IsInvalid => handle == IntPtr.Zero;

    protected override bool ReleaseHandle() => Native.tt_generator_release(handle).Code == 0;
}
