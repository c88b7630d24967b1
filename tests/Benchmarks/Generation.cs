using Transformers.Configs;
using Transformers.Decoding;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;
using SpecialIds = Transformers.Data.SpecialIds;

namespace Benchmarks;

/// <summary>Generation as in the commands, with initial weights.</summary>
static class Generation
{
    /// <summary>The first 256 tokens after one, so that all are within the context.</summary>
    internal static Measured Sample(GptConfig shape, int prompts, Precision precision)
    {
        using var generator = new Generator(1);
        var tokenizer = CharacterTokenizer.FromText(string.Concat(Enumerable.Range(0, RowShapes.Characters).Select(i => (char)('!' + i))));
        using var model = new Gpt(shape, RowShapes.Characters, generator);
        model.eval();
        var text = new TextGenerator(model, tokenizer, CPU) { Precision = Precisions.Resolve(precision, CPU) };
        var options = new GenerationOptions { MaxNewTokens = shape.Context, TopK = 50 };
        string[] starts = [.. Enumerable.Repeat("A", prompts)];
        var times = Measured.Time(() =>
        {
            var made = text.Generate(starts, options).Sum(completion => completion.Ids.Count);
            if (made != prompts * shape.Context) throw new InvalidOperationException($"{made} tokens were generated, not {prompts * shape.Context}");
        }, warm: 1, least: 3);
        return Measured.Of(prompts * shape.Context, times, model.parameters().Sum(parameter => parameter.numel()));
    }

    /// <summary>Greedy translations of sources of 32 tokens, each cut at 32 tokens.</summary>
    internal static Measured Decode(Seq2SeqConfig shape, int rows, Precision precision)
    {
        using var generator = new Generator(1);
        var words = Enumerable.Range(0, RowShapes.Vocabulary - SpecialIds.ForTranslation.Count).Select(i => $"w{i}").ToArray();
        var tokenizer = WordTokenizer.Train(words, SpecialIds.ForTranslation);
        using var model = new Seq2Seq(shape, RowShapes.Vocabulary, RowShapes.Vocabulary, shared: true, generator);
        model.eval();
        var translator = new Translator(model, tokenizer, tokenizer, CPU) { Precision = Precisions.Resolve(precision, CPU) };
        var options = new TranslationOptions { MaxNewTokens = RowShapes.Length, BatchSize = rows };
        var random = new Random(1);
        // The end-of-source token is the last of the 32.
        string[] sources = [.. Enumerable.Range(0, rows).Select(_ => string.Join(' ', random.GetItems(words, RowShapes.Length - 1)))];
        var times = Measured.Time(() =>
        {
            // With initial weights, none ends early, so both sides take the same number of steps.
            var made = translator.Translate(sources, options).Sum(translation => translation.Best.Ids.Count);
            if (made != rows * RowShapes.Length) throw new InvalidOperationException($"{made} tokens were generated, not {rows * RowShapes.Length}");
        }, warm: 1, least: 3);
        return Measured.Of(rows * RowShapes.Length, times, model.parameters().Sum(parameter => parameter.numel()));
    }
}
