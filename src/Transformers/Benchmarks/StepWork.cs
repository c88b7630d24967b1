using TorchSharp;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Benchmarks;

/// <summary>A model with fresh weights, and its loss on random inputs of the sizes of a batch.</summary>
/// <param name="model">The model, on its device; disposed of with this.</param>
/// <param name="batch">Draws inputs of a shape, and returns a function that computes the sum of their losses.</param>
sealed class StepWork(nn.Module model, Func<BatchShape, Func<Tensor>> batch) : IDisposable
{
    internal nn.Module Model => model;

    /// <summary>Draws the inputs of a batch, without padding.</summary>
    /// <param name="shape">Its sizes.</param>
    /// <returns>Computes the mean loss over its targets, a scalar with its graph.</returns>
    internal Func<Tensor> Batch(BatchShape shape)
    {
        var sum = batch(shape);
        return () => sum() / shape.Targets;
    }

    /// <summary>The work of a model.</summary>
    /// <param name="config">The model.</param>
    /// <param name="data">Its vocabularies, classes and images.</param>
    /// <param name="smoothing">The probability that is spread over all classes.</param>
    /// <param name="device">Where it runs.</param>
    internal static StepWork Create(ModelConfig config, DataProfile data, double smoothing, Device device)
    {
        using var generator = new Generator(1);
        return config switch
        {
            GptConfig gpt => Text(new Gpt(gpt, data.Vocabulary, generator).to(device), data.Vocabulary, smoothing, device),
            Seq2SeqConfig pair => Pairs(new Seq2Seq(pair, data.Sources, data.Vocabulary, data.Shared, generator).to(device), data, smoothing, device),
            EncoderConfig encoder => Encoder(EncoderModel.Create(encoder, data.Vocabulary, data.Classes, generator).to(device), data, smoothing, device),
            ImageModelConfig image => Images(ImageModel.Create(image, data.Image!.Value, generator).to(device), smoothing, device),
            _ => throw new UserException($"steps of a model of kind {KindAttribute.Of(config)} cannot be measured"),
        };
    }

    static StepWork Text(Gpt model, int vocabulary, double smoothing, Device device) => new(model, shape =>
    {
        var ids = Ids(vocabulary, [shape.Rows, shape.Source], device);
        var targets = Ids(vocabulary, [shape.Rows * shape.Source], device);
        return () => LinearCrossEntropy.Sum(model.Hidden(ids).view(targets.numel(), -1), model.OutputWeight, targets, model.Compute, smoothing).Objective;
    });

    static StepWork Pairs(Seq2Seq model, DataProfile data, double smoothing, Device device) => new(model, shape =>
    {
        var source = Ids(data.Sources, [shape.Rows, shape.Source], device);
        var read = Ids(data.Vocabulary, [shape.Rows, shape.Target], device);
        var targets = Ids(data.Vocabulary, [Math.Min(shape.Targets, shape.Rows * shape.Target)], device);
        return () => LinearCrossEntropy.Sum(First(model.Decode(read, model.Encode(source)), targets.numel()), model.OutputWeight, targets, model.Compute, smoothing).Objective;
    });

    static StepWork Encoder(EncoderModel model, DataProfile data, double smoothing, Device device) => new(model, shape =>
    {
        var ids = Ids(data.Vocabulary, [shape.Rows, shape.Source], device);
        var targets = Ids(model is MaskedTokenModel ? data.Vocabulary : data.Classes, [Math.Min(shape.Targets, shape.Rows * shape.Source)], device);
        int[] lengths = [.. Enumerable.Repeat((int)shape.Source, (int)shape.Rows)];
        return () => model is MaskedTokenModel masked
            ? LinearCrossEntropy.Sum(masked.Transform(First(masked.Encoder.forward(ids), targets.numel())), masked.OutputWeight, targets, masked.Compute).Objective
            : LossSum.Of(((TextClassifier)model).forward(ids, lengths).to(ScalarType.Float32), targets, smoothing).Objective;
    });

    static StepWork Images(ImageModel model, double smoothing, Device device) => new(model, shape =>
    {
        var (size, channels, classes) = model.Shape;
        var pixels = randn([shape.Rows, channels, size, size], device: device);
        // Each class equally often: an untrained model predicts nearly the same for all images, so the loss of a single class is luck.
        var labels = arange(shape.Rows, dtype: ScalarType.Int64, device: device).remainder(classes);
        return () => LossSum.Of(model.Logits(pixels).to(ScalarType.Float32), labels, smoothing).Objective;
    });

    static Tensor Ids(long limit, long[] size, Device device) => randint(0, limit, size, dtype: ScalarType.Int64, device: device);

    // The vectors of the first positions, [count, D]: padding and visible tokens skip the output layer.
    static Tensor First(Tensor hidden, long count)
    {
        var all = hidden.reshape(-1, hidden.size(2));
        return count == all.size(0) ? all : all.narrow(0, 0, count).contiguous();
    }

    /// <inheritdoc/>
    public void Dispose() => model.Dispose();
}
