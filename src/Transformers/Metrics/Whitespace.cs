namespace Transformers.Metrics;

/// <summary>White space as Python's <c>str.split</c> sees it, which the published metrics are defined by.</summary>
static class Whitespace
{
    // .NET does not count the four ASCII separators U+001C to U+001F as white space; Python does.
    public static bool Is(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    public static List<string> Split(string text)
    {
        var words = new List<string>();
        for (var i = 0; i < text.Length;)
        {
            while (i < text.Length && Is(text[i])) i++;
            var start = i;
            while (i < text.Length && !Is(text[i])) i++;
            if (i > start) words.Add(text[start..i]);
        }
        return words;
    }

    public static string TrimEnd(string text)
    {
        var end = text.Length;
        while (end > 0 && Is(text[end - 1])) end--;
        return text[..end];
    }
}
