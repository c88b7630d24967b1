using static TorchSharp.torch;

namespace Transformers.Tests.Interchange;

/// <summary>Checkpoints of models with random weights, biases among them, that nothing has trained.</summary>
static class MadeRuns
{
    const string Training = "training: { steps: 1, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 } }";

    /// <summary>A tokenizer that knows all bytes, with special tokens and some merges.</summary>
    internal static TextTokenizer Bpe(params string[] special) => BpeTrainer.Train([new MemoryStream(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(
        "the cat sat on the mat and the dog ran in the rain. It's 2024, isn't it? ", 20))))],
        new BpeTrainerOptions { VocabularySize = 300, Pattern = SplitPattern.Gpt2, MinimumFrequency = 2, SpecialTokens = special.Length > 0 ? special : [TextTokenizer.DefaultEndOfText] });

    internal static TrainedRun Language(string folder, string model, TextTokenizer? tokenizer = null, string batches = "", string? spoil = null)
    {
        tokenizer ??= Bpe();
        return Make(folder, $"data: {{ kind: text, {batches}source: {{ files: [x] }}, tokenizer: {{ kind: bytes }} }}\nmodel: {{ kind: gpt, {model} }}\n{Training}", config =>
            new Gpt((GptConfig)config.Model, ((GptConfig)config.Model).VocabularyFor(tokenizer)), Files(tokenizer), spoil);
    }

    internal static TrainedRun Encoder(string folder, string model, string[]? classes = null)
    {
        var tokenizer = Bpe("<pad>", "<s>", "</s>", "<mask>");
        var files = Files(tokenizer);
        if (classes is not null) files[CheckpointFiles.Classes] = JsonSerializer.SerializeToUtf8Bytes(classes);
        return Make(folder, $"data: {{ kind: labelled, source: {{ folder: x }}, tokenizer: {{ kind: bytes }} }}\nmodel: {{ kind: encoder, {model} }}\n{Training}", config =>
            EncoderModel.Create((EncoderConfig)config.Model, tokenizer.VocabularySize, classes?.Length ?? 0), files);
    }

    internal static TrainedRun Translator(string folder, string model)
    {
        var tokenizer = Bpe("<pad>", "<s>", "</s>");
        return Make(folder, $"data: {{ kind: parallel, source: {{ folder: x, from: a, to: b }}, tokenizer: {{ kind: bytes }} }}\nmodel: {{ kind: seq2seq, {model} }}\n{Training}", config =>
            new Seq2Seq((Seq2SeqConfig)config.Model, tokenizer.VocabularySize, tokenizer.VocabularySize, shared: true), Files(tokenizer));
    }

    internal static TrainedRun Images(string folder, string model, int size, int channels = 3, string[]? classes = null)
    {
        classes ??= ["ant", "bee", "cat"];
        var transform = new ImageTransform { Size = size, Resize = size + 4, Channels = channels, Mean = [.. Enumerable.Repeat(0.4, channels)], Std = [.. Enumerable.Repeat(0.3, channels)] };
        var files = new Dictionary<string, byte[]> { [ImageInput.FileName] = Encoding.UTF8.GetBytes(new ImageInput(transform, classes).ToJson()) };
        return Make(folder, $"data: {{ kind: images, source: {{ path: x }}, input: {{ size: {size}, channels: {channels} }} }}\nmodel: {{ {model} }}\n{Training}", config =>
            ImageModel.Create((IImageModelConfig)config.Model, new ImageShape(size, channels, classes.Length)), files);
    }

    static Dictionary<string, byte[]> Files(TextTokenizer tokenizer) => new() { [tokenizer.FileName] = tokenizer.ToBytes() };

    // The parameter to be spoiled becomes NaN.
    static TrainedRun Make(string folder, string yaml, Func<RunConfig, nn.Module> create, Dictionary<string, byte[]> files, string? spoil = null)
    {
        NativeLibraries.Load();
        var config = ConfigFile.Parse<RunConfig>(yaml, "made.yaml");
        using var model = create(config);
        using var generator = new Generator(7);
        using (no_grad())
            foreach (var (name, parameter) in model.named_parameters())
                parameter.copy_(randn(parameter.shape, generator: generator) * (name == spoil ? double.NaN : 0.2) + (name.Contains("norm", StringComparison.Ordinal) && name.EndsWith("weight", StringComparison.Ordinal) ? 1 : 0));
        using var contents = new CheckpointContents(3);
        contents.AddSnapshot(CheckpointFiles.Model, model.state_dict().Select(named => (named.Key, named.Value)));
        contents.AddText(CheckpointFiles.Config, ConfigWriter.ToYaml(config));
        foreach (var (name, bytes) in files) contents.AddBytes(name, bytes);
        CheckpointStore.WriteTo(folder, contents);
        return TrainedRun.Open(folder);
    }

    /// <summary>What a run computes on fixed inputs, in evaluation.</summary>
    internal static Tensor Logits(TrainedRun run)
    {
        NativeLibraries.Load();
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        return (run.Config.Model switch
        {
            GptConfig gpt => Gpt(gpt),
            EncoderConfig encoder => Encoder(encoder),
            Seq2SeqConfig => Translator(),
            _ => Network(),
        }).MoveToOuterDisposeScope();

        Tensor Ids(int vocabulary, int length) => randint(0, vocabulary, [2, length], generator: generator, dtype: ScalarType.Int64);

        Tensor Gpt(GptConfig config)
        {
            var model = run.LoadLanguageModel(run.LoadTokenizer(), CPU);
            return model.forward(Ids(model.Vocabulary, config.Context));
        }

        Tensor Encoder(EncoderConfig config)
        {
            var tokenizer = run.LoadTokenizer();
            var model = run.LoadEncoder(tokenizer, CPU);
            var ids = Ids(tokenizer.VocabularySize, config.Context);
            return model is MaskedTokenModel masked ? masked.forward(ids) : ((TextClassifier)model).forward(ids, [config.Context, config.Context - 2]);
        }

        Tensor Translator()
        {
            var model = run.LoadSeq2Seq(run.LoadTokenizers(), CPU);
            return model.forward(Ids(model.SourceVocabulary, 9), Ids(model.Vocabulary, 7));
        }

        Tensor Network()
        {
            var images = ImageRun.Open(run);
            var (size, channels, _) = images.Model.Shape;
            return images.Model.Logits(randn([2, channels, size, size], generator: generator));
        }
    }
}
