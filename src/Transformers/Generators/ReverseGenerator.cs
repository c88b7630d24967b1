namespace Transformers.Generators;

/// <summary>The reverse task of JoeyNMT's tutorial: the target is the source from its end to its start.</summary>
/// <remarks>
/// Numbers from 0 to 49 as words, from 1 to 25 of them, each length as likely. JoeyNMT's own script draws validation and test
/// sequences of up to 30, beyond the longest that is learnt; <see cref="HeldOutLength"/> = 30 does so too.
/// </remarks>
public sealed class ReverseGenerator : ParallelGenerator
{
    /// <summary>The number of different numbers.</summary>
    public int Symbols { get; init; } = 50;

    /// <summary>The longest sequence that is learnt from.</summary>
    public int Length { get; init; } = 25;

    /// <summary>The longest sequence of validation and test.</summary>
    public int HeldOutLength { get; init; } = 25;

    /// <inheritdoc/>
    public override SentencePair At(SyntheticSplit split, ulong seed, long index)
    {
        var random = Splits.Random(seed, split, index);
        while (true)
        {
            var numbers = new int[1 + random.Next(split == SyntheticSplit.Train ? Length : HeldOutLength)];
            for (var i = 0; i < numbers.Length; i++) numbers[i] = random.Next(Symbols);
            var source = string.Join(' ', numbers);
            if (Splits.Of(source) != split) continue;
            Array.Reverse(numbers);
            return new SentencePair(source, string.Join(' ', numbers));
        }
    }
}
