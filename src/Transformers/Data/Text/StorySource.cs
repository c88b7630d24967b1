using System.Text;
using Transformers.Generators.Stories;

namespace Transformers.Data.Text;

/// <summary>Generated stories, one document each.</summary>
/// <param name="seed">Which collection of stories.</param>
/// <param name="bytes">How much; ends after the story with which this many UTF-8 bytes are reached.</param>
public sealed class StorySource(ulong seed, long bytes) : TextSource
{
    /// <inheritdoc/>
    public override string Description => $"generated stories, {bytes} bytes, seed {seed}";

    /// <inheritdoc/>
    /// <remarks>Some of the stories themselves go into the hash, so that it changes when the generator does.</remarks>
    public override string Fingerprint
    {
        get
        {
            var sample = Enumerable.Range(0, 64).Select(i => StoryGenerator.Story(seed, i));
            return Hash([$"stories {seed} {bytes}", .. sample]);
        }
    }

    /// <inheritdoc/>
    protected override IEnumerable<TextPiece> ReadPieces(TextCounts counts) =>
        StoryGenerator.Generate(seed, bytes).Select(story => new TextPiece(Encoding.UTF8.GetBytes(story), true, "generated stories"));
}
