using System.Numerics.Tensors;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.Tokenizers;

namespace OnnxApp;

/// <summary>The contents of <c>model.json</c>.</summary>
record Description(string Task, string[] Graphs, int? Context, int? Vocabulary, string? Tokenizer, string? TargetTokenizer, int? Begin, int? End, int? SourceEnd,
    int? Mask, string[]? Labels, ImageInput? Image, SeriesInput? Series, SoundInput? Sound);

/// <summary>How an image becomes the model's input.</summary>
record ImageInput(int Size, int? Resize, bool KeepRatio, string Filter, int Channels, float[] Mean, float[] Std, int Background);

/// <summary>The number of steps in the input of a series model, and the quantiles that it forecasts.</summary>
record SeriesInput(int Context, double[]? Quantiles);

/// <summary>An open exported folder.</summary>
sealed class ExportedModel : IDisposable
{
    static readonly RunOptions Options = new();

    readonly InferenceSession[] graphs;
    readonly Tokenizer? source, target;

    public ExportedModel(string folder)
    {
        var style = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
        Description = JsonSerializer.Deserialize<Description>(File.ReadAllText(Path.Combine(folder, "model.json")), style)!;
        graphs = [.. Description.Graphs.Select(file => new InferenceSession(Path.Combine(folder, file)))];
        if (Description.Tokenizer is { } own) source = TokenizerFile.Load(Path.Combine(folder, own));
        target = Description.TargetTokenizer is { } other ? TokenizerFile.Load(Path.Combine(folder, other)) : source;
    }

    public Description Description { get; }

    /// <summary>Continues a prompt with the most probable tokens.</summary>
    public string Generate(string prompt, int most)
    {
        long[] ids = [.. source!.EncodeToIds(prompt).Select(id => (long)id)];
        if (Description.Begin is { } begin) ids = [begin, .. ids];
        using var cache = new Cache(graphs[0]);
        return source.Decode(Continue(cache, ids, most));
    }

    /// <summary>Translates a sentence with the most probable tokens.</summary>
    public string Translate(string sentence, int most)
    {
        long[] ids = [.. source!.EncodeToIds(sentence).Take(Description.Context!.Value - 1), Description.SourceEnd!.Value];
        long[] seen = [.. ids.Select(_ => 1L)];
        using var cache = new Cache(graphs[1]);
        cache.Run(graphs[0], new() { ["input_ids"] = Row(ids), ["attention_mask"] = Row(seen) });
        cache.Set("encoder_attention_mask", Row(seen));
        return target!.Decode(Continue(cache, [Description.Begin!.Value], most));
    }

    // The first pass reads the whole prompt, each further one only the last token: the cache has the rest.
    IEnumerable<int> Continue(Cache cache, long[] ids, int most)
    {
        var length = ids.Length;
        for (var i = 0; i < most && length <= Description.Context; i++, length++)
        {
            var logits = cache.Run(graphs[^1], new() { ["input_ids"] = Row(ids) });
            var last = logits.AsSpan(logits.Length - logits.Length / ids.Length, Description.Vocabulary!.Value);
            var next = TensorPrimitives.IndexOfMax(last);
            if (next == Description.End) yield break;
            yield return next;
            ids = [next];
        }
    }

    /// <summary>The text with its masked words filled in.</summary>
    public string FillMask(string text)
    {
        // A token may begin with the space before its word, which a mask then hides too.
        var parts = text.Split("<mask>");
        long[] ids = [Description.Begin!.Value, .. parts.SelectMany((part, i) => (i == 0 ? [] : new[] { Description.Mask!.Value }).Concat(source!.EncodeToIds(i < parts.Length - 1 ? part.TrimEnd() : part))).Select(id => (long)id), Description.End!.Value];
        var logits = Run(ids);
        var width = logits.Length / ids.Length;
        return source!.Decode(ids[1..^1].Select((id, i) => id != Description.Mask ? (int)id : TensorPrimitives.IndexOfMax(logits.AsSpan((i + 1) * width, Description.Vocabulary!.Value))));
    }

    /// <summary>The classes of a text, the most probable first.</summary>
    public IEnumerable<(string Label, float Probability)> Classify(string text) => Ranked(Run(Framed(text)));

    long[] Framed(string text) => [Description.Begin!.Value, .. source!.EncodeToIds(text).Take(Description.Context!.Value - 2).Select(id => (long)id), Description.End!.Value];

    /// <summary>The classes of an image, the most probable first.</summary>
    public IEnumerable<(string Label, float Probability)> Classify(Png image) => Ranked(One("logits", ("pixel_values", Pixels(image))));

    OrtValue Pixels(Png image)
    {
        var input = Description.Image!;
        var pixels = image.Fit(input);
        for (var c = 0; c < input.Channels; c++)
            foreach (ref var value in pixels.AsSpan(c * input.Size * input.Size, input.Size * input.Size)) value = (value / 255 - input.Mean[c]) / input.Std[c];
        return OrtValue.CreateTensorValueFromMemory(pixels, [1, input.Channels, input.Size, input.Size]);
    }

    /// <summary>The answers to a question about an image, the most probable first; for a model without answers, whether a caption matches it.</summary>
    public IEnumerable<(string Label, float Probability)> Answer(Png image, string text)
    {
        var ids = Framed(text);
        var logits = One(Description.Labels is null ? "match_logits" : "logits", ("input_ids", Row(ids)), ("attention_mask", Row([.. ids.Select(_ => 1L)])), ("pixel_values", Pixels(image)));
        return Ranked(logits, Description.Labels ?? ["does not match", "matches"]);
    }

