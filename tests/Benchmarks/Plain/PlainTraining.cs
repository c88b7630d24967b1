using System.Runtime.InteropServices;
using TorchSharp.Modules;
using Transformers.Models;
using Transformers.Native;
using static TorchSharp.torch;

namespace Benchmarks.Plain;

/// <summary>Training steps in TorchSharp's own operators, without any kernel of this project: the speed of ordinary user code on the same
/// libtorch.</summary>
/// <remarks>A step is what <see cref="Transformers.Benchmarks.StepBenchmark"/> measures: forward, backward, clipping to a norm of 1, AdamW, on random numbers.</remarks>
sealed partial class PlainTraining
{
    const int TrimThreshold = -1, MmapThreshold = -3;

    readonly PlainGpt model;
    readonly Parameter[] all;
    readonly Moments matrices, vectors;
    readonly Tensor ids, targets;

    PlainTraining(GptConfig shape, int rows, ScalarType compute)
    {
        manual_seed(1);
        model = new PlainGpt(shape, RowShapes.Characters, compute);
        all = [.. model.Matrices, .. model.Vectors];
        (matrices, vectors) = (new(model.Matrices), new(model.Vectors));
        ids = randint(0, RowShapes.Characters, [rows, shape.Context], dtype: ScalarType.Int64);
        targets = randint(0, RowShapes.Characters, [rows * shape.Context], dtype: ScalarType.Int64);
    }

    /// <summary>Measures a row.</summary>
    /// <param name="row"><c>train-s</c> or <c>train-m</c>.</param>
    /// <param name="compute">The type of products and attention.</param>
    /// <param name="seconds">The approximate seconds of measuring, after the warm-up.</param>
    internal static Measured Run(string row, ScalarType compute, double seconds)
    {
        // None of this project's own settings, except those of malloc, which keep the memory of tensors that each step frees and allocates
        // in the process.
        Environment.SetEnvironmentVariable("TRANSFORMER_KEEP_ENVIRONMENT", "1");
        if (OperatingSystem.IsLinux()) _ = (mallopt(TrimThreshold, 1 << 30), mallopt(MmapThreshold, 1 << 30));
        NativeLibraries.Load(cuda: false);
        set_num_threads(Environment.ProcessorCount);
        var (shape, rows) = row switch
        {
            "train-s" => (RowShapes.S, 12),
            "train-m" => (RowShapes.M, 16),
            _ => throw new ArgumentException($"a plain row must be train-s or train-m, not {row}"),
        };
        var training = new PlainTraining(shape, rows, compute);
        var first = training.Step();
        var times = Measured.Time(() => training.Step(), seconds: seconds, least: 5);
        return Measured.Of(rows * shape.Context, times, training.all.Sum(parameter => parameter.numel())) with { Loss = first };
    }

    double Step()
    {
        using var scope = NewDisposeScope();
        var loss = model.Loss(ids, targets);
        loss.backward();
        nn.utils.clip_grad_norm_(all, max_norm: 1);
        matrices.Step(decay: 0.1);
        vectors.Step(decay: 0);
        foreach (var parameter in all) parameter.grad = null;
        return loss.item<float>();
    }

    // The state of AdamW for parameters that have one weight decay.
    sealed class Moments(IReadOnlyList<Parameter> parameters)
    {
        readonly Tensor[] parameters = [.. parameters], first = Zeros(parameters), second = Zeros(parameters);
        readonly Tensor count = zeros([], dtype: ScalarType.Float32);

        internal void Step(double decay)
        {
            using var plain = no_grad();
            count.add_(1);
            Tensor[] gradients = [.. parameters.Select(parameter => parameter.grad!)], steps = [.. parameters.Select(_ => count)];
            Operators.FusedAdam(parameters, gradients, first, second, steps, lr: 1e-3, (0.9, 0.99), decay, epsilon: 1e-8, divisor: null, skip: null, decoupled: true);
        }

        static Tensor[] Zeros(IReadOnlyList<Parameter> parameters) => [.. parameters.Select(parameter => zeros(parameter.shape))];
    }

    [LibraryImport("libc")]
    private static partial int mallopt(int parameter, int value);
}
