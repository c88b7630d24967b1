using System.Runtime.InteropServices;
using System.Text;
using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp.Extensions;

/// <summary>An operation whose backward pass is managed code.</summary>
public abstract unsafe class Function
{
    /// <summary>The gradients of the inputs from those of the outputs; null for an input that needs none.</summary>
    /// <param name="gradients">One an output, null where nothing flowed back.</param>
    protected abstract Tensor?[] Backward(Tensor?[] gradients);

    /// <summary>Computes the outputs without recording, and ties them to the inputs by <see cref="Backward"/>.</summary>
    protected Tensor[] Apply(Tensor[] inputs, Func<Tensor[]> forward)
    {
        Tensor[] outputs;
        using (no_grad()) outputs = forward();
        if (!is_grad_enabled() || !inputs.Any(input => input.requires_grad)) return outputs;
        var given = inputs.Select(input => input.Native()).ToArray();
        var made = outputs.Select(output => output.Native()).ToArray();
        var context = GCHandle.ToIntPtr(GCHandle.Alloc(this));
        fixed (IntPtr* i = given, o = made)
            Native.Check(Native.tt_function(i, given.Length, o, made.Length, &RunBackward, &Release, context));
        GC.KeepAlive(inputs);
        GC.KeepAlive(outputs);
        return outputs;
    }

    [UnmanagedCallersOnly]
    static byte* RunBackward(IntPtr context, IntPtr* gradients, int gradientCount, IntPtr* results, int resultCount)
    {
        try
        {
            using var scope = NewDisposeScope();
            var function = (Function)GCHandle.FromIntPtr(context).Target!;
            var given = new Tensor?[gradientCount];
            for (var i = 0; i < gradientCount; i++)
                given[i] = gradients[i] == IntPtr.Zero ? null : new Tensor(new TensorHandle(gradients[i]));
            var found = function.Backward(given);
            for (var i = 0; i < resultCount && i < found.Length; i++)
            {
                if (found[i] is not { } tensor) continue;
                IntPtr shared;
                Native.Check(Native.tt_tensor_share(tensor.Native(), &shared));
                results[i] = shared;
            }
            return null;
        }
        catch (Exception exception)
        {
            return Callback.Text(exception.ToString());
        }
    }

    [UnmanagedCallersOnly]
    static void Release(IntPtr context) => GCHandle.FromIntPtr(context).Free();
}

/// <summary>Runs code each time a parameter's gradient has been accumulated, for instance to send it to other processes.</summary>
public sealed unsafe class GradientHook : IDisposable
{
    readonly Action<Tensor> action;
    IntPtr keepAlive;

    /// <summary>Registers the action on a leaf that needs a gradient.</summary>
    public GradientHook(Tensor leaf, Action<Tensor> action)
    {
        this.action = action;
        IntPtr kept;
        Native.Check(Native.tt_accumulated_hook(leaf.Native(), &Run, &Release, GCHandle.ToIntPtr(GCHandle.Alloc(this)), &kept));
        keepAlive = kept;
        GC.KeepAlive(leaf);
    }

    [UnmanagedCallersOnly]
    static byte* Run(IntPtr context, IntPtr leaf)
    {
        try
        {
            using var tensor = new Tensor(new TensorHandle(leaf));
            var hook = (GradientHook)GCHandle.FromIntPtr(context).Target!;
            if (hook.keepAlive != IntPtr.Zero) hook.action(tensor);
            return null;
        }
        catch (Exception exception)
        {
            return Callback.Text(exception.ToString());
        }
    }

    [UnmanagedCallersOnly]
    static void Release(IntPtr context) => GCHandle.FromIntPtr(context).Free();

    /// <summary>No more calls after this.</summary>
    public void Dispose()
    {
        var kept = Interlocked.Exchange(ref keepAlive, IntPtr.Zero);
        if (kept != IntPtr.Zero) Native.Check(Native.tt_accumulated_hook_remove(kept));
    }
}

static unsafe class Callback
{
    /// <summary>Heap text that native code frees with libc.</summary>
    internal static byte* Text(string message)
    {
        var bytes = Encoding.UTF8.GetBytes(message);
        var text = (byte*)NativeMemory.Alloc((nuint)bytes.Length + 1);
        bytes.CopyTo(new Span<byte>(text, bytes.Length));
        text[bytes.Length] = 0;
        return text;
    }
}
