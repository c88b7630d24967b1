using System.CommandLine;
using Transformers.Decoding;

namespace TransformerCli;

/// <summary>The options that decide how a language model's next token is chosen.</summary>
sealed class SamplingOptions
{
    readonly Option<bool> greedy = new("--greedy") { Description = "Always take the most probable token" };
    readonly Option<double> temperature = new("--temperature") { Description = "Below 1 makes the distribution sharper, above 1 flatter", HelpName = "T", DefaultValueFactory = _ => 1 };
    readonly Option<int?> topK = new("--top-k") { Description = "Sample from the K most probable tokens", HelpName = "K" };
    readonly Option<double?> topP = new("--top-p") { Description = "Sample from the smallest set of tokens whose probabilities add up to P", HelpName = "P" };
    readonly Option<double?> minP = new("--min-p") { Description = "Sample from tokens with at least P times the probability of the most probable one", HelpName = "P" };
    readonly Option<double> repetitionPenalty = new("--repetition-penalty") { Description = "Above 1 makes tokens that have already occurred less probable", HelpName = "R", DefaultValueFactory = _ => 1 };
    readonly Option<int> maxNewTokens = new("--max-new-tokens") { Description = "The maximum number of tokens to add", HelpName = "N", DefaultValueFactory = _ => 200 };
    readonly Option<string[]> stop = new("--stop") { Description = "Stop before this text; may be repeated", HelpName = "TEXT" };
    readonly Option<ulong> seed = new("--seed") { Description = "Seed of the random numbers", HelpName = "N", DefaultValueFactory = _ => 1 };

    internal IReadOnlyList<Option> All => [greedy, temperature, topK, topP, minP, repetitionPenalty, maxNewTokens, stop, seed];

    /// <summary>The options that a beam search does not use.</summary>
    internal IEnumerable<Option> ForSampling => All.Where(option => option != maxNewTokens);

    /// <summary>The limit that the user gave; null if the model decides.</summary>
    internal int? LimitOf(ParseResult parse) => parse.Has(maxNewTokens) ? parse.GetValue(maxNewTokens) : null;

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

/// <summary>The options of an encoder-decoder's beam search.</summary>
sealed class SearchOptions
{
    readonly Option<int> beams = new("--beams") { Description = "Number of hypotheses that beam search keeps (encoder-decoders); 1 is greedy", HelpName = "N", DefaultValueFactory = _ => 1 };
    readonly Option<double> alpha = new("--length-penalty") { Description = "The exponent A of the length penalty; larger values favour longer translations", HelpName = "A", DefaultValueFactory = _ => 1 };
    readonly Option<string> penalty = new Option<string>("--penalty") { Description = "Divide scores by length^A, or by GNMT's ((5 + length)/6)^A", HelpName = "length|gnmt", DefaultValueFactory = _ => "length" }.OneOf("length", "gnmt");
    readonly Option<string> stop = new Option<string>("--beam-stop") { Description = "Stop when no better hypothesis is possible (bound), when enough have finished (first), or when all have (never)", HelpName = "bound|first|never", DefaultValueFactory = _ => "bound" }.OneOf("bound", "first", "never");

    internal IReadOnlyList<Option> All => [beams, alpha, penalty, stop];

    internal TranslationOptions Read(ParseResult parse, int num = 1) => new TranslationOptions
    {
        Beams = parse.GetValue(beams),
        Alpha = parse.GetValue(alpha),
        Penalty = Enum.Parse<LengthPenalty>(parse.GetValue(penalty)!, ignoreCase: true),
        Stop = Enum.Parse<BeamStop>(parse.GetValue(stop)!, ignoreCase: true),
        NBest = num,
    }.Checked();
}
