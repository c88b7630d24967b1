using System.Buffers;
using System.Text.Encodings.Web;
using static TorchSharp.torch;

namespace Transformers.Checkpoints;

/// <summary>Writes safetensors files, one tensor at a time; the header is padded with spaces so that the first begins at a multiple of 8.</summary>
public static class SafetensorsWriter
{
    static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Writes a file durably: after a crash, either the old or the new one is complete.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="tensors">The tensors; names must differ.</param>
    /// <param name="metadata">Free metadata, if any.</param>
    /// <exception cref="SafetensorsException">A name, shape or byte count breaks a rule; the old file is untouched.</exception>
    /// <exception cref="IOException">The disk is full, …; the old file is untouched.</exception>
    public static WrittenFile Write(string path, IReadOnlyList<TensorBytes> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        DurableFile.Write(path, stream => WriteTo(stream, tensors, metadata, path));

    /// <summary>Writes the bytes of a file to a stream.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="tensors">The tensors; names must differ.</param>
    /// <param name="metadata">Free metadata, if any.</param>
    /// <param name="file">The file's name, for messages.</param>
    /// <exception cref="SafetensorsException">A name, shape or byte count breaks a rule.</exception>
    public static void WriteTo(Stream stream, IReadOnlyList<TensorBytes> tensors, IReadOnlyDictionary<string, string>? metadata = null, string file = "safetensors")
    {
        // The reference's order, wide elements first and then by name: every tensor is aligned, and equal contents give equal files.
        IReadOnlyList<TensorBytes> ordered = [.. tensors.OrderByDescending(t => t.Dtype.Bits()).ThenBy(t => t.Name, StringComparer.Ordinal)];
        var sizes = new long[ordered.Count];
        var header = Header(ordered, metadata, sizes, file);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        for (var i = 0; i < sizes.Length; i++)
        {
            var counted = new ExactStream(stream, sizes[i], file, ordered[i].Name);
            ordered[i].WriteTo(counted);
            counted.Finish();
        }
    }

    static byte[] Header(IReadOnlyList<TensorBytes> tensors, IReadOnlyDictionary<string, string>? metadata, long[] sizes, string file)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 }) WriteMetadata(json, metadata, file);
            long end = 0;
            for (var i = 0; i < tensors.Count; i++)
            {
                var t = tensors[i];
                if (t.Name == SafetensorsHeader.MetadataKey) throw new SafetensorsException(SafetensorsError.InvalidName, file, t.Name, "the format reserves this name for metadata");
                if (!names.Add(t.Name)) throw new SafetensorsException(SafetensorsError.InvalidName, file, t.Name, "the name is given twice");
                if (t.Shape.Count > SafetensorsHeaderParser.LongestShape) throw new SafetensorsException(SafetensorsError.TensorInvalidInfo, file, t.Name, $"the shape must have at most {SafetensorsHeaderParser.LongestShape} sizes");
                var begin = end;
                sizes[i] = SafetensorsTensor.BytesOf(t.Dtype, t.Shape, file, t.Name);
                if (sizes[i] > long.MaxValue - begin) throw new SafetensorsException(SafetensorsError.ValidationOverflow, file, t.Name, "the tensors together have more bytes than fit in 64 bits");
                end += sizes[i];
                json.WriteStartObject(Encodable(t.Name, file));
                json.WriteString("dtype", t.Dtype.ToString());
                json.WriteStartArray("shape");
                foreach (var size in t.Shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(begin);
                json.WriteNumberValue(end);
                json.WriteEndArray();
                json.WriteEndObject();
                if (json.BytesCommitted + json.BytesPending > SafetensorsHeader.LongestHeader) throw TooLarge(file);
            }
            json.WriteEndObject();
        }
        var padded = new byte[(buffer.WrittenCount + 7) & ~7];
        if (padded.Length > SafetensorsHeader.LongestHeader) throw TooLarge(file);
        padded.AsSpan(buffer.WrittenCount).Fill((byte)' ');
        buffer.WrittenSpan.CopyTo(padded);
        return padded;
    }

    static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string> metadata, string file)
    {
        json.WriteStartObject(SafetensorsHeader.MetadataKey);
        foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal)) json.WriteString(Encodable(key, file), Encodable(value, file));
        json.WriteEndObject();
    }

    /// <summary>Refuses a lone surrogate, which the JSON writer would silently replace: two names could become one.</summary>
    static string Encodable(string text, string file)
    {
        try
        {
            Strict.GetByteCount(text);
            return text;
        }
        catch (EncoderFallbackException e)
        {
            throw new SafetensorsException(SafetensorsError.InvalidName, file, null, $"{MessageText.Quote(text)} contains a lone surrogate, which UTF-8 cannot represent", e);
        }
    }

    static SafetensorsException TooLarge(string file) =>
        new(SafetensorsError.HeaderTooLarge, file, null, $"the header needs more than the allowed {SafetensorsHeader.LongestHeader} bytes");

    /// <summary>Passes through exactly this many bytes.</summary>
    sealed class ExactStream(Stream inner, long size, string file, string tensor) : WriteOnlyStream
    {
        long written;

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (buffer.Length > size - written) throw Wrong("at least " + (written + buffer.Length));
            inner.Write(buffer);
            written += buffer.Length;
        }

        public void Finish()
        {
            if (written != size) throw Wrong(written.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }

        SafetensorsException Wrong(string count) => new(SafetensorsError.WrongByteCount, file, tensor, $"its source gave {count} bytes, but type and shape need {size}");

        private protected override long Count => written;
    }
}

/// <summary>Large tensors, read a piece at a time.</summary>
static class TensorPieces
{
    // A multiple of the block size of every quantized format.
    const long PieceLength = 1 << 24;

    /// <summary>A tensor as one-dimensional pieces, contiguous and on the CPU, each small enough for a span (2 GiB).</summary>
    /// <param name="tensor">The tensor. Each piece is valid only until the next one is requested.</param>
    internal static IEnumerable<Tensor> Of(Tensor tensor)
    {
        using var near = tensor.detach().cpu();
        using var dense = near.contiguous();
        using var flat = dense.view(-1);
        for (long at = 0, all = flat.numel(); at < all; at += PieceLength)
        {
            using var piece = flat.narrow(0, at, Math.Min(PieceLength, all - at));
            yield return piece;
        }
    }

    /// <summary>Writes a tensor's bytes in row-major order; there may be more than 2 GiB of them.</summary>
    internal static void WriteTo(this Tensor tensor, Stream stream)
    {
        foreach (var piece in Of(tensor)) stream.Write(piece.bytes);
    }

    /// <summary>Whether all numbers are finite; needs memory for only one piece at a time.</summary>
    internal static bool IsFinite(this Tensor tensor)
    {
        foreach (var piece in Of(tensor))
        {
            using var scope = NewDisposeScope();
            if (!piece.isfinite().all().item<bool>()) return false;
        }
        return true;
    }
}
