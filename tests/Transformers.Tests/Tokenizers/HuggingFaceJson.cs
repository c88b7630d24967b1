namespace Transformers.Tests.Tokenizers;

/// <summary>A small valid <c>tokenizer.json</c>, of which a test replaces one part.</summary>
static class HuggingFaceJson
{
    internal const string ByteLevel = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""";

    /// <summary>The 256 bytes as members of a vocabulary.</summary>
    internal static string Bytes => string.Join(",", Enumerable.Range(0, 256).Select(b => $"{JsonSerializer.Serialize(ByteAlphabet.ToText([(byte)b]))}:{b}"));

    internal static string Make(string version = "\"1.0\"", string added = "", string normalizer = "null", string preTokenizer = ByteLevel, string postProcessor = "null",
        string decoder = ByteLevel, string model = "\"type\":\"BPE\"", string vocabulary = "", string merges = "\"a b\"", string top = "") =>
        $$$"""
        {"version":{{{version}}},"truncation":null,"padding":null,"added_tokens":[{{{added}}}],"normalizer":{{{normalizer}}},"pre_tokenizer":{{{preTokenizer}}},
        "post_processor":{{{postProcessor}}},"decoder":{{{decoder}}}{{{top}}},"model":{{{{model}}},"vocab":{{{{Bytes}}},"ab":256{{{vocabulary}}}},"merges":[{{{merges}}}]}}
        """;
}
