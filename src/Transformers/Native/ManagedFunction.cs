using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>One call of an operation whose gradients are computed by managed code.</summary>
/// <remarks>
/// TorchSharp's autograd functions have hazards that this class handles once:
/// <list type="bullet">
/// <item>An exception in a backward pass would cross native frames and end the process. Here it is caught, the pass ends
/// without gradients, and <see cref="Gradients.Backward"/> throws it.</item>
/// <item>Tensors given to <c>save_for_backward</c> live until the graph is freed. Here they are fields of the derived class, registered by
/// <see cref="Keep"/> and <see cref="KeepInput"/>, and disposed of at the end of the backward pass.</item>
/// <item>A returned gradient is still referenced by managed code while libtorch uses it, so libtorch would copy it into a parameter's
/// gradient. The gradients of parameters are therefore added in place, by <see cref="Gradients.Add"/> or by a kernel into
/// <see cref="Gradients.Buffer"/>, and not returned.</item>
/// <item>Whether gradients are wanted is decided before the call: without them, nothing is kept and no node is created.</item>
/// </list>
/// </remarks>
public abstract class ManagedFunction
{
    readonly List<Tensor> kept = [];
    Input[] inputs = [];

    // Recorded when the graph is built, since the caller's tensor may be disposed of before the backward pass.
    readonly record struct Input(Tensor? Parameter, bool Needed, long[] Shape, ScalarType Type);

    /// <summary>Computes the result, without gradients.</summary>
    /// <param name="keep">Whether <see cref="Backward"/> may follow, and the tensors that it needs must be kept.</param>
    protected abstract Tensor Forward(bool keep);

    /// <summary>The gradients of the inputs of <see cref="Apply"/>, in the same order; null for an input that needs none, and for
    /// parameters, whose gradients are added in place.</summary>
    /// <param name="gradient">The gradient of the result.</param>
    protected abstract Tensor?[] Backward(Tensor gradient);

    /// <summary>Holds a tensor that <see cref="Forward"/> created until the backward pass is over.</summary>
    protected Tensor Keep(Tensor made)
    {
        kept.Add(made.DetachFromDisposeScope());
        return made;
    }

    /// <summary>Holds an input, which belongs to the caller, until the backward pass is over.</summary>
    protected Tensor KeepInput(Tensor given) => Keep(given.alias());

    /// <summary>Computes the result and, if an input needs a gradient, makes it part of the graph.</summary>
    /// <param name="given">All tensors that gradients may flow to, parameters included; null for absent ones.</param>
    protected Tensor Apply(params Tensor?[] given)
    {
        inputs = Array.ConvertAll(given, input => input is null ? default : new Input(input.is_leaf ? input : null, input.requires_grad, input.shape, input.dtype));
        if (is_grad_enabled() && Array.Exists(given, input => input is { requires_grad: true })) return Bridge.apply([this, .. given])[0];
        using var plain = no_grad();
        return Forward(keep: false);
    }

    /// <summary>Holds an input until the backward pass is over, unless it is a parameter, which outlives the pass.</summary>
    protected Tensor Hold(Tensor given) => given is { is_leaf: true, requires_grad: true } ? given : KeepInput(given);

    /// <summary>Whether an input of <see cref="Apply"/> needs a gradient.</summary>
    protected bool Needs(int input) => inputs[input].Needed;

    /// <summary>The input itself if it is a parameter, whose gradient is added in place; null for a computed tensor.</summary>
    protected Tensor? ParameterAt(int input) => inputs[input].Parameter;

    /// <summary>The shape of an input.</summary>
    protected long[] ShapeOf(int input) => inputs[input].Shape;

    /// <summary>Passes an input's gradient on: adds it in place for a parameter, returns it for a computed tensor, and does nothing if none
    /// is needed.</summary>
    /// <param name="input">Its position in <see cref="Apply"/>.</param>
    /// <param name="part">Computes its gradient.</param>
    protected Tensor? PassOn(int input, Func<Tensor> part)
    {
        if (!Needs(input)) return null;
        if (ParameterAt(input) is not { } parameter) return part().to(inputs[input].Type);
        Gradients.Add(parameter, part());
        return null;
    }

    Tensor?[] Differentiate(Tensor gradient)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        try
        {
            if (gradient.IsInvalid) return []; // Nothing flowed back.
            var results = Backward(gradient);
            if (results.Length != inputs.Length) throw new InvalidOperationException($"{GetType().Name} returned {results.Length} gradients for {inputs.Length} inputs");
            foreach (var result in results.OfType<Tensor>())
            {
                result.DetachFromDisposeScope();
                kept.RemoveAll(tensor => ReferenceEquals(tensor, result)); // Remove would compare the tensors' values.
            }
            return results;
        }
        finally
        {
            gradient.Dispose();
            foreach (var tensor in kept) tensor.Dispose();
            kept.Clear();
        }
    }

    // TorchSharp creates a single object of this class and passes each call's arguments to it.
    sealed class Bridge : autograd.MultiTensorFunction<Bridge>
    {
        const string Call = "call";

        public override string Name => nameof(ManagedFunction);

        public override List<Tensor> forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var function = (ManagedFunction)vars[0];
            ctx.set_materialize_grads(false);
            ctx.save_data(Call, function);
            return [function.Forward(keep: true)];
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, List<Tensor> grad_outputs)
        {
            var function = (ManagedFunction)ctx.get_data(Call);
            var results = Gradients.Guard(() => function.Differentiate(grad_outputs[0]));
            List<Tensor> all = [null!]; // The call itself is an argument too.
            for (var i = 0; i < function.inputs.Length; i++) all.Add(i < results.Length ? results[i]! : null!);
            return all;
        }
    }
}

/// <summary>Backward passes through managed functions, and the gradients of parameters.</summary>
public static class Gradients
{
    static readonly Lock guard = new();
    static ExceptionDispatchInfo? failure;
    // The results of the last managed function: libtorch has its own references by the time the next one runs.
    static readonly List<Tensor> returned = [];

    /// <summary>Adds the gradients of a scalar to the parameters that it depends on.</summary>
    /// <param name="loss">A scalar with its graph.</param>
    /// <exception cref="Exception">A managed function threw it; the gradients are incomplete.</exception>
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

    /// <summary>The gradient of a parameter, for a kernel to write into; created if there is none yet.</summary>
    /// <param name="parameter">A leaf that needs a gradient.</param>
    /// <param name="add">Whether the buffer holds a sum that must be added to; otherwise its content is undefined and must be overwritten.</param>
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

    /// <summary>Adds to the gradient of a parameter; does nothing if it needs none.</summary>
    /// <param name="parameter">A leaf.</param>
    /// <param name="part">Of the parameter's shape, in any float type; becomes the gradient itself if it is the first part and has the
    /// parameter's type.</param>
    public static void Add(Tensor parameter, Tensor part)
    {
        if (!parameter.requires_grad) return;
        using var gradient = parameter.grad;
        if (gradient is not null) gradient.add_(part, Scalars.One);
        else parameter.grad = part.dtype == parameter.dtype && part.is_contiguous() ? part : part.to(parameter.dtype).contiguous();
    }
}
