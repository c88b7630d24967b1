using System.CommandLine;
using Transformers.Decoding;

namespace TransformerCli;

/// <summary>The options that shape how tokens are chosen.</summary>
sealed class SamplingOptions
{
    readonly Option<bool> greedy = new("--greedy") { Description = "Always take the most probable token" };
    readonly Option<double> temperature = new("--temperature") { Description = "Below 1 sharper, above 1 flatter", HelpName = "T", DefaultValueFactory = _ => 1 };
    readonly Option<int?> topK = new("--top-k") { Description = "Draw from the K most probable tokens", HelpName = "K" };
    readonly Option<double?> topP = new("--top-p") { Description = "Draw from the fewest tokens of this probability together", HelpName = "P" };
    readonly Option<double?> minP = new("--min-p") { Description = "Draw from tokens of at least this share of the best one's probability", HelpName = "P" };
    readonly Option<double> repetitionPenalty = new("--repetition-penalty") { Description = "Above 1 makes tokens that were there less probable", HelpName = "R", DefaultValueFactory = _ => 1 };
    readonly Option<int> maxNewTokens = new("--max-new-tokens") { Description = "The most tokens to add", HelpName = "N", DefaultValueFactory = _ => 200 };
    readonly Option<string[]> stop = new("--stop") { Description = "Stop before this text; may be given several times", HelpName = "TEXT" };
    readonly Option<ulong> seed = new("--seed") { Description = "Starts the random stream", HelpName = "N", DefaultValueFactory = _ => 1 };

    internal void AddTo(Command command)
    {
        foreach (var option in new Option[] { greedy, temperature, topK, topP, minP, repetitionPenalty, maxNewTokens, stop, seed }) command.Add(option);
    }

    /// <summary>Those by which tokens are drawn, which a search does not do.</summary>
    internal IReadOnlyList<Option> OfDrawing => [greedy, temperature, topK, topP, minP, repetitionPenalty, stop, seed];

    /// <summary>The limit that the user gave; null where it is left to what suits the model.</summary>
    internal int? LimitOf(ParseResult parse) => OptionUse.Has(parse, maxNewTokens) ? parse.GetValue(maxNewTokens) : null;

    internal GenerationOptions Read(ParseResult parse) => new()
    {
        Greedy = parse.GetValue(greedy),
        Temperature = parse.GetValue(temperature),
        TopK = parse.GetValue(topK),
        TopP = parse.GetValue(topP),
        MinP = parse.GetValue(minP),
        RepetitionPenalty = parse.GetValue(repetitionPenalty),
        MaxNewTokens = parse.GetValue(maxNewTokens),
        Stop = parse.GetValue(stop) ?? [],
        Seed = parse.GetValue(seed),
    };
}
