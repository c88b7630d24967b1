namespace Transformers.Configs;

/// <summary>Where something was read.</summary>
readonly record struct Source(string File, int? Line = null, int? Column = null);

/// <summary>A config as it was read, before it means anything: YAML, JSON and <c>--set</c> all become this tree.</summary>
abstract record ConfigNode(Source Source);

/// <summary>How a scalar was written, which decides what it may stand for.</summary>
enum ScalarStyle
{
    /// <summary>YAML without quotes: a number, a word, or text.</summary>
    Plain,
    /// <summary>In quotes: always text.</summary>
    Quoted,
    /// <summary>JSON without quotes: never text.</summary>
    JsonLiteral,
}

sealed record ScalarNode(Source Source, string Text, ScalarStyle Style) : ConfigNode(Source)
{
    internal bool IsNull => Style != ScalarStyle.Quoted && Text is ("" or "null" or "~");
}

sealed record ListNode(Source Source, IReadOnlyList<ConfigNode> Items) : ConfigNode(Source);

sealed record MapNode(Source Source, IReadOnlyList<MapEntry> Entries) : ConfigNode(Source)
{
    internal MapEntry? Find(string key) => Entries.FirstOrDefault(e => e.Key == key);
}

sealed record MapEntry(string Key, Source KeySource, ConfigNode Value);
