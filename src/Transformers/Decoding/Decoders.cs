using TorchSharp;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Decoding;

/// <summary>Rows of tokens being decoded, with the keys and values of those that were read.</summary>
public interface IDecoding : IDisposable
{
    /// <summary>The number of tokens that each row has read.</summary>
    long Length { get; }

    /// <summary>Reads the next tokens of each row.</summary>
    /// <param name="ids">[B, T] as one list, row by row.</param>
    /// <param name="rows">The number of rows B.</param>
    /// <returns>The logits after each row's last token, [B, V], 32-bit floats: on the model's device for a language model, on the CPU for an encoder-decoder.</returns>
    Tensor Read(ReadOnlySpan<int> ids, int rows);

    /// <summary>Keeps rows, in a new order; a row may be taken several times.</summary>
    void Select(ReadOnlySpan<int> rows);
}

/// <summary>A language model read through its own layers, on any device.</summary>
sealed class LayeredDecoding(ILanguageModel model, Device device) : IDecoding
{
    readonly KeyValueCache cache = model.NewCache();

    public long Length => cache.Length;

    public Tensor Read(ReadOnlySpan<int> ids, int rows)
    {
        var input = tensor(ids.ToArray(), [rows, ids.Length / rows], ScalarType.Int64, device);            // [B, T]
        return model.Logits(model.Hidden(input, cache)[.., -1]).to(ScalarType.Float32);                  // [B, V]
    }

    public void Select(ReadOnlySpan<int> rows)
    {
        using var chosen = tensor(rows.ToArray(), ScalarType.Int64, device);
        cache.Select(chosen);
    }

    public void Dispose() => cache.Dispose();
}

/// <summary>The decoder of an encoder-decoder read through its own layers, on any device.</summary>
/// <param name="memory">The encoder's output for each row's source, [B, S, D].</param>
/// <param name="mask">Hides the sources' padding.</param>
/// <param name="device">Where the model is.</param>
sealed class LayeredTargetDecoding(Seq2Seq model, Tensor memory, PaddingMask? mask, Device device) : IDecoding
{
    readonly DecoderCache cache = model.NewCache();
    PaddingMask? mask = mask;

    public long Length => cache.Length;

    public Tensor Read(ReadOnlySpan<int> ids, int rows)
    {
        var input = tensor(ids.ToArray(), [rows, ids.Length / rows], ScalarType.Int64, device);            // [B, T]
        var hidden = model.Decode(input, cache.Length == 0 ? memory : null, mask, cache);                // [B, T, D]
        return model.Logits(hidden[.., -1]).to(ScalarType.Float32).cpu();                               // [B, V]
    }

    public void Select(ReadOnlySpan<int> rows)
    {
        using var chosen = tensor(rows.ToArray(), ScalarType.Int64, device);
        cache.Select(chosen);
        mask = mask?.Select(chosen).MoveToOuterDisposeScope();
    }

    public void Dispose() => cache.Dispose();
}

/// <summary>A language model prepared for generation: with packed weights if there are kernels for them, otherwise as it is.</summary>
/// <remarks>Packed weights are copies: create a new decoder when the model has changed.</remarks>
public sealed class LanguageDecoder : IDisposable
{
    readonly ILanguageModel model;
    readonly Device device;
    readonly PackedDecoder? packed;

    /// <summary>Prepares a model.</summary>
    /// <param name="model">The model, in evaluation mode.</param>
    /// <param name="device">Where it is.</param>
    /// <param name="format">The number format.</param>
    /// <exception cref="UserException">8 bits are requested, but there are no kernels for them.</exception>
    public LanguageDecoder(ILanguageModel model, Device device, DecoderFormat format)
    {
        (this.model, this.device) = (model, device);
        packed = Decoders.CanPack(device, format) && model is Gpt gpt ? PackedDecoder.Of(gpt, format) : null;
    }

    /// <summary>Starts decoding rows of tokens.</summary>
    public IDecoding Start(int rows) => packed is null ? new LayeredDecoding(model, device) : new PackedDecoding(packed, rows);

