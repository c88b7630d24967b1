using Transformers.Checkpoints;
using Transformers.Evaluation;
using Transformers.Interchange.HuggingFace;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Bpe;
using static TorchSharp.torch;

namespace Transformers.Interchange.Gguf;

/// <summary>Writes a language model as a GGUF file, for llama.cpp and programs built on it.</summary>
/// <remarks>The names of tensors and settings are those of llama.cpp's architectures <c>gpt2</c> and <c>llama</c>.</remarks>
static class GgufExport
{
    /// <summary>Exports a language model.</summary>
    /// <param name="request">Where to, and how weights are stored.</param>
    /// <param name="model">The run's model.</param>
    /// <param name="starts">Whether the end-of-text token precedes each text.</param>
    /// <exception cref="UserException">llama.cpp does not run such a model or tokenizer, or the file cannot be written.</exception>
    internal static ExportResult Write(TrainedRun run, ExportRequest request, GptConfig model, bool starts)
    {
        if (Directory.Exists(request.Output)) throw new UserException([new Problem("is a folder, but GGUF is a single file", request.Output, Path: "--output", Hint: "name a new file, such as model.gguf")]);
        if (File.Exists(request.Output)) throw new UserException([new Problem("the file exists", request.Output, Path: "--output", Hint: "name a new file")]);
        NativeLibraries.Load();
        var type = request.TypeAmong(ExportType.F32, ExportType.F16, ExportType.BF16, ExportType.Q8_0);
        var tokenizer = run.LoadTokenizer();
        var sizes = new LayoutSizes(model.VocabularyFor(tokenizer));
        var layout = HuggingFaceExport.Choose([new LlamaLayout(), new Gpt2Layout()], model, sizes);
        var llama = layout is LlamaLayout;
        if (!llama && model.FeedForward is not GeluConfig { Tanh: true })
            throw new UserException($"the run cannot be exported to gguf: llama.cpp's GPT-2 uses the tanh approximation of GELU, but model.feed_forward is {Shared.KindOf(model.FeedForward)}{(model.FeedForward is GeluConfig ? " with tanh: false" : "")}",
                "train with --set 'model.feed_forward={ kind: gelu, tanh: true }', or export to another format");
        var file = new GgufWriter();
        Describe(file, model, sizes, llama ? "llama" : "gpt2", type, Path.GetFileNameWithoutExtension(request.Output));
        new GgufVocabulary(tokenizer, sizes.Vocabulary).AddTo(file, starts);
        var name = run.Checkpoint.WeightsFile;
        using var weights = run.Checkpoint.OpenTensors(name);
        List<GgufTensor> tensors = [.. (llama ? LlamaRows(model, sizes) : Gpt2Rows(model, sizes)).SelectMany(row => TensorsOf(row, weights, type))];
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(request.Output)) is { } folder) FolderSync.CreateFolders(folder);
            var written = DurableFile.Write(request.Output, stream => file.WriteTo(stream, tensors));
            return new(request.Output, llama ? "llama" : "gpt2", [new(written.Name, written.Bytes)], []);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([new Problem($"cannot be written: {OutputFile.ReasonOf(exception)}", request.Output)], exception);
        }
    }

    static void Describe(GgufWriter file, GptConfig model, LayoutSizes sizes, string architecture, ExportType type, string name)
    {
        file.Add("general.architecture", architecture);
        file.Add("general.type", "model");
        file.Add("general.name", name);
        file.Add("general.file_type", type switch { ExportType.F16 => 1, ExportType.Q8_0 => 7, ExportType.BF16 => 32, _ => 0 });
        file.Add("general.quantization_version", 2);
        file.Add($"{architecture}.vocab_size", sizes.Vocabulary);
        file.Add($"{architecture}.context_length", model.Context);
        file.Add($"{architecture}.embedding_length", model.Width);
        file.Add($"{architecture}.block_count", model.Layers);
        file.Add($"{architecture}.feed_forward_length", FeedForward.HiddenWidth(model.FeedForward, model.Width));
        file.Add($"{architecture}.attention.head_count", model.Heads);
        file.Add($"{architecture}.attention.head_count_kv", model.KeyValueHeads ?? model.Heads);
        file.Add($"{architecture}.attention.{(model.Norm is RmsNormConfig ? "layer_norm_rms_epsilon" : "layer_norm_epsilon")}", model.Norm.Epsilon);
        if (model.Positions is not RotaryPositionsConfig rotary) return;
        file.Add($"{architecture}.rope.dimension_count", model.Width / model.Heads);
        file.Add($"{architecture}.rope.freq_base", rotary.Base);
    }

    static IEnumerable<WeightRow> Gpt2Rows(GptConfig model, LayoutSizes sizes)
    {
        var (V, D, F) = (sizes.Vocabulary, model.Width, FeedForward.HiddenWidth(model.FeedForward, model.Width));
        yield return new("tok_emb.weight", WeightChange.Same, new ForeignTensor("token_embd.weight", V, D));
        yield return new("pos_emb.weight", WeightChange.Same, new ForeignTensor(Positions, model.Context, D));
        foreach (var row in WeightRow.Repeat(model.Layers,
        [
            .. Layer("blocks.*.norm1", "blk.*.attn_norm", D), .. Layer("blocks.*.attn.qkv", "blk.*.attn_qkv", 3 * D, D), .. Layer("blocks.*.attn.proj", "blk.*.attn_output", D, D),
            .. Layer("blocks.*.norm2", "blk.*.ffn_norm", D), .. Layer("blocks.*.mlp.up", "blk.*.ffn_up", F, D), .. Layer("blocks.*.mlp.down", "blk.*.ffn_down", D, F),
        ])) yield return row;
        foreach (var row in Layer("norm", "output_norm", D)) yield return row;
        if (!model.TieEmbeddings) yield return new("head.weight", WeightChange.Same, new ForeignTensor("output.weight", V, D));

        // llama.cpp's layers always have a bias.
        IEnumerable<WeightRow> Layer(string ours, string theirs, params long[] shape)
        {
            var rows = WeightRow.Layer(ours, model.Bias, WeightChange.Same, new ForeignTensor(theirs, shape));
            return model.Bias ? rows : rows.Append(WeightRow.Zeros(new($"{theirs}.bias", shape[0]), "the model has no biases"));
        }
    }

    static IEnumerable<WeightRow> LlamaRows(GptConfig model, LayoutSizes sizes)
    {
        var (V, D, F) = (sizes.Vocabulary, model.Width, FeedForward.HiddenWidth(model.FeedForward, model.Width));
        var (heads, kvHeads, width) = (model.Heads, model.KeyValueHeads ?? model.Heads, D / model.Heads);
        var rotated = new RotatedPairs(heads, kvHeads, width);
        yield return new("tok_emb.weight", WeightChange.Same, new ForeignTensor("token_embd.weight", V, D));
        foreach (var row in WeightRow.Repeat(model.Layers,
        [
            new("blocks.*.norm1.weight", WeightChange.Same, new ForeignTensor("blk.*.attn_norm.weight", D)),
            .. WeightRow.Layer("blocks.*.attn.qkv", model.Bias, rotated, new("blk.*.attn_q", D, D), new("blk.*.attn_k", kvHeads * width, D), new("blk.*.attn_v", kvHeads * width, D)),
            .. WeightRow.Layer("blocks.*.attn.proj", model.Bias, WeightChange.Same, new ForeignTensor("blk.*.attn_output", D, D)),
            new("blocks.*.norm2.weight", WeightChange.Same, new ForeignTensor("blk.*.ffn_norm.weight", D)),
            .. WeightRow.Layer("blocks.*.mlp.up", model.Bias, WeightChange.Stacked, new("blk.*.ffn_gate", F, D), new("blk.*.ffn_up", F, D)),
            .. WeightRow.Layer("blocks.*.mlp.down", model.Bias, WeightChange.Same, new ForeignTensor("blk.*.ffn_down", D, F)),
        ])) yield return row;
        yield return new("norm.weight", WeightChange.Same, new ForeignTensor("output_norm.weight", D));
        if (!model.TieEmbeddings) yield return new("head.weight", WeightChange.Same, new ForeignTensor("output.weight", V, D));
    }

    const string Positions = "position_embd.weight";

    static IEnumerable<GgufTensor> TensorsOf(WeightRow row, SafetensorsFile file, ExportType type)
    {
        for (var i = 0; i < row.Theirs.Length; i++)
        {
            var (which, (name, shape)) = (i, (row.Theirs[i].Name, row.Theirs[i].Shape));
            // Vectors and position embeddings stay in 32 bits; rows that are not a multiple of the block size stay in 16.
            var stored = shape.Length == 1 || name == Positions ? GgufType.F32 : type switch
            {
                ExportType.F16 => GgufType.F16,
                ExportType.BF16 => GgufType.BF16,
                ExportType.Q8_0 => shape[^1] % Quantized.Block == 0 ? GgufType.Q8_0 : GgufType.F16,
                _ => GgufType.F32,
            };
            yield return new(name, shape, stored, stream => WriteTensor(stream, row, which, file, stored));
        }
    }

    static void WriteTensor(Stream stream, WeightRow row, int which, SafetensorsFile file, GgufType stored)
    {
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        Tensor[] ours = [.. row.Ours.Select(name => ModelTensors.Load(file, file[name], file.Path))];
        var made = row.Change.Export(ours, row.Theirs)[which];
        if (!made.IsFinite()) throw new UserException($"{row.Theirs[which].Name} has numbers that are not finite", "training diverged: export an earlier checkpoint");
        made = stored switch { GgufType.F16 => made.to(ScalarType.Float16), GgufType.BF16 => made.to(ScalarType.BFloat16), _ => made.to(ScalarType.Float32) };
        if (stored == GgufType.F16 && !made.IsFinite()) throw new UserException($"{row.Theirs[which].Name} has numbers too large for 16-bit floats", "--type bf16 has their range");
        foreach (var piece in TensorPieces.Of(made)) stream.Write(stored == GgufType.Q8_0 ? Quantized.Of(MemoryMarshal.Cast<byte, float>(piece.bytes)) : piece.bytes);
    }

    /// <summary>Splits queries, keys and values, and reorders the rotated dimensions: llama.cpp pairs i with i + 1, this program i with i + E/2.</summary>
    sealed class RotatedPairs(int heads, int kvHeads, int width) : WeightChange
    {
        public override Tensor[] Export(Tensor[] ours, ForeignTensor[] theirs)
        {
            var parts = ours[0].split([heads * width, kvHeads * width, kvHeads * width], 0);
            return [Paired(parts[0], heads), Paired(parts[1], kvHeads), parts[2].contiguous()];
        }

        Tensor Paired(Tensor part, int count)
        {
            long[] rest = [.. part.shape[1..]];
            return part.reshape([count, 2, width / 2, .. rest]).transpose(1, 2).reshape(part.shape).contiguous();
        }

        public override Tensor[] Import(Tensor[] theirs) => throw new NotSupportedException("GGUF can be exported but not imported");
    }
}

