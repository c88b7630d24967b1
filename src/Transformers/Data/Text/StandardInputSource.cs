using System.Security.Cryptography;
using Transformers.IO;

namespace Transformers.Data.Text;

/// <summary>Text from a stream that can be read only once, such as standard input: kept in a file, which goes when this is disposed of.</summary>
public sealed class StandardInputSource : TextSource, IDisposable
{
    readonly string file;
    readonly FileTextSource inner;

    /// <summary>Reads the stream to its end.</summary>
    /// <param name="input">The bytes; plain text, or JSON lines.</param>
    /// <param name="folder">Where the file is kept; made if it is not there.</param>
    /// <param name="jsonLines">Whether each line is a JSON object.</param>
    /// <param name="options">How the text is read.</param>
    /// <exception cref="UserException">An option is empty.</exception>
    public StandardInputSource(Stream input, string folder, bool jsonLines = false, TextFileOptions? options = null)
    {
        Directory.CreateDirectory(folder);
        file = Path.Combine(folder, $"standard-input-{Guid.NewGuid():n}{(jsonLines ? ".jsonl" : ".txt")}");
        try
        {
            using (var output = new FileStream(file, FileMode.CreateNew, FileAccess.ReadWrite))
            {
                input.CopyTo(output);
                output.Position = 0;
                Fingerprint = Hash("standard input", options?.Field ?? "", options?.Separator ?? "", jsonLines ? "lines" : "plain", Convert.ToHexStringLower(SHA256.HashData(output)));
            }
            inner = new FileTextSource([file], options);
        }
        catch
        {
            File.Delete(file);
            throw;
        }
    }

    /// <inheritdoc/>
    public override string Description => "standard input";

    /// <inheritdoc/>
    public override string Fingerprint { get; }

    /// <inheritdoc/>
    protected override IEnumerable<TextPiece> ReadPieces(TextCounts counts) =>
        inner.Pieces(counts).Select(piece => piece with { Origin = Description });

    /// <summary>Removes the file.</summary>
    public void Dispose() => File.Delete(file);
}