    /// <summary>The classes of a recording, the most probable first.</summary>
    public IEnumerable<(string Label, float Probability)> ClassifySound(string path)
    {
        var input = Description.Sound!;
        var values = Sound.Spectrogram(Sound.Read(path, input.Rate), input);
        return Ranked(One("logits", ("input_values", OrtValue.CreateTensorValueFromMemory(values, [1, values.Length / input.Mels, input.Mels]))));
    }

    /// <summary>The classes of a series, the most probable first. A longer one is truncated, and a shorter one is padded with missing values at its end.</summary>
    public IEnumerable<(string Label, float Probability)> ClassifySeries(IReadOnlyList<double> series)
    {
        var length = Description.Series!.Context;
        double[] values = [.. series.Take(length), .. Enumerable.Repeat(double.NaN, Math.Max(0, length - series.Count))];
        return Ranked(One("logits", ("values", OrtValue.CreateTensorValueFromMemory(values, [1, length]))));
    }

    /// <summary>The mean of each step after a series, and the quantiles. A short series is padded with missing values at its beginning.</summary>
    public IEnumerable<(double Mean, double[] Quantiles)> Forecast(IReadOnlyList<double> series)
    {
        var (context, Q) = (Description.Series!.Context, Description.Series.Quantiles!.Length);
        double[] values = [.. Enumerable.Repeat(double.NaN, Math.Max(0, context - series.Count)), .. series.TakeLast(context)];
        using var window = OrtValue.CreateTensorValueFromMemory(values, [1, context]);
        using var outputs = graphs[0].Run(Options, ["values"], [window], ["mean", "quantiles"]);
        var (mean, quantiles) = (outputs[0].GetTensorDataAsSpan<double>().ToArray(), outputs[1].GetTensorDataAsSpan<double>().ToArray());
        return mean.Select((one, step) => (one, quantiles[(step * Q)..((step + 1) * Q)]));
    }

    // Runs the first graph and returns one of its outputs.
    float[] One(string output, params (string Name, OrtValue Value)[] inputs)
    {
        using var outputs = graphs[0].Run(Options, [.. inputs.Select(input => input.Name)], [.. inputs.Select(input => input.Value)], [output]);
        foreach (var (_, value) in inputs) value.Dispose();
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    float[] Run(long[] ids)
    {
        using var cache = new Cache(graphs[0]);
        return cache.Run(graphs[0], new() { ["input_ids"] = Row(ids), ["attention_mask"] = Row([.. ids.Select(_ => 1L)]) });
    }

    IEnumerable<(string Label, float Probability)> Ranked(float[] logits) => Ranked(logits, Description.Labels!);

    static IEnumerable<(string Label, float Probability)> Ranked(float[] logits, string[] labels)
    {
        var probabilities = new float[logits.Length];
        TensorPrimitives.SoftMax(logits, probabilities);
        return labels.Zip(probabilities).OrderByDescending(one => one.Second);
    }

    static OrtValue Row(long[] values) => OrtValue.CreateTensorValueFromMemory(values, [1, values.Length]);

    public void Dispose()
    {
        foreach (var graph in graphs) graph.Dispose();
    }

    /// <summary>A decoder's cache between two passes: each output <c>present.X</c> is the next pass's input <c>past_key_values.X</c>.</summary>
    sealed class Cache : IDisposable
    {
        readonly Dictionary<string, OrtValue> held = [];

        public Cache(InferenceSession decoder)
        {
            // Before the first token the cache is empty: the size of its token axis is 0.
            foreach (var (name, input) in decoder.InputMetadata)
                if (name.StartsWith("past_key_values.", StringComparison.Ordinal))
                    Set(name, OrtValue.CreateTensorValueFromMemory(Array.Empty<float>(), [.. input.Dimensions.Select((size, axis) => size >= 0 ? size : input.SymbolicDimensions[axis] == "batch" ? 1L : 0)]));
        }

        public void Set(string name, OrtValue value)
        {
            if (held.Remove(name, out var old)) old.Dispose();
            held[name] = value;
        }

        /// <summary>Runs a graph with the cache and further inputs, keeps its new cache for the next pass, and returns its logits.</summary>
        public float[] Run(InferenceSession graph, Dictionary<string, OrtValue> inputs)
        {
            string[] names = [.. graph.InputNames];
            OrtValue[] values = [.. names.Select(name => inputs.GetValueOrDefault(name) ?? held[name])];
            float[] logits = [];
            var outputs = graph.Run(Options, names, values, graph.OutputNames);
            for (var i = 0; i < outputs.Count; i++)
            {
                var name = graph.OutputNames[i];
                if (name.StartsWith("present.", StringComparison.Ordinal))
                {
                    Set("past_key_values." + name["present.".Length..], outputs[i]);
                    continue;
                }
                if (name == "logits") logits = outputs[i].GetTensorDataAsSpan<float>().ToArray();
                outputs[i].Dispose();
            }
            foreach (var input in inputs.Values) input.Dispose();
            return logits;
        }

        public void Dispose()
        {
            foreach (var value in held.Values) value.Dispose();
        }
    }
}
