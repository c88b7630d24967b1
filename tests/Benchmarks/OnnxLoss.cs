using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Evaluation;
using Transformers.Interchange;
using Transformers.Kinds;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>The cost of 8 bits: the loss and accuracy of a run's exported graphs, and the size of their files.</summary>
static class OnnxLoss
{
    /// <summary>Prints a line for 32 and one for 8 bits.</summary>
    /// <param name="path">A run of a language model, measured on the first tokens of a text, or of an encoder-decoder or an image model,
    /// measured on the test split.</param>
    /// <param name="text">A file of text, for a language model.</param>
    /// <param name="most">The maximum number of its tokens.</param>
    internal static void Print(string path, string? text, int most = 40_000)
    {
        var run = TrainedRun.Open(path);
        Func<string, Sum> measure = text is not null ? OfText(run, text, most) : run.Config.Data is ParallelDataConfig pairs ? OfPairs(run, pairs) : OfImages(run);
        var folder = Directory.CreateTempSubdirectory("onnx-loss-").FullName;
        foreach (var type in new[] { ExportType.F32, ExportType.Int8 })
        {
            var made = Kind.For(run).Export(run, new ExportRequest { Format = ExportFormat.Onnx, Output = Path.Combine(folder, $"{type}"), Type = type });
            var (loss, right, targets) = measure(made.Output);
            var bytes = made.Files.Where(file => file.Name.EndsWith(".onnx", StringComparison.Ordinal)).Sum(file => file.Bytes);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{type} loss={loss / targets:F6} accuracy={(double)right / targets:F5} targets={targets} bytes={bytes}"));
        }
        Directory.Delete(folder, recursive: true);
    }

    readonly record struct Sum(double Loss, long Right, long Targets)
    {
        /// <summary>The sum for logits [M, N] and targets [M], of which those below 0 do not count.</summary>
        public static Sum Of(Tensor logits, Tensor targets)
        {
            var counts = targets.ge(0);
            return new(nn.functional.cross_entropy(logits, targets, reduction: nn.Reduction.Sum).item<float>(), logits.argmax(-1).eq(targets).logical_and(counts).sum().item<long>(), counts.sum().item<long>());
        }

        public static Sum Add(IEnumerable<Sum> parts) => parts.Aggregate((a, b) => new(a.Loss + b.Loss, a.Right + b.Right, a.Targets + b.Targets));
    }

    static InferenceSession Open(string folder, string graph) => new(Path.Combine(folder, graph), new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR });

    // Inputs that are not given are empty caches.
    static Dictionary<string, OrtValue> Run(InferenceSession session, Dictionary<string, OrtValue> inputs, long rows)
    {
        using var options = new RunOptions();
        OrtValue[] values = [.. session.InputNames.Select(name => inputs.GetValueOrDefault(name)
            ?? OrtValue.CreateTensorValueFromMemory(Array.Empty<float>(), [rows, session.InputMetadata[name].Dimensions[1], 0, session.InputMetadata[name].Dimensions[3]]))];
        return session.OutputNames.Zip(session.Run(options, session.InputNames, values, session.OutputNames)).ToDictionary(output => output.First, output => output.Second);
    }

    static Tensor Logits(Dictionary<string, OrtValue> outputs) => tensor(outputs["logits"].GetTensorDataAsSpan<float>().ToArray(), outputs["logits"].GetTensorTypeAndShape().Shape);

    static Func<string, Sum> OfText(TrainedRun run, string text, int most)
    {
        var context = run.Config.Model.RowLength() ?? throw new ArgumentException("the run must be of a language model");
        long[] ids = [.. run.LoadTokenizer().EncodeToIds(File.ReadAllText(text)).Take(most).Select(id => (long)id)];
        return folder =>
        {
            using var session = Open(folder, "model.onnx");
            return Sum.Add(Enumerable.Range(0, ids.Length / context).Select(row =>
            {
                using var scope = NewDisposeScope();
                var own = ids.AsSpan(row * context, context).ToArray();
                var logits = Logits(Run(session, new() { ["input_ids"] = OrtValue.CreateTensorValueFromMemory(own, [1, context]) }, 1));
                return Sum.Of(logits[0, ..^1], tensor(own)[1..]);
            }));
        };
    }

    static Func<string, Sum> OfPairs(TrainedRun run, ParallelDataConfig data)
    {
        var (source, target) = run.LoadTokenizers();
        var filter = new ParallelFilter { MinimumTokens = 0, MaximumTokens = data.MaxLength - 1 };
        var corpus = ParallelCorpus.Encode(data.Open().Test!.Read(), source, target, filter);
        var batches = new ParallelBatches(corpus, SpecialIds.Of(source), SpecialIds.Of(target), new BucketOptions { Sequences = 64, Shuffle = false });
        return folder =>
        {
            using var encoder = Open(folder, "encoder.onnx");
            using var decoder = Open(folder, "decoder.onnx");
            return Sum.Add(Enumerable.Range(0, batches.BatchesPerEpoch).Select(number =>
            {
                using var scope = NewDisposeScope();
                var batch = batches.At(new DataPosition(0, number));
                var (B, S, T) = (batch.Rows, batch.SourceWidth, batch.TargetWidth);
                var mask = OrtValue.CreateTensorValueFromMemory([.. Enumerable.Range(0, B * S).Select(i => i % S < batch.SourceLengths[i / S] ? 1L : 0)], [B, S]);
                var read = Run(encoder, new() { ["input_ids"] = OrtValue.CreateTensorValueFromMemory(batch.Source, [B, S]), ["attention_mask"] = mask }, B);
                var inputs = read.Where(one => one.Key.StartsWith("present.", StringComparison.Ordinal)).ToDictionary(one => "past_key_values." + one.Key["present.".Length..], one => one.Value);
                (inputs["input_ids"], inputs["encoder_attention_mask"]) = (OrtValue.CreateTensorValueFromMemory(batch.TargetInput, [B, T]), mask);
                return Sum.Of(Logits(Run(decoder, inputs, B)).flatten(0, 1), tensor(batch.TargetOutput));
            }));
        };
    }

    static Func<string, Sum> OfImages(TrainedRun run) => folder =>
    {
        using var network = ImageRun.Open(run);
        using var images = network.OpenImages();
        using var session = Open(folder, "model.onnx");
        var (size, channels, _) = network.Model.Shape;
        return Sum.Add(images.EvaluationBatches(images.Dataset.Split("test"), 100).RestOfEpoch().Select(batch =>
        {
            using var scope = NewDisposeScope();
            using var _ = batch;
            var logits = Logits(Run(session, new() { ["pixel_values"] = OrtValue.CreateTensorValueFromMemory(batch.Pixels[..(batch.Count * channels * size * size)], [batch.Count, channels, size, size]) }, batch.Count));
            return Sum.Of(logits, tensor(batch.Labels.Select(label => (long)label).ToArray()));
        }));
    };
}
