using TorchSharp.Interop;

namespace TorchSharp;

public static unsafe partial class torch
{
    public static DisposeScope NewDisposeScope() => DisposeScopeManager.Open();

    public static DisposeScope? CurrentDisposeScope => DisposeScopeManager.Current;

    public static Tensor WrappedTensorDisposeScope(Func<Tensor> expr)
    {
        using var scope = NewDisposeScope();
        return expr().MoveToOuterDisposeScope();
    }

    public static IDisposable no_grad() => new GradMode(false);

    public static IDisposable enable_grad(bool enabled = true) => new GradMode(enabled);

    public static IDisposable set_grad_enabled(bool mode = true) => new GradMode(mode);

    public static bool is_grad_enabled()
    {
        int before;
        Native.Check(Native.tt_grad_mode(-1, &before));
        return before != 0;
    }

    public static IDisposable inference_mode(bool mode = true) => new InferenceMode(mode);

    public static bool is_inference_mode_enabled() => Native.tt_inference_mode_is_enabled() != 0;

    sealed class GradMode : IDisposable
    {
        readonly int before;

        internal GradMode(bool enabled)
        {
            int was;
            Native.Check(Native.tt_grad_mode(enabled ? 1 : 0, &was));
            before = was;
        }

        public void Dispose()
        {
            int was;
            Native.Check(Native.tt_grad_mode(before, &was));
        }
    }

    sealed class InferenceMode : IDisposable
    {
        IntPtr mode;

        internal InferenceMode(bool enabled)
        {
            IntPtr entered;
            Native.Check(Native.tt_inference_mode_enter(enabled ? 1 : 0, &entered));
            mode = entered;
        }

        public void Dispose()
        {
            if (mode == IntPtr.Zero) return;
            Native.Check(Native.tt_inference_mode_leave(mode));
            mode = IntPtr.Zero;
        }
    }
}
