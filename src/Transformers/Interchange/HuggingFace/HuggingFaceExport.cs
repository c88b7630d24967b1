using Transformers.Checkpoints;
using Transformers.Data;
using Transformers.Data.Images;
using Transformers.Evaluation;
using Transformers.Models;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Interchange.HuggingFace;

/// <summary>Writes a run for Hugging Face's transformers library: config, weights, and preprocessing.</summary>
static class HuggingFaceExport
{
    /// <summary>Exports a language model.</summary>
    /// <param name="request">Where to, and how weights are stored.</param>
    /// <param name="model">The run's model.</param>
    /// <param name="starts">Whether the end-of-text token precedes each text; the exported tokenizer then adds it.</param>
    /// <exception cref="UserException">No layout supports the model, or the folder cannot be written.</exception>
    internal static ExportResult Write(TrainedRun run, ExportRequest request, GptConfig model, bool starts)
    {
        var tokenizer = run.LoadTokenizer();
        var sizes = new LayoutSizes(model.VocabularyFor(tokenizer));
        return Write(run, request, model, sizes, [new LlamaLayout(), new Gpt2Layout()], (folder, config) =>
        {
            AddIds(config, ("bos_token_id", tokenizer.EndOfTextId), ("eos_token_id", tokenizer.EndOfTextId));
            ForeignTokenizer.Write(folder, tokenizer, model.Context, before: starts ? tokenizer.EndOfTextId : null);
            WriteGeneration(folder, config, null, "bos_token_id", "eos_token_id");
        });
    }

    /// <summary>Exports a text encoder.</summary>
    /// <exception cref="UserException">No layout supports the model, or the folder cannot be written.</exception>
    internal static ExportResult Write(TrainedRun run, ExportRequest request, EncoderConfig model)
    {
        var tokenizer = run.LoadTokenizer();
        var special = SpecialIds.Of(tokenizer);
        var labels = run.Checkpoint.Has(CheckpointFiles.Classes) ? run.LoadClasses() : [];
        return Write(run, request, model, new(model.VocabularyFor(tokenizer), labels.Count), [new BertLayout()], (folder, config) =>
        {
            AddIds(config, ("pad_token_id", special.Padding), ("bos_token_id", special.Begin), ("eos_token_id", special.End));
            if (labels.Count > 0) Shared.AddLabels(config, labels);
            ForeignTokenizer.Write(folder, tokenizer, model.Context, special.Begin, special.End);
        });
    }

    /// <summary>Exports an encoder-decoder.</summary>
    /// <exception cref="UserException">No layout supports the model, or the folder cannot be written.</exception>
    internal static ExportResult Write(TrainedRun run, ExportRequest request, Seq2SeqConfig model)
    {
        var (source, target) = run.LoadTokenizers();
        if (!ReferenceEquals(source, target)) throw Refused("a tokenizer for each side, while Marian has one for both");
        var special = SpecialIds.Of(source);
        return Write(run, request, model, new(model.VocabularyFor(source)), [new MarianLayout()], (folder, config) =>
        {
            AddIds(config, ("pad_token_id", special.Padding), ("bos_token_id", special.Begin), ("eos_token_id", special.End), ("forced_eos_token_id", special.End), ("decoder_start_token_id", special.Begin));
            ForeignTokenizer.Write(folder, source, model.Context, after: special.End);
            WriteGeneration(folder, config, model.Context, "pad_token_id", "bos_token_id", "eos_token_id", "forced_eos_token_id", "decoder_start_token_id");
        });
    }

    /// <summary>Exports an image model.</summary>
    /// <exception cref="UserException">No layout supports the model, or the folder cannot be written.</exception>
    internal static ExportResult Write<TModel>(TrainedRun run, ExportRequest request, TModel model, HuggingFaceLayout<TModel> layout) where TModel : ModelConfig, IImageModelConfig
    {
        var input = ImageInput.Parse(run.Checkpoint.ReadText(ImageInput.FileName), run.Checkpoint.PathOf(ImageInput.FileName));
        var shape = new ImageShape(input.Transform.Size, input.Transform.Channels, input.Classes.Count);
        return Write(run, request, model, new(0, input.Classes.Count, shape), [layout], (folder, config) =>
        {
            Shared.AddLabels(config, input.Classes);
            ForeignImages.Write(folder, input.Transform);
        });
    }

    static ExportResult Write<TModel>(TrainedRun run, ExportRequest request, TModel model, LayoutSizes sizes, HuggingFaceLayout<TModel>[] layouts, Action<ExportFolder, JsonObject> finish) where TModel : ModelConfig
    {
        NativeLibraries.Load();
        var type = request.TypeAmong(ExportType.F32, ExportType.F16, ExportType.BF16);
        var layout = Choose(layouts, model, sizes);
        using var folder = new ExportFolder(request.Output);
        var config = new JsonObject { ["model_type"] = layout.Name, ["torch_dtype"] = type switch { ExportType.F16 => "float16", ExportType.BF16 => "bfloat16", _ => "float32" } };
        foreach (var (key, value) in layout.Describe(model, sizes).ToArray()) config[key] = value?.DeepClone();
        finish(folder, config);
        folder.Write("config.json", config);
        var name = run.Checkpoint.WeightsFile;
        using var file = run.Checkpoint.OpenTensors(name);
        var rows = layout.Rows(model, sizes, layout.Prefix).ToList();
        CheckComplete(file, rows);
        WriteWeights(folder, [.. rows.Where(row => row.Written).SelectMany(row => TensorsOf(row, file, type))], request.ShardBytes);
        return folder.Commit(layout.Name, []);
    }

