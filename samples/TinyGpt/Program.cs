// Trains a tiny GPT on stories that the library generates, then generates a story with it. Takes about ten seconds.
using Transformers.Configs;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.Kinds;
using Transformers.Native;
using Transformers.Training;

var run = args.Length > 0 ? args[0] : "runs/tiny-gpt";
var config = ConfigFile.Parse<RunConfig>("""
    data:
      kind: text
      source: { generator: stories, size: 1MB }
      tokenizer: { kind: bpe, vocabulary: 512 }
    model: { kind: gpt, layers: 2, heads: 4, width: 64, context: 64 }
    training:
      steps: 200
      batch: { sequences: 16 }
      optimizer: { kind: adamw, lr: 3.0e-3 }
      schedule: { kind: cosine, warmup: 20 }
    """, "tiny.yaml");

var result = TrainingRun.Start(config, new TrainingOptions { Run = run, Cache = Path.Combine(run, "cache") });
Console.WriteLine($"{result.Parameters:N0} parameters, {result.Steps} steps, val_loss {result.ValLoss:F2}");

var cpu = NativeLibraries.Cpu; // Loads libtorch; TorchSharp's own constant might load a different one.
var trained = TrainedRun.Open(run);
var tokenizer = trained.LoadTokenizer();
using var model = trained.LoadLanguageModel(tokenizer, cpu);
var story = new TextGenerator(model, tokenizer, cpu)
    .Generate(["Once upon a time"], new GenerationOptions { MaxNewTokens = 60, Temperature = 0.7, Seed = 1, Slide = true })[0];
Console.WriteLine(story.Prompt + story.Text);
