using Transformers.IO;

namespace Transformers.Decoding;

/// <summary>How long and short hypotheses are made comparable: their log-probability is divided by a penalty.</summary>
public enum LengthPenalty
{
    /// <summary>length^α, the end counted.</summary>
    Length,
    /// <summary>((5 + length) / 6)^α, the end counted.</summary>
    /// <remarks>Wu et al. 2016, equation 14; Vaswani et al. 2017 use it with α = 0.6.</remarks>
    Gnmt,
}

/// <summary>When beam search is done with a sentence, other than when its beam holds nothing but finished hypotheses.</summary>
public enum BeamStop
{
    /// <summary>When no unfinished hypothesis can become one of the n best any more.</summary>
    Bound,
    /// <summary>As soon as n hypotheses have ended.</summary>
    First,
    /// <summary>Not before.</summary>
    Never,
}

/// <summary>How an encoder-decoder's output is searched for.</summary>
public sealed record TranslationOptions
{
    /// <summary>Hypotheses that are followed at once; 1 takes the most probable token each time.</summary>
    public int Beams { get; init; } = 1;

    /// <summary>The form of the length penalty.</summary>
    public LengthPenalty Penalty { get; init; }

    /// <summary>The exponent α of the length penalty; 0 for none, larger values favour longer translations.</summary>
    public double Alpha { get; init; } = 1;

    /// <summary>When to stop.</summary>
    public BeamStop Stop { get; init; }

    /// <summary>Hypotheses wanted of each sentence, at most as many as beams.</summary>
    public int NBest { get; init; } = 1;

    /// <summary>The most tokens of a translation; by default the source's and 50 more, as in Vaswani et al. 2017, section 6.1.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>The most sentences that are translated at once.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>What a log-probability is divided by.</summary>
    /// <param name="length">Tokens with the end, at least 1.</param>
    public double Divisor(int length) => Math.Pow(Penalty == LengthPenalty.Gnmt ? (5.0 + length) / 6 : length, Alpha);

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="UserException">With every value that is out of range.</exception>
    public TranslationOptions Checked()
    {
        var problems = new List<Problem>();
        void Rule(bool holds, string message)
        {
            if (!holds) problems.Add(new Problem(message));
        }
        Rule(Beams is >= 1 and <= 10_000, $"--beams ({Beams}) must lie between 1 and 10000");
        Rule(double.IsFinite(Alpha) && Math.Abs(Alpha) <= 10, FormattableString.Invariant($"--length-penalty ({Alpha}) must lie between -10 and 10"));
        Rule(NBest >= 1 && NBest <= Beams, $"--num ({NBest}) must lie between 1 and --beams ({Beams})");
        Rule(MaxNewTokens is null or >= 1, $"--max-new-tokens ({MaxNewTokens}) must be at least 1");
        Rule(BatchSize >= 1, $"--batch-size ({BatchSize}) must be at least 1");
        return problems.Count == 0 ? this : throw new UserException(problems);
    }
}

/// <summary>One translation of a sentence.</summary>
/// <param name="Text">The text.</param>
/// <param name="Ids">Its tokens, without the end.</param>
/// <param name="Finish"><c>eos</c>, or <c>length</c> where it was cut.</param>
/// <param name="LogProbability">The sum of the log-probabilities of its tokens and its end, in nats.</param>
/// <param name="Score">The log-probability divided by the length penalty.</param>
public sealed record Hypothesis(string Text, IReadOnlyList<int> Ids, string Finish, double LogProbability, double Score);

/// <summary>What became of one sentence.</summary>
/// <param name="Source">The sentence.</param>
/// <param name="Hypotheses">The n best translations, the best first; at least one.</param>
/// <param name="Shortened">Whether the source was too long for the model and lost its end.</param>
public sealed record Translation(string Source, IReadOnlyList<Hypothesis> Hypotheses, bool Shortened)
{
    /// <summary>The best translation.</summary>
    public Hypothesis Best => Hypotheses[0];

    /// <summary>The best translation's text.</summary>
    public string Text => Best.Text;
}
