using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Transformers.Interchange.Onnx;
using static TorchSharp.torch;
using TensorElementType = Microsoft.ML.OnnxRuntime.Tensors.TensorElementType;

namespace Transformers.Tests.Interchange.Onnx;

/// <summary>A graph in ONNX Runtime: tensors of libtorch go in and come out.</summary>
sealed class OnnxSession : IDisposable
{
    static readonly RunOptions Options = new();

    readonly InferenceSession session;

    public OnnxSession(OnnxGraph graph) => session = new(graph.ToModel().ToByteArray(), Quiet());

    public OnnxSession(string path) => session = new(path, Quiet());

    // Without its warnings about nodes that it removes.
    static SessionOptions Quiet() => new() { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, IntraOpNumThreads = 1 };

    public IReadOnlyList<string> Inputs => session.InputNames;

    /// <summary>Runs the graph with numbers of the shapes that it declares: sizes that are not given are 2, and the cache is empty.</summary>
    public Dictionary<string, Tensor> RunOnAnything() => Run(session.InputMetadata.Select(input =>
    {
        long[] shape = [.. input.Value.Dimensions.Select((size, axis) => size >= 0 ? size : input.Value.SymbolicDimensions[axis] == "past" ? 0L : 2L)];
        // 1 is a token in a mask, and there is one in every vocabulary.
        return (input.Key, input.Value.ElementDataType == TensorElementType.Int64 ? ones(shape, dtype: ScalarType.Int64) : rand(shape, dtype: input.Value.ElementDataType == TensorElementType.Double ? ScalarType.Float64 : ScalarType.Float32));
    }));

    public Dictionary<string, Tensor> Run(IEnumerable<(string Name, Tensor Value)> inputs)
    {
        string[] names = [.. inputs.Select(input => input.Name)];
        OrtValue[] values = [.. inputs.Select(input => Of(input.Value))];
        using var outputs = session.Run(Options, names, values, session.OutputNames);
        var result = session.OutputNames.Zip(outputs, (name, output) => (name, Of(output))).ToDictionary(one => one.name, one => one.Item2);
        foreach (var value in values) value.Dispose();
        return result;
    }

    public Dictionary<string, Tensor> Run(params (string Name, Tensor Value)[] inputs) => Run(inputs.AsEnumerable());

    static Tensor Of(OrtValue value)
    {
        var shape = value.GetTensorTypeAndShape();
        return shape.ElementDataType == TensorElementType.Double ? tensor(value.GetTensorDataAsSpan<double>().ToArray(), shape.Shape) : tensor(value.GetTensorDataAsSpan<float>().ToArray(), shape.Shape);
    }

    static OrtValue Of(Tensor value)
    {
        // TorchSharp cannot copy the numbers of a tensor that has none.
        if (value.NumberOfElements == 0) return OrtValue.CreateTensorValueFromMemory(Array.Empty<float>(), value.shape);
        using var dense = value.cpu().contiguous();
        return value.dtype switch
        {
            ScalarType.Int64 => OrtValue.CreateTensorValueFromMemory(dense.data<long>().ToArray(), value.shape),
            ScalarType.Float64 => OrtValue.CreateTensorValueFromMemory(dense.data<double>().ToArray(), value.shape),
            _ => OrtValue.CreateTensorValueFromMemory(dense.data<float>().ToArray(), value.shape),
        };
    }

    /// <summary>A cache without tokens, for all inputs that are named so.</summary>
    public Dictionary<string, Tensor> EmptyCache(long rows) => session.InputMetadata
        .Where(input => input.Key.StartsWith("past_key_values.", StringComparison.Ordinal) && input.Value.SymbolicDimensions[2] == "past")
        .ToDictionary(input => input.Key, input => zeros(rows, input.Value.Dimensions[1], 0, input.Value.Dimensions[3]));

    /// <summary>The cache of the next pass: what a pass gave out.</summary>
    public static void Keep(Dictionary<string, Tensor> cache, Dictionary<string, Tensor> outputs)
    {
        foreach (var (name, value) in outputs)
            if (name.StartsWith("present.", StringComparison.Ordinal)) cache["past_key_values." + name["present.".Length..]] = value;
    }

    public void Dispose() => session.Dispose();
}
