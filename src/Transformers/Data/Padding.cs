namespace Transformers.Data;

/// <summary>Masks of padded rows.</summary>
public static class Padding
{
    /// <summary>True where a row has ended [B, width].</summary>
    /// <param name="lengths">Tokens of each row [B].</param>
    /// <param name="width">The padded length of all rows.</param>
    public static bool[] Mask(IReadOnlyList<int> lengths, int width)
    {
        var mask = new bool[lengths.Count * width];
        for (var row = 0; row < lengths.Count; row++)
            mask.AsSpan(row * width + lengths[row], width - lengths[row]).Fill(true);
        return mask;
    }
}
