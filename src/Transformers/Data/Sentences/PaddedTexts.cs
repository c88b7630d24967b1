namespace Transformers.Data.Sentences;

/// <summary>Texts side by side, padded; every array is row by row.</summary>
/// <param name="Examples">The numbers of the texts in the corpus [B].</param>
/// <param name="Width">S: the longest text.</param>
/// <param name="Ids">Token ids, then padding [B, S].</param>
/// <param name="Lengths">Tokens of each text [B].</param>
public sealed record PaddedTexts(int[] Examples, int Width, long[] Ids, int[] Lengths)
{
    /// <summary>B: the number of texts.</summary>
    public int Rows => Examples.Length;

    /// <summary>True where a row is padding [B, S].</summary>
    public bool[] PaddingMask() => Padding.Mask(Lengths, Width);

    /// <summary>A batch of given sequences.</summary>
    public static PaddedTexts Make(TokenStore tokens, ReadOnlySpan<int> examples, int padding)
    {
        var lengths = new int[examples.Length];
        for (var row = 0; row < lengths.Length; row++) lengths[row] = tokens.LengthOf(examples[row]);
        var width = lengths.Max();
        var ids = new long[lengths.Length * width];
        Array.Fill(ids, padding);
        for (var row = 0; row < lengths.Length; row++)
            for (var i = 0; i < lengths[row]; i++)
                ids[row * width + i] = tokens[examples[row], i];
        return new PaddedTexts(examples.ToArray(), width, ids, lengths);
    }
}
