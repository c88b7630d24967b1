using System.Text;

namespace Transformers.Generators.Stories;

/// <summary>Makes short English stories of any amount, the same for the same seed on every machine.</summary>
/// <remarks>
/// A grammar over a small world: people, things and locations are drawn once and stay as they are until the story ends, so what comes
/// next is decided by what was said sentences ago. That is what makes a model with a long context better than one with a short one.
/// </remarks>
public static class StoryGenerator
{
    /// <summary>The line between two stories in one file.</summary>
    public const string Separator = "<|endoftext|>";

    /// <summary>One story, of a few paragraphs with a line feed between them and none at the end.</summary>
    /// <param name="seed">Which collection of stories.</param>
    /// <param name="index">Which story of it; any, at once.</param>
    public static string Story(ulong seed, long index)
    {
        var teller = new Teller(seed, (ulong)index);
        teller.TellOne();
        return teller.ToString();
    }

    /// <summary>Stories 0, 1, 2, … of a seed as a stream, each made when asked for.</summary>
    /// <param name="seed">Which collection of stories.</param>
    /// <param name="bytes">Ends after the story with which this many UTF-8 bytes are reached; 0 gives none.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bytes"/> is negative.</exception>
    public static IEnumerable<string> Generate(ulong seed, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return Stream(seed, bytes);
    }

    static IEnumerable<string> Stream(ulong seed, long bytes)
    {
        for (long index = 0, made = 0; made < bytes; index++)
        {
            var story = Story(seed, index);
            made += Encoding.UTF8.GetByteCount(story);
            yield return story;
        }
    }
}
