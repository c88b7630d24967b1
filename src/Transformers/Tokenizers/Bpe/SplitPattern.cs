using Transformers.IO;

namespace Transformers.Tokenizers.Bpe;

/// <summary>How text is cut into pieces before byte pairs are merged; no merge crosses a piece's border.</summary>
public enum SplitPattern
{
    /// <summary>No splitting: a whole text is one piece, and tokens can span anything. Training splits after newlines and at 64 KiB.</summary>
    None,
    /// <summary>GPT-2's, also used by r50k and p50k.</summary>
    Gpt2,
    /// <summary>GPT-4's: numbers in threes, newlines kept together.</summary>
    Cl100k,
    /// <summary>Llama 3's, which equals cl100k.</summary>
    Llama3 = Cl100k,
    /// <summary>GPT-4o's: words are also split where their case changes.</summary>
    O200k,
    /// <summary>Qwen 2's and 3's: cl100k with each digit by itself.</summary>
    Qwen2,
}

/// <summary>The names and published regular expressions of the <see cref="SplitPattern"/> values.</summary>
public static class SplitPatterns
{
    const string Contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    const string Upper = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]";
    const string Lower = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";

    const string Gpt2Text = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    const string Cl100kText = Contractions
        + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const string Qwen2Text = Contractions
        + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const string O200kText = @"[^\r\n\p{L}\p{N}]?" + Upper + "*" + Lower + "+" + Contractions + "?"
        + @"|[^\r\n\p{L}\p{N}]?" + Upper + "+" + Lower + "*" + Contractions + "?"
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    // Every published variant of a pattern, all of which give the same pieces.
    static readonly Dictionary<string, SplitPattern> Known = new()
    {
        [Gpt2Text] = SplitPattern.Gpt2,
        [@"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"] = SplitPattern.Gpt2,
        [@"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"] = SplitPattern.Gpt2,
        [Cl100kText] = SplitPattern.Cl100k,
        [@"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"] = SplitPattern.Cl100k,
        [@"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"] = SplitPattern.Cl100k,
        [O200kText] = SplitPattern.O200k,
        [Qwen2Text] = SplitPattern.Qwen2,
    };

    /// <summary>The names that <see cref="Parse"/> knows, for messages and help.</summary>
    public const string Names = "gpt2, cl100k, llama3, qwen2, o200k, none";

    /// <summary>The pattern of a name.</summary>
    /// <exception cref="UserException">The name is not one of <see cref="Names"/>.</exception>
    public static SplitPattern Parse(string name) => name.ToLowerInvariant() switch
    {
        "gpt2" => SplitPattern.Gpt2,
        "cl100k" or "llama3" => SplitPattern.Cl100k,
        "qwen2" => SplitPattern.Qwen2,
        "o200k" => SplitPattern.O200k,
        "none" => SplitPattern.None,
        _ => throw new UserException($"pattern '{name}' is not one of {Names}"),
    };

    /// <summary>The name of a pattern as <see cref="Parse"/> reads it.</summary>
    public static string NameOf(SplitPattern pattern) => pattern switch
    {
        SplitPattern.Gpt2 => "gpt2",
        SplitPattern.Cl100k => "cl100k",
        SplitPattern.O200k => "o200k",
        SplitPattern.Qwen2 => "qwen2",
        _ => "none",
    };

    /// <summary>The published regular expression of a pattern; empty for <see cref="SplitPattern.None"/>.</summary>
    public static string RegexOf(SplitPattern pattern) => pattern switch
    {
        SplitPattern.Gpt2 => Gpt2Text,
        SplitPattern.Cl100k => Cl100kText,
        SplitPattern.O200k => O200kText,
        SplitPattern.Qwen2 => Qwen2Text,
        _ => "",
    };

    /// <summary>The pattern that a regular expression describes in one of its published forms, or null.</summary>
    public static SplitPattern? FromRegex(string regex) => Known.TryGetValue(regex, out var pattern) ? pattern : null;
}
