namespace Transformers.IO;

/// <summary>Numbers of things as messages say them: 1 line, 1,200 lines.</summary>
public static class Amount
{
    /// <summary>A number and what is counted.</summary>
    /// <param name="count">The number.</param>
    /// <param name="one">A noun in the singular, perhaps after other words, such as <c>training image</c>.</param>
    /// <param name="several">Its plural, if that is neither the singular with an s nor, as of <c>series</c>, the singular itself.</param>
    public static string Of(long count, string one, string? several = null) =>
        FormattableString.Invariant($"{count:N0} {(count == 1 ? one : several ?? (one.EndsWith('s') ? one : one + "s"))}");
}
