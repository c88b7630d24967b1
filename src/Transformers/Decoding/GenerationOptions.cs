namespace Transformers.Decoding;

/// <summary>How tokens are chosen and when to stop.</summary>
public sealed record GenerationOptions
{
    /// <summary>The maximum number of tokens to add.</summary>
    public int MaxNewTokens { get; init; } = 200;

    /// <summary>Always take the most probable token; the settings of the distribution are then ignored.</summary>
    public bool Greedy { get; init; }

    /// <summary>Divides the logits: values below 1 make the distribution sharper, above 1 flatter.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Draw from the k most probable tokens only; null for all.</summary>
    public int? TopK { get; init; }

    /// <summary>Draw from the fewest tokens whose probabilities sum to at least this; null for all.</summary>
    /// <remarks>Holtzman et al. 2020, section 3.1.</remarks>
    public double? TopP { get; init; }

    /// <summary>Draw from tokens whose probability is at least this fraction of the most probable one's; null for all.</summary>
    public double? MinP { get; init; }

    /// <summary>Divides the positive logits of tokens that are already in the text, and multiplies the negative ones; 1 for no penalty.</summary>
    /// <remarks>Keskar et al. 2019, section 4.1.</remarks>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Texts that end a completion; they are not part of it.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>The seed of the random numbers; the same seed gives the same text.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Whether to continue at the end of the context, by reading its last half again, instead of stopping with <c>length</c>.</summary>
    public bool Slide { get; init; }

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="UserException">Values are out of range; the message lists all of them.</exception>
    public GenerationOptions Checked()
    {
        var check = new OptionCheck();
        check.That(MaxNewTokens >= 0, FormattableString.Invariant($"--max-new-tokens ({MaxNewTokens}) must be at least 0"));
        check.That(Temperature > 0 && double.IsFinite(Temperature), FormattableString.Invariant($"--temperature ({Temperature}) must be above 0; --greedy takes the most probable token"));
        check.That(TopK is null or > 0, FormattableString.Invariant($"--top-k ({TopK}) must be at least 1"));
        check.That(TopP is null or (> 0 and <= 1), FormattableString.Invariant($"--top-p ({TopP}) must be above 0 and at most 1"));
        check.That(MinP is null or (>= 0 and <= 1), FormattableString.Invariant($"--min-p ({MinP}) must be between 0 and 1"));
        check.That(RepetitionPenalty > 0 && double.IsFinite(RepetitionPenalty), FormattableString.Invariant($"--repetition-penalty ({RepetitionPenalty}) must be above 0"));
        check.That(Stop.All(text => text.Length > 0), "--stop must not be empty");
        return check.Passed(this);
    }
}

/// <summary>Collects the options that are out of range.</summary>
readonly struct OptionCheck()
{
    readonly List<Problem> problems = [];

    internal void That(bool holds, string message)
    {
        if (!holds) problems.Add(new Problem(message));
    }

    internal T Passed<T>(T options) => problems.Count == 0 ? options : throw new UserException(problems);
}

/// <summary>What was generated for one prompt.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Text">The text that follows it.</param>
/// <param name="Ids">The tokens of that text, without the token that ended it.</param>
/// <param name="Finish">Why it ended: <c>eos</c>, <c>stop</c> or <c>length</c>.</param>
/// <param name="Score">The sum of the log-probabilities of the chosen tokens, before temperature and filters, in nats.</param>
public sealed record Completion(string Prompt, string Text, IReadOnlyList<int> Ids, string Finish, double Score);
