using Transformers.Data;
using Transformers.Data.Shards;
using Transformers.Data.Text;
using Transformers.Evaluation;
using Transformers.Runs;

namespace Benchmarks;

/// <summary>An interpolated Kneser-Ney 5-gram on the same tokens as a run: what counting alone can do.</summary>
static class KneserNeyBaseline
{
    /// <summary>Its loss on the run's validation split, in nats a token, and the run's own over the same split.</summary>
    internal static void Print(string path)
    {
        var run = TrainedRun.Open(path);
        var tokenizer = run.LoadTokenizer();
        var text = (TextData)run.Config.Data;
        using var data = DataPreparation.Prepare(DataPreparation.OptionsOf(text, TextSources.Of(text.Source), tokenizer), Path.Combine("data", ".cache"));
        var model = new KneserNey(tokenizer.VocabularySize);
        foreach (var chunk in Chunks(data.Train)) model.Add(chunk);
        var reader = model.Read();
        double sum = 0;
        foreach (var chunk in Chunks(data.Validation))
            foreach (var token in chunk) sum -= Math.Log(reader.Next(token));
        var counted = sum / data.Validation.Count;
        var learnt = LanguageModelEvaluation.Evaluate(run, path, new EvaluationOptions()).Metrics["loss"];
        Console.WriteLine(FormattableString.Invariant($"Kneser-Ney 5-gram {counted:F4} nats a token, {path} {learnt:F4}, difference {counted - learnt:F4}, {data.Validation.Count} validation tokens"));
    }

    static IEnumerable<int[]> Chunks(TokenSequence tokens)
    {
        const int size = 1 << 16;
        for (long start = 0; start < tokens.Count; start += size)
        {
            var chunk = new int[Math.Min(size, tokens.Count - start)];
            tokens.Read(start, chunk);
            yield return chunk;
        }
    }
}
