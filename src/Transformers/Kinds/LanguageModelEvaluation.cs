using TorchSharp;
using Transformers.Data;
using Transformers.Data.Text;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Kinds.Tasks;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>The loss of a language model over a whole split, in blocks of its context without overlap.</summary>
public static class LanguageModelEvaluation
{
    /// <summary>Evaluates a run.</summary>
    /// <param name="run">A run of kind gpt over text.</param>
    /// <param name="name">The run's name for the document.</param>
    /// <param name="options">Data, device and precision.</param>
    /// <exception cref="UserException">The data cannot be read, or the run has none of the split.</exception>
    public static EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options)
    {
        if (options.Split is { } split && options.Data is not null)
            throw new UserException($"--split ({split}): text that is given with --data is evaluated whole", "leave --split out");
        if (options.Split is not (null or "validation"))
            throw new UserException($"--split ({options.Split}): text has a validation split only", "leave --split out, or name other text with --data");
        run.Require<GptConfig>("a language model (gpt)");
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadLanguageModel(tokenizer, options.Device);
        using var data = Open(run, tokenizer, options);
        var sequence = options.Data is null ? data.Validation : data.Train;
        var summary = options.Data is null ? data.Manifest.Validation : data.Manifest.Train;
        if (sequence.Count < 2) throw new UserException("there is no validation text: the run held nothing out", "name text with --data");
        var (sum, targets) = Sum(model, new SequentialBlocks(sequence, options.BatchSize ?? Math.Clamp(8192 / model.Context, 1, 64), model.Context), options);
        var loss = sum / targets;
        return new EvaluationResult
        {
            Run = name,
            Checkpoint = run.Checkpoint.Step,
            Split = options.Data is null ? "validation" : "data",
            Examples = targets,
            Metrics = new Dictionary<string, double>
            {
                ["loss"] = loss,
                ["perplexity"] = Math.Exp(loss),
                ["bits_per_byte"] = loss * summary.Tokens / Math.Max(1, summary.Bytes) / Math.Log(2),
            },
        };
    }

    static (double sum, long targets) Sum(Gpt model, SequentialBlocks blocks, EvaluationOptions options)
    {
        using var inference = inference_mode();
        Precisions.Apply(model, options.Precision);
        using var decoder = options.Quantized ? new LanguageDecoder(model, options.Device, new DecoderFormat(options.Precision, Quantized: true)) : null;
        double sum = 0;
        long targets = 0;
        foreach (var batch in blocks.Epoch())
        {
            using var scope = NewDisposeScope();
            sum += decoder?.LossOf(Array.ConvertAll(batch.Inputs, id => (int)id), TokenLoss.TargetsOf(batch, 0, batch.Rows), batch.Rows)
                ?? TokenLoss.Sum(model, batch, 0, batch.Rows, options.Device).CrossEntropy.to(ScalarType.Float64).item<double>();
            targets += batch.TargetCount;
        }
        return (sum, targets);
    }

    // Other text is evaluated whole: nothing of it is held out.
    static PreparedData Open(TrainedRun run, TextTokenizer tokenizer, EvaluationOptions options)
    {
        if (options.Data is { } path)
        {
            if (!File.Exists(path) && !Directory.Exists(path)) throw new UserException([new Problem("there is no such file or folder", path, Path: "--data")]);
            var files = run.Config.Data is TextDataConfig own ? TextSources.WithFiles(own.Source, path) : new TextFilesConfig { Files = [path] };
            return DataPreparation.Prepare(new PreparationOptions(new FileTextSource(files), tokenizer, 0, HoldoutMode.Tail), options.Cache);
        }
        if (run.Config.Data is not TextDataConfig text) throw new UserException("the run was not trained on text", "name text with --data");
        if (PreparedData.FolderOf(text.Source) is { } folder) return PreparedData.Open(folder, tokenizer);
        return DataPreparation.Prepare(DataPreparation.OptionsOf(text, TextSources.Of(text.Source), tokenizer), options.Cache);
    }
}
