using System.Globalization;
using Benchmarks;
using Benchmarks.Against;
using Benchmarks.Plain;
using TorchSharp;
using Transformers.Benchmarks;
using Transformers.Configs;
using Transformers.Models;
using Transformers.Native;

// Each call measures one row of the comparison with PyTorch, so that both sides can run alternately: see scripts/bench. Usage: Benchmarks
// ROW [auto|fp32|bf16]. Prints one line of name=value. Benchmarks generate-1|generate-32|generate-1-124m|generate-32-124m [llama] generates
// greedily, or lets llama.cpp do so. Benchmarks plain train-s|train-m fp32|bf16 SECONDS measures the same model in plain TorchSharp code.
// Benchmarks against FOLDER [options] runs this checkout and another alternately and prints a table: see scripts/bench --against.
if (args is ["against", ..])
{
    try
    {
        return Comparison.Run(args.AsSpan(1), Console.Out);
    }
    catch (ArgumentException wrong)
    {
        Console.Error.WriteLine($"error: {wrong.Message}");
        return 2;
    }
}
if (args is ["plain", var plainRow, var type, var seconds])
{
    Console.WriteLine(PlainTraining.Run(plainRow, type == "bf16" ? torch.ScalarType.BFloat16 : torch.ScalarType.Float32, double.Parse(seconds, CultureInfo.InvariantCulture)));
    return 0;
}
if (args is ["onnx-m" or "onnx-m-32" or "onnx-pairs", var numbers, .. var side])
{
    // Benchmarks onnx-m|onnx-m-32|onnx-pairs fp32|int8 [runtime]: this program, or ONNX Runtime with the exported graph.
    NativeLibraries.Load();
    var (quantized, runtime) = (numbers == "int8", side is ["runtime"]);
    Console.WriteLine(args[0] == "onnx-pairs" ? OnnxGeneration.Translate(RowShapes.Pairs, rows: 32, quantized, runtime)
        : OnnxGeneration.Continue(RowShapes.M, args[0] == "onnx-m" ? 1 : 32, quantized, runtime));
    return 0;
}
if (args is ["onnx-loss", var run, .. var text])
{
    // The loss of a run's graphs in 32 and in 8 bits over a file of text, or over the test split, and the sizes of their files.
    NativeLibraries.Load();
    OnnxLoss.Print(run, text.FirstOrDefault());
    return 0;
}
if (args is [var generating, ..] && LlamaGeneration.IsRow(generating))
{
    NativeLibraries.Load();
    Console.WriteLine(LlamaGeneration.Run(generating, llama: args is [_, "llama"]));
    return 0;
}
var row = args.Length > 0 ? args[0] : "";
var precision = Enum.Parse<Precision>(args.Length > 1 ? args[1] : "auto", ignoreCase: true);
NativeLibraries.Load();
var options = new StepBenchmarkOptions(torch.CPU, precision, Seconds: 9);
Measured result = row switch
{
    "ops" => OperatorBenchmark.SmallAdd(),
    "train-s" => Measured.Of(StepBenchmark.Text(RowShapes.S, RowShapes.Characters, rows: 12, options)),
    "train-m" => Measured.Of(StepBenchmark.Text(RowShapes.M, RowShapes.Characters, rows: 16, options)),
    "train-vit-32" => Measured.Of(StepBenchmark.Images(RowShapes.Vit32, new ImageShape(32, 3, 10), rows: 64, options)),
    "train-vit-224" => Measured.Of(StepBenchmark.Images(RowShapes.Vit224, new ImageShape(224, 3, 1000), rows: 16, options)),
    "train-pairs" => Measured.Of(StepBenchmark.Pairs(RowShapes.Pairs, RowShapes.Vocabulary, rows: 64, RowShapes.Length, smoothing: 0.1, options)),
    "sample-m" => Generation.Sample(RowShapes.M, prompts: 1, precision),
    "sample-m-32" => Generation.Sample(RowShapes.M, prompts: 32, precision),
    "decode-pairs" => Generation.Decode(RowShapes.Pairs, rows: 32, precision),
    _ => throw new ArgumentException("a row is one of ops, train-s, train-m, train-vit-32, train-vit-224, train-pairs, sample-m, sample-m-32, decode-pairs"),
};
Console.WriteLine(result);
return 0;
