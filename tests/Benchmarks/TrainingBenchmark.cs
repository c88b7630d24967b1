using TorchSharp;
using Transformers.Configs;
using Transformers.Models;
using Transformers.Training;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>Whole training steps on a batch that was made beforehand: forward, backward, clipping, AdamW.</summary>
static class TrainingBenchmark
{
    internal static Measured Text(GptConfig shape, int rows, Precision precision)
    {
        using var generator = new Generator(1);
        using var model = new Gpt(shape, RowShapes.Characters, generator);
        var tokens = rows * shape.Context;
        using var ids = randint(0, RowShapes.Characters, [rows, shape.Context], dtype: ScalarType.Int64);
        using var targets = randint(0, RowShapes.Characters, [tokens], dtype: ScalarType.Int64);
        return Train(model, tokens, precision, () => Engine.LinearCrossEntropySum(model.Hidden(ids).view(tokens, -1), model.OutputWeight, targets) / tokens);
    }

    internal static Measured Images(VitConfig shape, ImageShape images, int rows, Precision precision)
    {
        using var generator = new Generator(1);
        using var model = new Vit(shape, images, generator);
        using var pixels = randn(rows, images.Channels, images.Size, images.Size);
        using var labels = randint(0, images.Classes, [rows], dtype: ScalarType.Int64);
        return Train(model, rows, precision, () => nn.functional.cross_entropy(model.Logits(pixels).to(ScalarType.Float32), labels));
    }

    internal static Measured Pairs(Seq2SeqConfig shape, int rows, Precision precision)
    {
        using var generator = new Generator(1);
        using var model = new Seq2Seq(shape, RowShapes.Vocabulary, RowShapes.Vocabulary, shared: true, generator);
        var targets = rows * RowShapes.Length;
        using var source = randint(4, RowShapes.Vocabulary, [rows, RowShapes.Length], dtype: ScalarType.Int64);
        using var read = randint(4, RowShapes.Vocabulary, [rows, RowShapes.Length], dtype: ScalarType.Int64);
        using var said = randint(4, RowShapes.Vocabulary, [targets], dtype: ScalarType.Int64);
        return Train(model, 2 * targets, precision, () =>
            Engine.LinearCrossEntropySum(model.Decode(read, model.Encode(source)).view(targets, -1), model.OutputWeight, said, smoothing: 0.1) / targets);
    }

    static Measured Train(nn.Module model, int units, Precision precision, Func<Tensor> lossOf)
    {
        using var optimizer = Optimizer.Create(new AdamWConfig { Lr = 1e-3, Betas = (0.9, 0.99), WeightDecay = 0.1 }, model);
        var chosen = Precisions.Resolve(precision, CPU);
        model.train();
        double? first = null;
        var times = Measured.Time(() =>
        {
            using var scope = NewDisposeScope();
            Tensor loss;
            using (Precisions.Enter(chosen, CPU)) loss = lossOf();
            loss.backward();
            var norm = optimizer.GradientNorm();
            optimizer.Step(1e-3, norm > 1 ? 1 / norm : 1);
            optimizer.ZeroGradients();
            first ??= loss.item<float>();
        });
        return new Measured(units, times, model.parameters().Sum(parameter => parameter.numel()), first!.Value);
    }
}