    /// <summary>The first layout that supports a model.</summary>
    /// <exception cref="UserException">There is none; the message says what the closest one lacks.</exception>
    internal static HuggingFaceLayout<TModel> Choose<TModel>(HuggingFaceLayout<TModel>[] layouts, TModel model, LayoutSizes sizes) where TModel : ModelConfig
    {
        var misfits = layouts.Select(layout => (layout, lacks: layout.Misfits(model, sizes).ToList())).OrderBy(one => one.lacks.Count).First();
        return misfits.lacks.Count == 0 ? misfits.layout : throw Refused($"{string.Join("; ", misfits.lacks)} (the closest layout is {misfits.layout.Name})");
    }

    static UserException Refused(string what) => new($"the run cannot be exported: it has {what}", "another format of --to may support it");

    // A tensor missing from the table would be lost silently.
    static void CheckComplete(SafetensorsFile file, List<WeightRow> rows)
    {
        var written = rows.SelectMany(row => row.Ours).ToHashSet(StringComparer.Ordinal);
        if (file.Tensors.FirstOrDefault(tensor => !written.Contains(tensor.Name)) is { } left) throw new InvalidOperationException($"the layout has no row for {left.Name}");
    }

    static IEnumerable<TensorBytes> TensorsOf(WeightRow row, SafetensorsFile file, ExportType type)
    {
        var stored = row.IsConstant ? ConstantType(row) : type switch { ExportType.F16 => SafetensorsDtype.F16, ExportType.BF16 => SafetensorsDtype.BF16, _ => SafetensorsDtype.F32 };
        for (var i = 0; i < row.Theirs.Length; i++)
        {
            var (which, (theirs, shape)) = (i, (row.Theirs[i].Name, row.Theirs[i].Shape));
            yield return new TensorBytes(theirs, stored, shape, stream => WriteTensor(stream, row, which, file, stored));
        }
    }

    static SafetensorsDtype ConstantType(WeightRow row)
    {
        using var scope = NewDisposeScope();
        return row.Change.Export([], row.Theirs)[0].dtype == ScalarType.Int64 ? SafetensorsDtype.I64 : SafetensorsDtype.F32;
    }

    static void WriteTensor(Stream stream, WeightRow row, int which, SafetensorsFile file, SafetensorsDtype stored)
    {
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        Tensor[] ours = [.. row.Ours.Select(name => ModelTensors.Load(file, file[name], file.Path))];
        var made = row.Change.Export(ours, row.Theirs)[which];
        if (!made.shape.SequenceEqual(row.Theirs[which].Shape))
            throw new InvalidOperationException($"{row.Theirs[which].Name} has the shape [{string.Join(", ", made.shape)}], but its table says [{string.Join(", ", row.Theirs[which].Shape)}]");
        if (!made.IsFinite()) throw new UserException($"{row.Theirs[which].Name} has numbers that are not finite", "training diverged: export an earlier checkpoint");
        made = stored switch { SafetensorsDtype.F16 => made.to(ScalarType.Float16), SafetensorsDtype.BF16 => made.to(ScalarType.BFloat16), _ => made };
        if (stored == SafetensorsDtype.F16 && !made.IsFinite()) throw new UserException($"{row.Theirs[which].Name} has numbers too large for --type f16", "--type bf16 has their range");
        made.WriteTo(stream);
    }

    static void WriteWeights(ExportFolder folder, List<TensorBytes> tensors, long shardBytes)
    {
        var metadata = new Dictionary<string, string> { ["format"] = "pt" };
        var shards = new List<List<TensorBytes>> { new() };
        long filled = 0, total = 0;
        foreach (var tensor in tensors)
        {
            var bytes = SafetensorsTensor.BytesOf(tensor.Dtype, tensor.Shape, WeightFiles.Single, tensor.Name);
            if (filled > 0 && filled + bytes > shardBytes)
            {
                shards.Add([]);
                filled = 0;
            }
            shards[^1].Add(tensor);
            filled += bytes;
            total += bytes;
        }
        if (shards.Count == 1)
        {
            folder.Write(WeightFiles.Single, stream => SafetensorsWriter.WriteTo(stream, shards[0], metadata, WeightFiles.Single));
            return;
        }
        var map = new JsonObject();
        for (var i = 0; i < shards.Count; i++)
        {
            var (name, shard) = (string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors"), shards[i]);
            folder.Write(name, stream => SafetensorsWriter.WriteTo(stream, shard, metadata, name));
            foreach (var tensor in shard) map[tensor.Name] = name;
        }
        folder.Write(WeightFiles.Index, new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = total }, ["weight_map"] = map });
    }

    // Without null for a token that a vocabulary lacks, the library would use its own default, such as 2, which is another token here.
    static void AddIds(JsonObject config, params (string Key, int? Id)[] ids)
    {
        foreach (var (key, id) in ids) config[key] = id;
    }

    // Without a length, the library generates 20 tokens.
    static void WriteGeneration(ExportFolder folder, JsonObject config, int? longest, params string[] keys)
    {
        var generation = new JsonObject();
        if (longest is { } length) generation["max_length"] = length;
        foreach (var key in keys)
            if (config[key] is { } value) generation[key] = value.DeepClone();
        folder.Write("generation_config.json", generation);
    }
}
