using System.Globalization;
using System.Text;
using Transformers.IO;

namespace Transformers.Data.Text;

/// <summary>Sentences as a text source, each a document: what a tokenizer of sentences is trained on.</summary>
/// <param name="description">What a person calls it; for generated sentences, every setting that changes them.</param>
/// <param name="files">The files that they come from; empty for generated ones.</param>
/// <param name="read">Reads them from the start.</param>
public sealed class SentenceSource(string description, IReadOnlyList<string> files, Func<IEnumerable<string>> read) : TextSource
{
    /// <inheritdoc/>
    public override string Description => description;

    /// <inheritdoc/>
    /// <remarks>Paths, lengths and times of the last change; of generated sentences the first few.</remarks>
    public override string Fingerprint => files.Count > 0
        ? Hash(["sentences", description, .. files.Select(Stamp)])
        : Hash(["sentences", description, .. read().Take(64)]);

    static string Stamp(string file)
    {
        var info = new FileInfo(file);
        if (!info.Exists) throw new UserException([new Problem("there is no such file any more", file)]);
        return string.Create(CultureInfo.InvariantCulture, $"{info.FullName}|{info.Length}|{info.LastWriteTimeUtc.Ticks}");
    }

    /// <inheritdoc/>
    protected override IEnumerable<TextPiece> ReadPieces(TextCounts counts) =>
        read().Select(sentence => new TextPiece(Encoding.UTF8.GetBytes(sentence), true, description));
}
