using System.Text;

namespace Transformers.IO;

/// <summary>Makes text from outside fit to be shown in a message.</summary>
static class Shown
{
    const int Longest = 120;

    /// <summary>The text in quotes, its control characters escaped, cut where it is long.</summary>
    public static string Name(string text)
    {
        var shown = new StringBuilder("'");
        foreach (var c in text.Length > Longest ? text.AsSpan(0, Longest) : text)
        {
            if (char.IsControl(c) || char.IsSurrogate(c) || c is '\u2028' or '\u2029' or (>= '\u202a' and <= '\u202e')) shown.Append($"\\u{(int)c:x4}");
            else shown.Append(c);
        }
        return shown.Append(text.Length > Longest ? $"…' ({text.Length} characters)" : "'").ToString();
    }
}
