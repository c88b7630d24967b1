using Transformers.Configs;

namespace Transformers.Training;

/// <summary>How much one optimizer step learns from, over all processes: a number of tokens or a number of sequences.</summary>
public sealed record BatchConfig : IChecked
{
    /// <summary>Tokens a step.</summary>
    [Between(1, 1_000_000_000)]
    public int? Tokens { get; init; }

    /// <summary>Sequences (or images) a step.</summary>
    [Between(1, 100_000_000)]
    public int? Sequences { get; init; }

    /// <summary>Sequences a forward pass; the step's gradient is accumulated over as many passes as it takes. By default all at once.</summary>
    [AtLeast(1)]
    public int? Micro { get; init; }

    /// <summary>Whether to halve micro-batches until training fits into the device's memory; a step still learns from as much.</summary>
    public bool Fit { get; init; }

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Tokens is not null || Sequences is not null, "tokens", $"or {check.At("sequences")} must be given", "for example tokens: 4096");
        check.That(Tokens is null || Sequences is null, "sequences", $"({Sequences}) and {check.At("tokens")} ({Tokens}) must not both be given", "keep one of them");
        if (Sequences is { } sequences && Micro is { } micro)
            check.That(micro <= sequences, "micro", $"({micro}) must be at most {check.At("sequences")} ({sequences})");
    }
}
