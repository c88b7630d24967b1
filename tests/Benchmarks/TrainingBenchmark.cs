using System.Diagnostics;
using TorchSharp;
using Transformers.Configs;
using Transformers.Generation;
using Transformers.Models;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>Whole training steps, and generation, of the shapes that issue and documentation name.</summary>
static class TrainingBenchmark
{
    /// <summary>The shape of a row: the model and the rows of a batch.</summary>
    internal sealed record Shape(GptConfig Model, int Rows, int Vocabulary);

    internal static readonly Shape S = new(new GptConfig { Layers = 4, Heads = 4, Width = 128, Context = 64 }, 12, 65);
    internal static readonly Shape M = new(new GptConfig { Layers = 6, Heads = 6, Width = 384, Context = 256 }, 16, 65);

    internal static double TokensPerSecond(Shape shape, string precision)
    {
        Engine.Load();
        using var generator = new Generator(1);
        using var model = new Gpt(shape.Model, shape.Vocabulary, generator);
        using var optimizer = Optimizer.Create(new AdamWConfig { Lr = 1e-3, Betas = (0.9, 0.99), WeightDecay = 0.1 }, model);
        var chosen = Precisions.Resolve(Enum.Parse<Precision>(precision, ignoreCase: true), CPU);
        var T = shape.Model.Context;
        var tokens = shape.Rows * T;
        using var ids = randint(0, shape.Vocabulary, [shape.Rows, T], dtype: ScalarType.Int64);
        using var targets = randint(0, shape.Vocabulary, [tokens], dtype: ScalarType.Int64);
        void Step()
        {
            using var scope = NewDisposeScope();
            Tensor loss;
            using (Precisions.Enter(chosen, CPU)) loss = Engine.LinearCrossEntropySum(model.Hidden(ids).view(tokens, -1), model.OutputWeight, targets) / tokens;
            loss.backward();
            var norm = optimizer.GradientNorm();
            optimizer.Step(1e-3, norm > 1 ? 1 / norm : 1);
            optimizer.ZeroGradients();
            loss.item<float>();
        }
        return tokens / MedianSeconds(Step);
    }

    internal static double SampledTokensPerSecond(Shape shape, int prompts)
    {
        Engine.Load();
        using var generator = new Generator(1);
        var tokenizer = CharacterTokenizer.FromText(string.Concat(Enumerable.Range(0, shape.Vocabulary).Select(i => (char)('!' + i))));
        using var model = new Gpt(shape.Model, shape.Vocabulary, generator);
        model.eval();
        const int count = 200;
        using var text = new TextGenerator(model, tokenizer, CPU) { Precision = Precisions.Resolve(Precision.Auto, CPU) };
        var options = new GenerationOptions { MaxNewTokens = count, TopK = 50 };
        string[] starts = [.. Enumerable.Repeat("A", prompts)];
        return count * prompts / MedianSeconds(() => text.Generate(starts, options), warm: 1, seconds: 6, atLeast: 3);
    }

    static double MedianSeconds(Action step, int warm = 5, double seconds = 8, int atLeast = 10)
    {
        for (var i = 0; i < warm; i++) step();
        var times = new List<double>();
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed.TotalSeconds < seconds || times.Count < atLeast)
        {
            var started = Stopwatch.GetTimestamp();
            step();
            times.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
        return times.Order().ElementAt(times.Count / 2);
    }
}