    /// <summary>The sum of the cross entropies of rows that start from scratch, through packed weights.</summary>
    /// <param name="ids">[B, T] as one list, row by row.</param>
    /// <param name="targets">[B, T], the next token of each; -100 where it does not count.</param>
    /// <param name="rows">The number of rows B.</param>
    /// <returns>The sum in nats.</returns>
    /// <exception cref="InvalidOperationException">There are no packed weights.</exception>
    public double LossOf(ReadOnlySpan<int> ids, ReadOnlySpan<long> targets, int rows)
    {
        using var decoding = new PackedDecoding(packed ?? throw Decoders.NotPacked, rows);
        return decoding.Loss(ids, targets, rows);
    }

    /// <summary>Frees the packed weights.</summary>
    public void Dispose() => packed?.Dispose();
}

/// <summary>An encoder-decoder prepared for generation, like a <see cref="LanguageDecoder"/>.</summary>
public sealed class TargetDecoder : IDisposable
{
    readonly Seq2Seq model;
    readonly Device device;
    readonly PackedDecoder? packed;

    /// <summary>Prepares a model.</summary>
    /// <param name="model">The model, in evaluation mode.</param>
    /// <param name="device">Where it is.</param>
    /// <param name="format">The number format.</param>
    /// <exception cref="UserException">8 bits are requested, but there are no kernels for them.</exception>
    public TargetDecoder(Seq2Seq model, Device device, DecoderFormat format)
    {
        (this.model, this.device) = (model, device);
        packed = Decoders.CanPack(device, format) ? PackedDecoder.Of(model, format) : null;
    }

    /// <summary>The maximum number of tokens on each side.</summary>
    public int Context => model.Context;

    /// <summary>Encodes sources; each becomes a row with an empty target.</summary>
    /// <param name="sources">Source tokens with their end.</param>
    public IDecoding Start(IReadOnlyList<int[]> sources)
    {
        var (B, S) = (sources.Count, sources.Max(ids => ids.Length));
        var padded = new long[B * S];
        for (var row = 0; row < B; row++)
            for (var i = 0; i < sources[row].Length; i++) padded[row * S + i] = sources[row][i];
        return Start(padded, [.. sources.Select(ids => ids.Length)]);
    }

    // Padded sources, [B, S], and their lengths.
    IDecoding Start(long[] padded, int[] lengths)
    {
        using var scope = NewDisposeScope();
        var (B, S) = (lengths.Length, padded.Length / lengths.Length);
        var mask = PaddingMask.Of(lengths, S, device);
        var memory = model.Encode(tensor(padded, [B, S], device: device), mask);                       // [B, S, D]
        if (packed is not null) return new PackedDecoding(packed, B, packed.Read(memory, Array.ConvertAll(lengths, length => (long)length)));
        return new LayeredTargetDecoding(model, memory.MoveToOuterDisposeScope(), mask?.MoveToOuterDisposeScope(), device);
    }

    /// <summary>The sum of the cross entropies of targets, through packed weights.</summary>
    /// <param name="sources">[B, S], padded.</param>
    /// <param name="lengths">The tokens of each source.</param>
    /// <param name="ids">[B, T], the decoder's input.</param>
    /// <param name="targets">[B, T], the next token of each; -100 where it does not count.</param>
    /// <returns>The sum in nats.</returns>
    /// <exception cref="InvalidOperationException">There are no packed weights.</exception>
    public double LossOf(long[] sources, int[] lengths, ReadOnlySpan<int> ids, ReadOnlySpan<long> targets)
    {
        if (packed is null) throw Decoders.NotPacked;
        using var decoding = (PackedDecoding)Start(sources, lengths);
        return decoding.Loss(ids, targets, lengths.Length);
    }

    /// <summary>Frees the packed weights.</summary>
    public void Dispose() => packed?.Dispose();
}

static class Decoders
{
    internal static InvalidOperationException NotPacked => new("there are no packed weights on this device");

    /// <summary>Whether a decoder can be packed.</summary>
    /// <exception cref="UserException">Packing is required but not possible.</exception>
    internal static bool CanPack(Device device, DecoderFormat format)
    {
        var can = device.type == DeviceType.CPU && KernelLibrary.IsAvailable;
        if (format.Quantized && !can)
            throw new UserException($"--quantize int8 works on the CPU only, with the kernels: {(device.type == DeviceType.CPU ? KernelLibrary.Reason?.Message : $"this is {device}")}",
                device.type == DeviceType.CPU ? $"{KernelLibrary.Reason?.Hint}; or leave --quantize out" : "leave --quantize out, or use --device cpu");
        return can;
    }
}
