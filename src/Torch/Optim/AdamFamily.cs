using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>The state of one parameter, whichever of the family gathers it.</summary>
interface IAdamState
{
    long Step { get; set; }
    Tensor Mean { get; }
    Tensor Square { get; }
    Tensor? MostSquare { get; }
}

/// <summary>Parameters that are at the same step, as the lists that libtorch's operators on many tensors take.</summary>
sealed record AdamBatch(long Step, Tensor[] Parameters, Tensor[] Gradients, Tensor[] Means, Tensor[] Squares, Tensor[]? MostSquares);

/// <summary>The step that Adam and AdamW share, for many parameters at a time.</summary>
static class AdamFamily
{
    static readonly Op mul_in_op = Op.Find("aten::_foreach_mul_", "Scalar");
    static readonly Op add_list_op = Op.Find("aten::_foreach_add", "List");
    static readonly Op add_list_in_op = Op.Find("aten::_foreach_add_", "List");
    static readonly Op add_in_op = Op.Find("aten::_foreach_add_", "Scalar");
    static readonly Op div_in_op = Op.Find("aten::_foreach_div_", "Scalar");
    static readonly Op addcmul_in_op = Op.Find("aten::_foreach_addcmul_", "Scalar");
    static readonly Op addcdiv_in_op = Op.Find("aten::_foreach_addcdiv_", "Scalar");
    static readonly Op sqrt_op = Op.Find("aten::_foreach_sqrt");
    static readonly Op neg_op = Op.Find("aten::_foreach_neg");
    static readonly Op maximum_op = Op.Find("aten::maximum", "out");

    internal static void Check(double lr, double beta1, double beta2, double eps, double weight_decay)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lr);
        ArgumentOutOfRangeException.ThrowIfNegative(eps);
        ArgumentOutOfRangeException.ThrowIfNegative(weight_decay);
        if (beta1 is not (>= 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(beta1), beta1, "must be in [0, 1)");
        if (beta2 is not (>= 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(beta2), beta2, "must be in [0, 1)");
    }

    /// <summary>Counts the step of every parameter that has a gradient, and puts those of one count together.</summary>
    internal static IEnumerable<AdamBatch> Gather(IEnumerable<Parameter> parameters, Func<Parameter, IAdamState> stateOf, bool maximize)
    {
        var entries = new List<(Parameter parameter, Tensor gradient, IAdamState state)>();
        foreach (var parameter in parameters)
        {
            if (parameter.grad is not { } gradient) continue;
            var state = stateOf(parameter);
            state.Step++;
            entries.Add((parameter, gradient, state));
        }
        foreach (var batch in entries.GroupBy(entry => (entry.state.Step, entry.state.MostSquare is not null)))
        {
            Tensor[] gradients = [.. batch.Select(entry => entry.gradient)];
            yield return new AdamBatch(batch.Key.Step, [.. batch.Select(entry => entry.parameter)], maximize ? neg_op.CallMany(gradients) : gradients,
                [.. batch.Select(entry => entry.state.Mean)], [.. batch.Select(entry => entry.state.Square)],
                batch.Key.Item2 ? [.. batch.Select(entry => entry.state.MostSquare!)] : null);
        }
    }

    /// <summary>One step. Nothing but the square roots takes memory.</summary>
    internal static void Update(AdamBatch batch, double lr, double beta1, double beta2, double eps, double weightDecay, bool decoupled)
    {
        var (step, parameters, gradients, means, squares, mostSquares) = batch;
        if (weightDecay != 0)
        {
            if (decoupled) mul_in_op.CallVoid(parameters, 1 - lr * weightDecay);
            else gradients = add_list_op.CallMany(gradients, parameters, weightDecay);
        }
        mul_in_op.CallVoid(means, beta1);
        add_list_in_op.CallVoid(means, gradients, 1 - beta1);
        mul_in_op.CallVoid(squares, beta2);
        addcmul_in_op.CallVoid(squares, gradients, gradients, 1 - beta2);
        for (var i = 0; i < mostSquares?.Length; i++) maximum_op.CallVoid(mostSquares[i], squares[i], mostSquares[i]);
        var correction1 = 1 - Math.Pow(beta1, step);
        var correction2 = 1 - Math.Pow(beta2, step);
        var denominators = sqrt_op.CallMany((Value)(mostSquares ?? squares));
        div_in_op.CallVoid(denominators, Math.Sqrt(correction2));
        add_in_op.CallVoid(denominators, eps);
        addcdiv_in_op.CallVoid(parameters, means, denominators, -lr / correction1);
        foreach (var denominator in denominators) denominator.Dispose();
    }
}
