using System.CommandLine;
using Transformers.Decoding;

namespace TransformerCli;

/// <summary>The options that shape how an encoder-decoder's output is searched for.</summary>
sealed class SearchOptions
{
    readonly Option<int> beams = new("--beams") { Description = "Hypotheses to follow at once (encoder-decoders); 1 is greedy", HelpName = "N", DefaultValueFactory = _ => 1 };
    readonly Option<double> alpha = new("--length-penalty") { Description = "The exponent of the length penalty; larger favours longer translations", HelpName = "A", DefaultValueFactory = _ => 1 };
    readonly Option<string> penalty = new("--penalty") { Description = "Divide scores by length^A, or by GNMT's ((5 + length)/6)^A", HelpName = "length|gnmt", DefaultValueFactory = _ => "length" };
    readonly Option<string> stop = new("--beam-stop") { Description = "Stop when nothing better can come, at the first finished hypotheses, or never before all have", HelpName = "bound|first|never", DefaultValueFactory = _ => "bound" };

    internal SearchOptions()
    {
        penalty.AcceptOnlyFromAmong("length", "gnmt");
        stop.AcceptOnlyFromAmong("bound", "first", "never");
    }

    internal IReadOnlyList<Option> All => [beams, alpha, penalty, stop];

    internal void AddTo(Command command)
    {
        foreach (var option in All) command.Add(option);
    }

    internal TranslationOptions Read(ParseResult parse, int num = 1) => new TranslationOptions
    {
        Beams = parse.GetValue(beams),
        Alpha = parse.GetValue(alpha),
        Penalty = Enum.Parse<LengthPenalty>(parse.GetValue(penalty)!, ignoreCase: true),
        Stop = Enum.Parse<BeamStop>(parse.GetValue(stop)!, ignoreCase: true),
        NBest = num,
    }.Checked();
}
