using System.Text.Json;
using Transformers.IO;
using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers.Formats;

/// <summary>Reads one JSON document token by token, so that memory is bounded by what is kept; every fault is a typed error with its line.</summary>
sealed class BoundedJson(byte[] utf8, string file)
{
    /// <summary>Takes the value that the reader stands on.</summary>
    internal delegate void ValueReader(ref Utf8JsonReader json);

    /// <summary>Reads the whole document with an action for its value.</summary>
    /// <exception cref="UserException">The file is not one JSON value, is nested too deeply, or holds malformed text.</exception>
    internal void ReadDocument(ValueReader read)
    {
        WellFormed(() => Read(read));
    }

    /// <summary>Runs what reads texts of the document: bytes that are no UTF-8, and halves of surrogate pairs, show only then.</summary>
    /// <exception cref="UserException">Such a text is read.</exception>
    internal T WellFormed<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException exception)
        {
            throw new UserException([new Problem($"holds text that is not well-formed: {FirstSentence(exception.Message)}", File: file)], exception);
        }
    }

    bool Read(ValueReader read)
    {
        var start = utf8.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0;
        var json = new Utf8JsonReader(utf8.AsSpan(start), new JsonReaderOptions { MaxDepth = TokenizerLimits.Depth });
        try
        {
            json.Read();
            read(ref json);
            return json.Read() ? throw Fault("one JSON value is expected, and more follows it") : true;
        }
        catch (JsonException exception)
        {
            throw new UserException([new Problem($"is not valid JSON: {FirstSentence(exception.Message)}", File: file,
                Line: (int?)exception.LineNumber + 1, Column: (int?)exception.BytePositionInLine + 1)], exception);
        }
    }

    UserException Fault(string message) => new([new Problem(message, File: file)]);

    static string FirstSentence(string message) => message.Split(". ")[0].Split(" LineNumber:")[0].TrimEnd('.');
}
