using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using Transformers.Evaluation;
using Transformers.Interchange;
using Transformers.Kinds;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>What 8 bits cost: the loss of a run's exported graphs over a text, and the size of their files.</summary>
static class OnnxLoss
{
    /// <summary>Prints a line for 32 and one for 8 bits.</summary>
    /// <param name="path">A run of a language model.</param>
    /// <param name="text">A file of text.</param>
    /// <param name="most">The most tokens of it.</param>
    internal static void Print(string path, string text, int most = 40_000)
    {
        var run = TrainedRun.Open(path);
        var tokenizer = run.LoadTokenizer();
        var context = run.Config.Model.RowLength() ?? throw new ArgumentException("the run must be of a language model");
        long[] ids = [.. tokenizer.EncodeToIds(File.ReadAllText(text)).Take(most).Select(id => (long)id)];
        var rows = ids.Length / context;
        var folder = Directory.CreateTempSubdirectory("onnx-loss-").FullName;
        foreach (var type in new[] { ExportType.F32, ExportType.Int8 })
        {
            var made = Kind.For(run).Export(run, new ExportRequest { Format = ExportFormat.Onnx, Output = Path.Combine(folder, $"{type}"), Type = type });
            using var session = new InferenceSession(Path.Combine(made.Output, "model.onnx"), new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR });
            double sum = 0;
            for (var row = 0; row < rows; row++) sum += LossOf(session, ids.AsSpan(row * context, context).ToArray());
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{type} loss={sum / (rows * (context - 1)):F6} tokens={rows * (context - 1)} bytes={made.Files.Single(file => file.Name == "model.onnx").Bytes}"));
        }
        Directory.Delete(folder, recursive: true);
    }

    static double LossOf(InferenceSession session, long[] ids)
    {
        using var scope = NewDisposeScope();
        using var options = new RunOptions();
        OrtValue[] inputs = [.. session.InputNames.Select(name => name == "input_ids" ? OrtValue.CreateTensorValueFromMemory(ids, [1, ids.Length])
            : OrtValue.CreateTensorValueFromMemory(Array.Empty<float>(), [1, session.InputMetadata[name].Dimensions[1], 0, session.InputMetadata[name].Dimensions[3]]))];
        using var outputs = session.Run(options, session.InputNames, inputs, ["logits"]);
        var logits = tensor(outputs[0].GetTensorDataAsSpan<float>().ToArray()).view(ids.Length, -1);
        foreach (var input in inputs) input.Dispose();
        return nn.functional.cross_entropy(logits[..^1], tensor(ids)[1..], reduction: nn.Reduction.Sum).item<float>();
    }
}
