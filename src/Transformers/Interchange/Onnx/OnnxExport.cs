using System.Text.Json.Serialization;
using Google.Protobuf;
using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Data;
using Transformers.Data.Audio;
using Transformers.Data.Images;
using Transformers.Evaluation;
using Transformers.Models;

namespace Transformers.Interchange.Onnx;

/// <summary>What a program needs to know to use exported graphs: <c>model.json</c>.</summary>
public sealed record OnnxDescription
{
    /// <summary>The file's name.</summary>
    public const string FileName = "model.json";

    /// <summary>The name and version of the document.</summary>
    public string Schema => "transformer.onnx/1";

    /// <summary>The kind of model, as in the run's config.</summary>
    public required string Kind { get; init; }

    /// <summary>
    /// What it is for: <c>generate</c>, <c>translate</c>, <c>fill_mask</c>, <c>classify_text</c>, <c>classify_image</c>, <c>answer</c> and
    /// <c>match</c> (a text about an image), <c>forecast</c>, <c>classify_series</c> or <c>classify_sound</c>.
    /// </summary>
    public required string Task { get; init; }

    /// <summary>The files of the graphs, in the order in which they run.</summary>
    public IReadOnlyList<string> Graphs { get; init; } = [];

    /// <summary>How matrices are stored: <c>f32</c> or <c>int8</c>.</summary>
    public string Weights { get; init; } = "";

    /// <summary>The maximum number of tokens of a text, or of a side.</summary>
    public int? Context { get; init; }

    /// <summary>The number of tokens of the tokenizer: logits beyond it are meaningless.</summary>
    public int? Vocabulary { get; init; }

    /// <summary>The file of the tokenizer, or of the source's.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>The file of the target's tokenizer, if it has its own.</summary>
    public string? TargetTokenizer { get; init; }

    /// <summary>The token before a prompt, before a target, or before an encoder's text; absent if there is none.</summary>
    public int? Begin { get; init; }

    /// <summary>The token that ends a text: generation stops at it, and an encoder's text ends with it.</summary>
    public int? End { get; init; }

    /// <summary>The token that ends the source of an encoder-decoder.</summary>
    public int? SourceEnd { get; init; }

    /// <summary>The padding token.</summary>
    public int? Padding { get; init; }

    /// <summary>The token that replaces one to be predicted.</summary>
    public int? Mask { get; init; }

    /// <summary>The names of the classes, in the order of the logits.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>How an image becomes <c>pixel_values</c>.</summary>
    public ImageTransform? Image { get; init; }

    /// <summary>The input and the output of a series model.</summary>
    public OnnxSeriesInput? Series { get; init; }

    /// <summary>How a recording becomes <c>input_values</c>.</summary>
    public OnnxSoundInput? Sound { get; init; }
}

/// <summary>The input and the output of a series model.</summary>
/// <param name="Context">The steps L that it sees.</param>
/// <param name="Horizon">The steps H that it forecasts; null for a classifier.</param>
/// <param name="Quantiles">The probabilities of the quantiles, in the order of the output; null for a classifier.</param>
public sealed record OnnxSeriesInput(int Context, int? Horizon = null, IReadOnlyList<double>? Quantiles = null);

/// <summary>The settings of the log-mel spectrogram that an audio model reads; docs/onnx.md has the steps.</summary>
/// <param name="Rate">Samples per second of a recording.</param>
/// <param name="Samples">The number of samples in the network's input.</param>
/// <param name="Mels">Bands M of a frame.</param>
/// <param name="Hop">Samples from one frame to the next.</param>
/// <param name="Window">Samples of a frame's window.</param>
/// <param name="Fft">Samples of its Fourier transform.</param>
/// <param name="Lowest">Where the lowest band begins, in Hz.</param>
/// <param name="Highest">Where the highest band ends, in Hz.</param>
/// <param name="Floor">What is added to a band's power before the logarithm.</param>
/// <param name="Mean">The mean of spectrograms, which is subtracted.</param>
/// <param name="Std">Their standard deviation, by which the difference is divided.</param>
public sealed record OnnxSoundInput(int Rate, int Samples, int Mels, int Hop, int Window, int Fft, double Lowest, double Highest, double Floor, double Mean, double Std)
{
    internal static OnnxSoundInput Of(SoundInput input) =>
        new(LogMel.Rate, input.Samples, input.Mels, LogMel.Hop, LogMel.Window, LogMel.Fft, LogMel.Lowest, LogMel.Highest, LogMel.Floor, input.Mean, input.Std);
}

