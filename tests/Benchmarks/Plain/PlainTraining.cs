using System.Diagnostics;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PlainTorchSharp;

/// <summary>Training steps on random numbers, as the benchmark of this project takes them: forward, backward, clipping to a norm of 1, AdamW.</summary>
sealed class PlainTraining
{
    const int WarmSteps = 4, FewestSteps = 5;

    readonly PlainGpt model;
    readonly Parameter[] all;
    readonly FusedAdamW matrices, vectors;
    readonly Tensor ids, targets;

    /// <summary>A new model and a batch for it.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="rows">B.</param>
    /// <param name="compute">The type of products and attention.</param>
    internal PlainTraining(Shape shape, int rows, ScalarType compute)
    {
        manual_seed(1);
        model = new PlainGpt(shape, compute);
        all = [.. model.Matrices, .. model.Vectors];
        (matrices, vectors) = (new(model.Matrices, decay: 0.1), new(model.Vectors, decay: 0));
        ids = randint(0, shape.Vocabulary, [rows, shape.Context], dtype: ScalarType.Int64);
        targets = randint(0, shape.Vocabulary, [rows * shape.Context], dtype: ScalarType.Int64);
    }

    /// <summary>Parameters of the model.</summary>
    internal long Parameters => all.Sum(parameter => parameter.numel());

    /// <summary>Trains for about so many seconds after the warm-up.</summary>
    /// <returns>The loss of the first step, and the seconds of each step in ascending order.</returns>
    internal (double FirstLoss, List<double> Seconds) Run(double seconds)
    {
        var first = Step();
        for (var i = 1; i < WarmSteps; i++) Step();
        var times = new List<double>();
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed.TotalSeconds < seconds || times.Count < FewestSteps)
        {
            var started = Stopwatch.GetTimestamp();
            Step();
            times.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
        times.Sort();
        return (first, times);
    }

    double Step()
    {
        using var scope = NewDisposeScope();
        var loss = model.Loss(ids, targets);
        loss.backward();
        nn.utils.clip_grad_norm_(all, max_norm: 1);
        matrices.Step();
        vectors.Step();
        foreach (var parameter in all) parameter.grad = null;
        return loss.item<float>();
    }
}
