namespace Transformers.IO;

/// <summary>Counts as messages write them: 1 line, 1,200 lines.</summary>
public static class Amount
{
    /// <summary>A number and what is counted.</summary>
    /// <param name="count">The number.</param>
    /// <param name="one">A noun in the singular, perhaps after other words, such as <c>training image</c>.</param>
    /// <param name="several">Its plural; by default the singular, with an s unless it ends in one, like <c>series</c>.</param>
    public static string Of(long count, string one, string? several = null) =>
        FormattableString.Invariant($"{count:N0} {(count == 1 ? one : several ?? (one.EndsWith('s') ? one : one + "s"))}");
}
