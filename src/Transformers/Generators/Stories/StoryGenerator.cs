using System.Text;

namespace Transformers.Generators.Stories;

/// <summary>Generates any amount of short English stories, the same for the same seed on every machine.</summary>
/// <remarks>
/// A grammar over a small world: people, things and locations are drawn once and do not change until the story ends, so what comes
/// next often depends on what was said many sentences ago. That is why a longer context helps a model.
/// </remarks>
public static class StoryGenerator
{
    /// <summary>The line between two stories in one file.</summary>
    public const string Separator = "<|endoftext|>";

    /// <summary>One story, of a few paragraphs with a line feed between them and none at the end.</summary>
    /// <param name="seed">Which collection of stories.</param>
    /// <param name="index">The number of the story; any story can be generated directly.</param>
    public static string Story(ulong seed, long index)
    {
        var teller = new Teller(seed, (ulong)index);
        teller.TellOne();
        return teller.ToString();
    }

    /// <summary>Stories 0, 1, 2, … of a seed as a stream, each generated on demand.</summary>
    /// <param name="seed">Which collection of stories.</param>
    /// <param name="bytes">The size in UTF-8 bytes; the stream ends with the story that reaches it. 0 gives no story.</param>
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
