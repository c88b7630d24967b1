using System.Numerics.Tensors;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Transformers.Configs;
using Transformers.Decoding;
using Transformers.Interchange.Onnx;
using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>Greedy generation from the same initial weights, by this program's decoders and by ONNX Runtime with an exported graph.</summary>
static class OnnxGeneration
{
    static readonly RunOptions Options = new();

    /// <summary>Continues one token up to the context.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="prompts">Rows at once.</param>
    /// <param name="quantized">Whether matrices have 8 bits.</param>
    /// <param name="runtime">Whether ONNX Runtime computes.</param>
    internal static Measured Continue(GptConfig shape, int prompts, bool quantized, bool runtime)
    {
        using var generator = new Generator(1);
        using var model = new Gpt(shape, RowShapes.Characters, generator);
        model.eval();
        var parameters = model.parameters().Sum(parameter => parameter.numel());
        int[] start = [.. Enumerable.Repeat(1, prompts)];
        if (!runtime)
        {
            using var inference = inference_mode();
            using var decoder = new LanguageDecoder(model, CPU, new DecoderFormat(Precision.Fp32, quantized));
            return Measured.Of(prompts * (shape.Context - 1), Measured.Time(() => Loop(decoder.Start(prompts), start, shape.Context - 1), warm: 1, least: 3), parameters);
        }
        using var session = Open(OnnxGpt.Build(shape, RowShapes.Characters, new OnnxWeights(model, quantized)));
        return Measured.Of(prompts * (shape.Context - 1), Measured.Time(() =>
        {
            using var cache = new Cache();
            cache.AddEmpty(session, prompts);
            Loop(session, cache, start, shape.Context - 1);
        }, warm: 1, least: 3), parameters);
    }

    /// <summary>Translates sources of 32 tokens, each into 32 tokens.</summary>
    internal static Measured Translate(Seq2SeqConfig shape, int rows, bool quantized, bool runtime)
    {
        using var generator = new Generator(1);
        using var model = new Seq2Seq(shape, RowShapes.Vocabulary, RowShapes.Vocabulary, shared: true, generator);
        model.eval();
        var parameters = model.parameters().Sum(parameter => parameter.numel());
        var random = new Random(1);
        int[][] sources = [.. Enumerable.Range(0, rows).Select(_ => Enumerable.Range(0, RowShapes.Length).Select(_ => random.Next(3, RowShapes.Vocabulary)).ToArray())];
        int[] start = [.. Enumerable.Repeat(1, rows)];
        if (!runtime)
        {
            using var inference = inference_mode();
            using var decoder = new TargetDecoder(model, CPU, new DecoderFormat(Precision.Fp32, quantized));
            return Measured.Of(rows * RowShapes.Length, Measured.Time(() => Loop(decoder.Start(sources), start, RowShapes.Length), warm: 1, least: 3), parameters);
        }
        var weights = new OnnxWeights(model, quantized);
        using var reader = Open(OnnxSeq2Seq.BuildEncoder(shape, weights));
        using var writer = Open(OnnxSeq2Seq.BuildDecoder(shape, RowShapes.Vocabulary, weights));
        long[] ids = [.. sources.SelectMany(source => source).Select(id => (long)id)], seen = [.. ids.Select(_ => 1L)];
        return Measured.Of(rows * RowShapes.Length, Measured.Time(() =>
        {
            using var cache = new Cache();
            cache.Set("input_ids", OrtValue.CreateTensorValueFromMemory(ids, [rows, RowShapes.Length]));
            cache.Set("attention_mask", OrtValue.CreateTensorValueFromMemory(seen, [rows, RowShapes.Length]));
            cache.Run(reader);
            cache.Set("encoder_attention_mask", OrtValue.CreateTensorValueFromMemory(seen, [rows, RowShapes.Length]));
            cache.AddEmpty(writer, rows);
            Loop(writer, cache, start, RowShapes.Length);
        }, warm: 1, least: 3), parameters);
    }

    // One thread per logical processor, as in the program.
    static InferenceSession Open(OnnxGraph graph) => new(graph.ToModel().ToByteArray(), new SessionOptions { IntraOpNumThreads = Environment.ProcessorCount, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR });

    static void Loop(IDecoding decoding, int[] read, int steps)
    {
        using var own = decoding;
        for (var step = 0; step < steps; step++)
        {
            using var scope = NewDisposeScope();
            read = [.. decoding.Read(read, read.Length).argmax(1).data<long>().Select(id => (int)id)];
        }
    }

    static void Loop(InferenceSession session, Cache cache, int[] read, int steps)
    {
        for (var step = 0; step < steps; step++)
        {
            cache.Set("input_ids", OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(read, id => (long)id), [read.Length, 1]));
            var logits = cache.Run(session)!.GetTensorDataAsSpan<float>();
            var width = logits.Length / read.Length;
            for (var row = 0; row < read.Length; row++) read[row] = TensorPrimitives.IndexOfMax(logits.Slice(row * width, width));
        }
    }

    /// <summary>Inputs by name, which the outputs of a pass replace.</summary>
    sealed class Cache : IDisposable
    {
        readonly Dictionary<string, OrtValue> held = [];

        internal void Set(string name, OrtValue value)
        {
            if (held.Remove(name, out var old)) old.Dispose();
            held[name] = value;
        }

        internal void AddEmpty(InferenceSession session, long rows)
        {
            foreach (var (name, input) in session.InputMetadata)
                if (name.StartsWith("past_key_values.", StringComparison.Ordinal) && input.SymbolicDimensions[2] == "past")
                    Set(name, OrtValue.CreateTensorValueFromMemory(Array.Empty<float>(), [rows, input.Dimensions[1], 0, input.Dimensions[3]]));
        }

        internal OrtValue? Run(InferenceSession session)
        {
            var outputs = session.Run(Options, session.InputNames, [.. session.InputNames.Select(name => held[name])], session.OutputNames);
            for (var i = 0; i < outputs.Count; i++)
                Set(session.OutputNames[i].Replace("present.", "past_key_values.", StringComparison.Ordinal), outputs[i]);
            return held.GetValueOrDefault("logits");
        }

        public void Dispose()
        {
            foreach (var value in held.Values) value.Dispose();
        }
    }
}
