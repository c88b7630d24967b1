namespace Transformers.Generators;

/// <summary>The Annotated Transformer's copy task: the target is the source.</summary>
/// <remarks>Ten symbols 1 to 10 (with padding, a vocabulary of 11), ten of them a sequence, the first always 1; words separated by spaces.</remarks>
public sealed class CopyGenerator : ParallelGenerator
{
    /// <summary>The number of different symbols.</summary>
    public int Symbols { get; init; } = 10;

    /// <summary>The number of symbols of a sequence.</summary>
    public int Length { get; init; } = 10;

    /// <inheritdoc/>
    public override SentencePair At(SyntheticSplit split, ulong seed, long index)
    {
        var random = Splits.Random(seed, split, index);
        while (true)
        {
            var symbols = new int[Length];
            symbols[0] = 1;
            for (var i = 1; i < symbols.Length; i++) symbols[i] = 1 + random.Next(Symbols);
            var text = string.Join(' ', symbols);
            if (Splits.Of(text) == split) return new SentencePair(text, text);
        }
    }
}