/// <summary>A tokenizer in llama.cpp's terms: byte-level BPE, with its split pattern given by name.</summary>
sealed class GgufVocabulary
{
    // Kinds of tokens, by the format's numbers.
    const int Normal = 1, Control = 3, UserDefined = 4, Unused = 5;

    readonly string[] tokens;
    readonly int[] types;
    readonly List<string> merges = [];
    readonly string pattern;
    readonly int end;

    /// <summary>The vocabulary of a model.</summary>
    /// <param name="tokenizer">The run's tokenizer.</param>
    /// <param name="size">The number of tokens V of the model; those beyond the tokenizer's are unused.</param>
    /// <exception cref="UserException">llama.cpp has no such tokenizer.</exception>
    public GgufVocabulary(TextTokenizer tokenizer, int size)
    {
        end = tokenizer.EndOfTextId ?? throw new UserException("the run's tokenizer has no end-of-text token, so llama.cpp would end every text at token 11",
            "train with data.document_start: true, or with a tokenizer of kind bpe, which has one");
        tokens = new string[size];
        types = new int[size];
        Array.Fill(types, Unused);
        pattern = tokenizer switch
        {
            ByteLevelBpeTokenizer bpe => Read(bpe),
            // Neither has merges across pieces, so it does not matter how a text is split.
            CharacterTokenizer or ByteTokenizer => ReadUnmerged(tokenizer),
            _ => throw Refused("of a kind other than byte-level BPE, characters and bytes"),
        };
        foreach (var (name, id) in tokenizer.SpecialTokens) (tokens[id], types[id]) = (name, Control);
        for (var id = 0; id < size; id++) tokens[id] ??= $"[UNUSED{id}]";
    }

