using System.Text;
using Transformers.Tokenizers;

namespace Transformers.Decoding;

/// <summary>Turns the tokens of one completion into text as they come: never half a character, never part of a stop text.</summary>
sealed class TextStream(TextTokenizer tokenizer, IReadOnlyList<string> stops)
{
    readonly Decoder decoder = Encoding.UTF8.GetDecoder();
    readonly StringBuilder text = new();
    int emitted;

    /// <summary>Whether a stop text was found; the text ends before it.</summary>
    internal bool Stopped { get; private set; }

    internal string Text => text.ToString();

    /// <summary>Adds a token.</summary>
    /// <returns>The text that is certain now and was not before; may be empty.</returns>
    internal string Add(int id)
    {
        Append(tokenizer.BytesOf(id).Span, flush: false);
        return Emit(text.Length - HeldBack());
    }

    /// <summary>Ends the text: a half character becomes U+FFFD.</summary>
    internal string Finish()
    {
        if (!Stopped) Append([], flush: true);
        return Emit(text.Length);
    }

    void Append(ReadOnlySpan<byte> bytes, bool flush)
    {
        var chars = new char[decoder.GetCharCount(bytes, flush)];
        decoder.GetChars(bytes, chars, flush);
        var before = text.Length;
        text.Append(chars);
        var all = text.ToString();
        foreach (var stop in stops)
        {
            var at = all.IndexOf(stop, Math.Max(0, before - stop.Length + 1), StringComparison.Ordinal);
            if (at < 0 || at >= text.Length) continue;
            Stopped = true;
            text.Length = at;
        }
    }

    // The longest end of the text that a stop text may begin with.
    int HeldBack()
    {
        if (Stopped) return 0;
        var all = text.ToString();
        var longest = 0;
        foreach (var stop in stops)
            for (var n = Math.Min(stop.Length - 1, all.Length); n > longest; n--)
                if (all.AsSpan(all.Length - n).SequenceEqual(stop.AsSpan(0, n))) longest = n;
        return longest;
    }

    string Emit(int until)
    {
        if (until <= emitted) return "";
        var piece = text.ToString(emitted, until - emitted);
        emitted = until;
        return piece;
    }
}
