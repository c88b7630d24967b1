using System.Text;
using Transformers.IO;

namespace Transformers.Tokenizers;

/// <summary>Decodes ids as they come; a character is given out when its last byte has arrived.</summary>
public sealed class StreamingDecoder
{
    readonly TextTokenizer tokenizer;
    readonly bool withSpecialTokens;
    readonly Decoder decoder = Encoding.UTF8.GetDecoder();
    bool first = true;

    internal StreamingDecoder(TextTokenizer tokenizer, bool withSpecialTokens) => (this.tokenizer, this.withSpecialTokens) = (tokenizer, withSpecialTokens);

    /// <summary>The text that one more id completes; often empty inside a character of several tokens.</summary>
    /// <exception cref="UserException">The id is not of the vocabulary.</exception>
    public string Append(int id) => Convert(tokenizer.BytesInText(id, withSpecialTokens, ref first), flush: false);

    /// <summary>Ends the text: U+FFFD if a character was begun and never completed, else nothing.</summary>
    public string Finish() => Convert([], flush: true);

    string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        var characters = new char[decoder.GetCharCount(bytes, flush)];
        return new string(characters.AsSpan(0, decoder.GetChars(bytes, characters, flush)));
    }
}