/// <summary>Writes graphs and the files that belong to them to a folder.</summary>
static class OnnxExport
{
    // Smaller tensors stay inside: many are sizes, which readers want to see.
    const int LeastBeside = 256;

    const string WeightsFile = "weights.bin";

    // Tensors start at multiples of this, so that readers can map them into memory.
    const int Alignment = 4096;

    /// <summary>The weights of a model in the requested type.</summary>
    /// <exception cref="UserException">Graphs do not support the type.</exception>
    public static OnnxWeights WeightsOf(torch.nn.Module model, ExportRequest request) => new(model, request.TypeAmong(ExportType.F32, ExportType.Int8) == ExportType.Int8);

    /// <summary>Writes the folder: graphs, weights, tokenizers and the description.</summary>
    /// <param name="request">The output folder and the type of weights.</param>
    /// <param name="weights">The weights that the graphs were made from.</param>
    /// <param name="description">What else a program needs to know.</param>
    /// <param name="graphs">The graphs with their file names.</param>
    /// <exception cref="UserException">The output cannot be written.</exception>
    public static ExportResult Write(TrainedRun run, ExportRequest request, OnnxWeights weights, OnnxDescription description, params IReadOnlyList<(string File, OnnxGraph Graph)> graphs)
    {
        if (weights.Unused.ToList() is { Count: > 0 } left) throw new InvalidOperationException($"the graph leaves out the weights {string.Join(", ", left.Take(5))}");
        var tensors = graphs.SelectMany(one => one.Graph.Initializers).ToHashSet<TensorProto>(ReferenceEqualityComparer.Instance);
        var bytes = tensors.Sum(weights.BytesOf);
        if (request.WeightsBeside == false && bytes > request.MostInside)
            throw new UserException($"the weights of {bytes:N0} bytes are too large for --weights inside: a graph's file can have at most {request.MostInside:N0} bytes of them", "leave it out, or use --weights beside");
        using var folder = new ExportFolder(request.Output);
        if (request.WeightsBeside ?? bytes > request.MostInside) MoveBeside(folder, weights, tensors);
        foreach (var (file, graph) in graphs) folder.Write(file, stream => graph.ToModel().WriteTo(stream));
        foreach (var name in TokenizerPair.SourceNames.Concat(TokenizerPair.TargetNames).Where(run.Checkpoint.Has)) folder.Write(name, run.Checkpoint.ReadBytes(name));
        var complete = description with
        {
            Graphs = [.. graphs.Select(one => one.File)], Weights = weights.Quantized ? "int8" : "f32",
            Tokenizer = TokenizerPair.SourceNames.FirstOrDefault(run.Checkpoint.Has), TargetTokenizer = TokenizerPair.TargetNames.FirstOrDefault(run.Checkpoint.Has),
        };
        folder.Write(OnnxDescription.FileName, JsonSerializer.SerializeToUtf8Bytes(complete, Indented));
        return folder.Commit($"onnx, opset {OnnxGraph.Opset}", []);
    }

    static readonly JsonSerializerOptions Indented = new(JsonStyle.Indented) { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) } };

    // Each tensor once, whichever graphs use it.
    static void MoveBeside(ExportFolder folder, OnnxWeights weights, IEnumerable<TensorProto> tensors) => folder.Write(WeightsFile, stream =>
    {
        long at = 0;
        foreach (var tensor in tensors.Where(tensor => weights.BytesOf(tensor) >= LeastBeside))
        {
            var (padding, bytes) = ((Alignment - at % Alignment) % Alignment, weights.BytesOf(tensor));
            stream.Write(new byte[padding]);
            weights.WriteTo(stream, tensor);
            at += padding;
            tensor.DataLocation = TensorProto.Types.DataLocation.External;
            foreach (var (key, value) in new[] { ("location", WeightsFile), ("offset", Text(at)), ("length", Text(bytes)) })
                tensor.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });
            at += bytes;
            tensor.ClearRawData();
        }
    });

    static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
