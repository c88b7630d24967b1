using Transformers.Checkpoints;
using Transformers.Data;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;
using JsonArray = System.Text.Json.Nodes.JsonArray;

namespace Transformers.Interchange.HuggingFace;

/// <summary>Reads and writes the tokenizer of a Hugging Face folder.</summary>
static class ForeignTokenizer
{
    const int ProofTokens = 2000;

    /// <summary>Reads the tokenizer of a folder and verifies it.</summary>
    /// <param name="vocabulary">The number of tokens V of the model.</param>
    /// <exception cref="UserException">There is none, it has more tokens than the model, or it does not reproduce a text.</exception>
    internal static TextTokenizer Read(string folder, int vocabulary)
    {
        var tokenizer = TokenizerFile.Load(folder);
        if (tokenizer.VocabularySize > vocabulary)
            throw new UserException([new Problem($"the tokenizer has {tokenizer.VocabularySize} tokens, but the model only {vocabulary} (vocab_size)", folder)]);
        Prove(tokenizer, folder);
        return tokenizer;
    }

    /// <summary>Encodes and decodes a text made of the tokens: the text must come back or, if the vocabulary discards white space or case, at least its ids.</summary>
    internal static void Prove(TextTokenizer tokenizer, string folder)
    {
        var random = new Random(1);
        var special = tokenizer.SpecialTokens.Values.ToHashSet();
        var whole = Enumerable.Range(0, tokenizer.VocabularySize).Where(id => !special.Contains(id) && tokenizer.BytesOf(id) is { Length: > 0 } bytes && System.Text.Unicode.Utf8.IsValid(bytes.Span)).ToArray();
        if (whole.Length == 0) throw new UserException([new Problem("the tokenizer has no token that is text", folder)]);
        var text = tokenizer.Decode(Enumerable.Range(0, ProofTokens).Select(_ => whole[random.Next(whole.Length)]));
        var ids = tokenizer.EncodeToIds(text).ToArray();
        var back = tokenizer.Decode(ids);
        if (back == text || tokenizer.EncodeToIds(back).SequenceEqual(ids)) return;
        var at = text.AsSpan().CommonPrefixLength(back);
        throw new UserException([new Problem($"the tokenizer does not reproduce a text: {MessageText.Quote(text[at..], 20)} becomes {MessageText.Quote(back[at..], 20)}", folder)]);
    }

    /// <summary>The data config of a language model.</summary>
    internal static ForeignInput ForText(string folder, ForeignConfig config, ForeignModel model, string output)
    {
        var tokenizer = Read(folder, model.Sizes.Vocabulary);
        var data = new TextDataConfig { Source = new TextFilesConfig { Files = [ForeignInput.NoData] }, Tokenizer = Config(tokenizer, output) };
        var (before, after) = tokenizer.Frame;
        var notes = new List<string>();
        // As an export writes it for a run whose documents start with this token.
        if (before is [var start] && after.Count == 0 && start == tokenizer.EndOfTextId) data = data with { Batches = new PackedBatchesConfig(), DocumentStart = true };
        else if (before.Count + after.Count > 0) notes.Add($"the tokenizer puts {string.Join(" ", before.Concat(after).Select(tokenizer.TextOf))} around a text; generate and score do not add them");
        var ends = config.Ids("eos_token_id").Where(id => id < tokenizer.VocabularySize && id != tokenizer.EndOfTextId).Select(tokenizer.TextOf).ToList();
        if (ends.Count > 0)
            notes.Add($"config.json ends texts at {string.Join(" ", ends.Select(end => MessageText.Escape(end)))}; generate {(tokenizer.EndOfTextId is { } own ? $"ends them only at {MessageText.Escape(tokenizer.TextOf(own))}" : "does not end them there")}");
        return new(data, Files(tokenizer)) { Notes = notes };
    }

    /// <summary>The config of the run's own tokenizer.</summary>
    internal static FileTokenizerConfig Config(TextTokenizer tokenizer, string output) => new() { Path = Path.Combine(output, tokenizer.FileName) };

