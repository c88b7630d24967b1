using System.Runtime.ExceptionServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Backward passes through managed functions, and the gradients of parameters.</summary>
public static class Gradients
{
    static readonly Lock guard = new();
    static ExceptionDispatchInfo? failure;
    // What the last managed function returned: libtorch has its own references by the time that the next one runs.
    static readonly List<Tensor> returned = [];

    /// <summary>Adds the gradients of a scalar to the parameters that it depends on.</summary>
    /// <param name="loss">One number with its graph.</param>
    /// <exception cref="Exception">What a managed function threw; gradients are incomplete then.</exception>
    public static void Backward(Tensor loss)
    {
        lock (guard) failure = null;
        try
        {
            loss.backward();
        }
        finally
        {
            lock (guard) Return([]);
        }
        ExceptionDispatchInfo? thrown;
        lock (guard) (thrown, failure) = (failure, null);
        thrown?.Throw();
    }

    /// <summary>Runs a backward function so that no exception leaves it; after one, the rest of the pass computes nothing.</summary>
    internal static Tensor?[] Guard(Func<Tensor?[]> backward)
    {
        lock (guard)
        {
            try
            {
                Tensor?[] results = failure is null ? backward() : [];
                Return(results);
                return results;
            }
            catch (Exception exception)
            {
                failure ??= ExceptionDispatchInfo.Capture(exception);
                return [];
            }
        }
    }

    static void Return(IEnumerable<Tensor?> results)
    {
        foreach (var earlier in returned) earlier.Dispose();
        returned.Clear();
        returned.AddRange(results.OfType<Tensor>());
    }

    /// <summary>The gradient of a parameter, for a kernel to write into; made where there is none yet.</summary>
    /// <param name="parameter">A leaf that needs a gradient.</param>
    /// <param name="add">Whether the buffer holds a sum already that must be added to; else its content is undefined and must be overwritten.</param>
    /// <returns>A 32-bit tensor of the parameter's shape.</returns>
    public static Tensor Buffer(Tensor parameter, out bool add)
    {
        if (parameter.grad is { } gradient)
        {
            add = true;
            return gradient;
        }
        add = false;
        var made = empty_like(parameter);
        parameter.grad = made;
        return made;
    }

    /// <summary>Adds to the gradient of a parameter; nothing where it needs none.</summary>
    /// <param name="parameter">A leaf.</param>
    /// <param name="part">Of its shape, any float type; becomes the gradient itself where that is the first part and has the parameter's type.</param>
    public static void Add(Tensor parameter, Tensor part)
    {
        if (!parameter.requires_grad) return;
        using var gradient = parameter.grad;
        if (gradient is not null) gradient.add_(part);
        else parameter.grad = part.dtype == parameter.dtype && part.is_contiguous() ? part : part.to(parameter.dtype).contiguous();
    }
}