    string Read(ByteLevelBpeTokenizer tokenizer)
    {
        var definition = tokenizer.Definition;
        var unusual = definition.Composes ? "composes its text (NFC)" : definition.PrefixSpace ? "puts a space before a text" : definition.CutBefore.Count > 0 ? "splits a text twice"
            : definition.Rules.Values.Any(rule => rule.SingleWord || rule.StripLeft || rule.StripRight) ? "matches added tokens by rules" : null;
        if (unusual is not null) throw Refused($"which {unusual}");
        var added = definition.AlwaysMatched.ToDictionary(token => token.Value, token => token.Key);
        for (var id = 0; id < definition.Tokens.Length; id++)
            if (added.TryGetValue(id, out var name)) (tokens[id], types[id]) = (name, UserDefined);
            else if (definition.Tokens[id] is { } bytes) (tokens[id], types[id]) = (ByteAlphabet.ToText(bytes), Normal);
        foreach (var (left, right, _) in definition.Merges) merges.Add($"{tokens[left]} {tokens[right]}");
        return (definition.Pattern, definition.WholePiecesFirst) switch
        {
            (SplitPattern.Gpt2, false) => "gpt-2",
            (SplitPattern.Cl100k, false) => "dbrx",
            (SplitPattern.Cl100k, true) => "llama-bpe",
            (SplitPattern.Qwen2, false) => "qwen2",
            (SplitPattern.O200k, false) => "gpt-4o",
            var (pattern, whole) => throw Refused($"with the pattern {SplitPatterns.NameOf(pattern)}{(whole ? " that takes whole pieces first" : "")}, which llama.cpp does not have"),
        };
    }

