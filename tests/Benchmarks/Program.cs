using Benchmarks;
using Transformers.Configs;
using Transformers.Models;

// One row of the comparison with PyTorch a call, so that the two sides can be run in turn: see scripts/bench.
// Usage: Benchmarks ROW [auto|fp32|bf16]. Prints one line of name=value.
var row = args.Length > 0 ? args[0] : "";
var precision = Enum.Parse<Precision>(args.Length > 1 ? args[1] : "auto", ignoreCase: true);
Engine.Load();
var result = row switch
{
    "ops" => OperatorBenchmark.SmallAdd(),
    "train-s" => TrainingBenchmark.Text(RowShapes.S, rows: 12, precision),
    "train-m" => TrainingBenchmark.Text(RowShapes.M, rows: 16, precision),
    "train-vit-32" => TrainingBenchmark.Images(RowShapes.Vit32, new ImageShape(32, 3, 10), rows: 64, precision),
    "train-vit-224" => TrainingBenchmark.Images(RowShapes.Vit224, new ImageShape(224, 3, 1000), rows: 16, precision),
    "train-pairs" => TrainingBenchmark.Pairs(RowShapes.Pairs, rows: 64, precision),
    "sample-m" => GenerationBenchmark.Sample(RowShapes.M, prompts: 1, precision),
    "sample-m-32" => GenerationBenchmark.Sample(RowShapes.M, prompts: 32, precision),
    "decode-pairs" => GenerationBenchmark.Decode(RowShapes.Pairs, rows: 32, precision),
    _ => throw new ArgumentException("a row is one of ops, train-s, train-m, train-vit-32, train-vit-224, train-pairs, sample-m, sample-m-32, decode-pairs"),
};
Console.WriteLine(result);
