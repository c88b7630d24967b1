using System.Diagnostics;
using Transformers.Decoding;

namespace TransformerCli.Commands;

/// <summary>Prints translations: the texts, or JSON in the form of <c>generate</c>.</summary>
static class TranslationOutput
{
    /// <summary>Prints them as they come.</summary>
    /// <param name="context">Where to write.</param>
    /// <param name="translations">The translations, in the order of their sources.</param>
    /// <param name="json">Whether to write JSON.</param>
    /// <param name="document">Whether the JSON is one document and not a line a source.</param>
    internal static int Write(CliContext context, IEnumerable<Translation> translations, bool json, bool document)
    {
        var started = Stopwatch.GetTimestamp();
        foreach (var translation in translations)
        {
            if (translation.Shortened) context.Error.WriteLine($"warning: a source of {translation.Source.Length} characters does not fit the model and lost its end");
            List<Completion> completions = [.. translation.Hypotheses.Select(one => new Completion(translation.Source, one.Text, one.Ids, one.Finish, one.Score))];
            if (!json)
                foreach (var completion in completions) context.Out.WriteLine(completion.Text.ReplaceLineEndings(" "));
            else if (document)
                context.WriteJson(new Document("transformer.generate/1", completions, completions.Sum(one => one.Ids.Count) / Math.Max(1e-9, Stopwatch.GetElapsedTime(started).TotalSeconds)));
            else
                foreach (var one in completions) context.WriteJson(new Line("transformer.generate/1", one.Prompt, one.Text, one.Ids, one.Finish, one.Score));
        }
        return ExitCodes.Done;
    }

    sealed record Document(string Schema, IReadOnlyList<Completion> Completions, double TokensPerSecond);

    sealed record Line(string Schema, string Prompt, string Text, IReadOnlyList<int> Ids, string Finish, double Score);
}