    string ReadUnmerged(TextTokenizer tokenizer)
    {
        var joined = new HashSet<string>(StringComparer.Ordinal);
        for (var id = 0; id < tokenizer.VocabularySize; id++)
        {
            if (tokenizer.BytesOf(id) is not { Length: > 0 } bytes) continue;
            (tokens[id], types[id]) = (ByteAlphabet.ToText(bytes.Span), Normal);
            // The bytes of a character are merged one after the other.
            for (var length = 1; length < bytes.Length; length++)
                if ($"{tokens[id][..length]} {tokens[id][length]}" is var merge && joined.Add(merge)) merges.Add(merge);
        }
        return "gpt-2";
    }

    static UserException Refused(string what) => new($"the run cannot be exported to gguf: it has a tokenizer {what}", "--to huggingface or --to onnx may support it");

    /// <summary>Adds the settings of the tokenizer.</summary>
    /// <param name="starts">Whether the end-of-text token precedes each text.</param>
    public void AddTo(GgufWriter file, bool starts)
    {
        file.Add("tokenizer.ggml.model", "gpt2");
        file.Add("tokenizer.ggml.pre", pattern);
        file.Add("tokenizer.ggml.tokens", tokens);
        file.Add("tokenizer.ggml.token_type", types);
        file.Add("tokenizer.ggml.merges", merges);
        file.Add("tokenizer.ggml.bos_token_id", end);
        file.Add("tokenizer.ggml.eos_token_id", end);
        file.Add("tokenizer.ggml.add_bos_token", starts);
        file.Add("tokenizer.ggml.add_eos_token", false);
    }
}