    /// <summary>The tokenizer's file for a checkpoint.</summary>
    internal static Dictionary<string, byte[]> Files(TextTokenizer tokenizer) => TokenizerPair.Files(tokenizer);

    /// <summary>Requires the special tokens that frame texts.</summary>
    internal static void RequireSpecial(TextTokenizer tokenizer, string folder, bool mask = false)
    {
        try
        {
            if (mask && SpecialIds.Of(tokenizer).Mask is null) throw new UserException("the tokenizer has no special token <mask>");
            _ = SpecialIds.Of(tokenizer);
        }
        catch (UserException exception)
        {
            throw new UserException([.. exception.Problems.Select(problem => problem with { File = folder })], exception);
        }
    }

    /// <summary>Writes a tokenizer for the library's fast class.</summary>
    /// <param name="folder">The export.</param>
    /// <param name="context">The maximum number of tokens of a text.</param>
    /// <param name="before">The token that models read before a text; null for none.</param>
    /// <param name="after">The token that models read after a text; null for none.</param>
    /// <exception cref="UserException">The library's fast class does not support the tokenizer.</exception>
    internal static void Write(ExportFolder folder, TextTokenizer tokenizer, int context, int? before = null, int? after = null)
    {
        if (tokenizer.FileName != CheckpointFiles.Tokenizer)
            throw new UserException($"the run's tokenizer is a {tokenizer.FileName} of SentencePiece, which cannot be written as tokenizer.json", "export a run whose tokenizer is byte-level BPE, of characters, words or WordPiece");
        var names = tokenizer.SpecialTokens.ToDictionary(token => token.Value, token => token.Key);
        var document = JsonNode.Parse(tokenizer.ToBytes())!.AsObject();
        if (before is not null || after is not null)
        {
            var parts = new JsonArray();
            foreach (var (id, sequence) in new (int?, bool)[] { (before, false), (null, true), (after, false) })
                if (sequence) parts.Add(new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } });
                else if (id is { } special) parts.Add(new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = names[special], ["type_id"] = 0 } });
            var pair = parts.DeepClone().AsArray();
            pair.Insert(pair.Count - (after is null ? 0 : 1), new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "B", ["type_id"] = 0 } });
            var tokens = new JsonObject();
            foreach (var id in new[] { before, after }.OfType<int>().Distinct())
                tokens[names[id]] = new JsonObject { ["id"] = names[id], ["ids"] = new JsonArray(id), ["tokens"] = new JsonArray(names[id]) };
            document["post_processor"] = new JsonObject { ["type"] = "TemplateProcessing", ["single"] = parts, ["pair"] = pair, ["special_tokens"] = tokens };
        }
        folder.Write(CheckpointFiles.Tokenizer, document);
        folder.Write("tokenizer_config.json", Describe(tokenizer, context));
    }

    static JsonObject Describe(TextTokenizer tokenizer, int context)
    {
        var description = new JsonObject
        {
            ["tokenizer_class"] = "PreTrainedTokenizerFast", ["model_max_length"] = context, ["clean_up_tokenization_spaces"] = false,
            // Versions of the library before 5 would add token_type_ids by default: GPT-2 adds the embeddings of token 0 for them, and Marian fails.
            ["model_input_names"] = new JsonArray("input_ids", "attention_mask"),
        };
        Add("eos_token", tokenizer.EndOfTextId is { } end ? [.. tokenizer.SpecialTokens.Where(token => token.Value == end).Select(token => token.Key)] : []);
        Add("bos_token", ["<s>", "[CLS]", "<bos>", "<|begin_of_text|>", TextTokenizer.DefaultEndOfText]);
        Add("pad_token", ["<pad>", "[PAD]", "<|pad|>"]);
        Add("mask_token", ["<mask>", "[MASK]"]);
        Add("cls_token", ["[CLS]", "<s>"]);
        Add("sep_token", ["[SEP]", "</s>"]);
        Add("unk_token", ["<unk>", "[UNK]"]);
        return description;

        void Add(string role, string[] candidates)
        {
            if (candidates.FirstOrDefault(tokenizer.SpecialTokens.ContainsKey) is { } name) description[role] = name;
        }
    }
}
