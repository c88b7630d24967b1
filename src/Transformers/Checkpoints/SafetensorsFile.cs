using System.IO.MemoryMappedFiles;

namespace Transformers.Checkpoints;

/// <summary>A safetensors file open for reading: its header checked, its tensors mapped into memory and read only when touched.</summary>
/// <remarks>Spans and addresses are valid until <see cref="Dispose"/>. A file must not be truncated while it is open: the operating system
/// ends a process that touches the missing part.</remarks>
public sealed unsafe class SafetensorsFile : IDisposable
{
    readonly MemoryMappedFile? map;
    readonly MemoryMappedViewAccessor? view;
    readonly byte* data;
    bool disposed;

    SafetensorsFile(string path, SafetensorsHeader header, MemoryMappedFile? map)
    {
        (Path, Header, this.map) = (path, header, map);
        if (map is null) return;
        view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref data);
        data += view.PointerOffset + header.DataStart;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Its tensors and metadata.</summary>
    public SafetensorsHeader Header { get; }

    /// <summary>The tensors, in the order of their bytes.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors => Header.Tensors;

    /// <summary>Opens a file and checks its header.</summary>
    /// <param name="path">The file.</param>
    /// <param name="adapt">Changes the header, such as the tensors' names; null for the file's own.</param>
    /// <exception cref="SafetensorsException">The file cannot be read or breaks a rule of the format.</exception>
    public static SafetensorsFile Open(string path, Func<SafetensorsHeader, SafetensorsHeader>? adapt = null)
    {
        try
        {
            // An empty file is not opened: it may be a pipe or a device, whose length is 0 and which could block forever.
            var info = new FileInfo(path);
            if (!info.Exists) throw new SafetensorsException(SafetensorsError.Unreadable, path, null, "the file does not exist");
            if (info.Length == 0) SafetensorsHeader.ReadLength([], 0, path);
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            var length = RandomAccess.GetLength(file);
            var header = ReadHeader(file, length, path);
            var hasData = length > header.DataStart;
            var map = hasData ? MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true) : null;
            return new(path, adapt is null ? header : adapt(header), map);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SafetensorsException(SafetensorsError.Unreadable, path, null, $"cannot be read: {InputFile.ReasonOf(e)}", e);
        }
    }

    static SafetensorsHeader ReadHeader(Microsoft.Win32.SafeHandles.SafeFileHandle file, long length, string path)
    {
        var start = new byte[Math.Min(length, 8)];
        ReadExactly(file, start, 0, path);
        var json = new byte[SafetensorsHeader.ReadLength(start, length, path)];
        ReadExactly(file, json, 8, path);
        return SafetensorsHeader.Parse(json, length, path);
    }

    static void ReadExactly(Microsoft.Win32.SafeHandles.SafeFileHandle file, Span<byte> buffer, long offset, string path)
    {
        while (!buffer.IsEmpty)
        {
            var count = RandomAccess.Read(file, buffer, offset);
            if (count == 0) throw new SafetensorsException(SafetensorsError.Unreadable, path, null, "was truncated while it was read");
            buffer = buffer[count..];
            offset += count;
        }
    }

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="SafetensorsException">There is none.</exception>
    public SafetensorsTensor this[string name] =>
        Header.TryFind(name, out var tensor) ? tensor : throw new SafetensorsException(SafetensorsError.TensorNotFound, Path, name, "is not in the file");

    /// <summary>Address of a tensor's first byte, row-major and little-endian, not necessarily aligned; valid for <see cref="SafetensorsTensor.ByteCount"/> bytes.</summary>
    public nint Address(SafetensorsTensor tensor)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (!Header.TryFind(tensor.Name, out var own) || !ReferenceEquals(own, tensor))
            throw new ArgumentException($"the tensor {tensor.Name} is not from the file {Path}", nameof(tensor));
        return (nint)(data + tensor.Begin);
    }

    /// <summary>A tensor's bytes, which must be less than 2 GiB.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are more: use <see cref="Address"/> or <see cref="CopyTo"/>.</exception>
    public ReadOnlySpan<byte> Span(SafetensorsTensor tensor)
    {
        var address = Address(tensor);
        if (tensor.ByteCount > int.MaxValue) throw new ArgumentOutOfRangeException(nameof(tensor), $"the tensor {tensor.Name} has {tensor.ByteCount} bytes, more than fit in a span");
        return new((void*)address, (int)tensor.ByteCount);
    }

    /// <summary>Copies a tensor's bytes, which may be more than 2 GiB, to an address with enough memory.</summary>
    public void CopyTo(SafetensorsTensor tensor, nint destination) =>
        Buffer.MemoryCopy((void*)Address(tensor), (void*)destination, tensor.ByteCount, tensor.ByteCount);

    /// <summary>Unmaps the file.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        view?.SafeMemoryMappedViewHandle.ReleasePointer();
        view?.Dispose();
        map?.Dispose();
    }
}

/// <summary>The names of tensors in checkpoints, and what older versions called them.</summary>
public static class TensorNames
{
    // Applied in this order.
    static readonly (Regex Old, string Current)[] Table =
    [
        Row(@"\battention\.packed\b", "attn.qkv"),
        Row(@"\battention\.output\b", "attn.proj"),
        Row(@"\bcrossAttention\.query\b", "cross_attn.q"),
        Row(@"\bcrossAttention\.keyValue\b", "cross_attn.kv"),
        Row(@"\bcrossAttention\.output\b", "cross_attn.proj"),
        Row(@"\battention\b", "attn"),
        Row(@"\bcrossAttention\b", "cross_attn"),
        Row(@"\bfeedForward\b", "mlp"),
        Row(@"\battentionResidual\.(norm|scale)\b", "${1}1"),
        Row(@"\bcrossAttentionResidual\.norm\b", "norm2"),
        Row(@"^(decoder\..+)\bfeedForwardResidual\.norm\b", "${1}norm3"),
        Row(@"\bfeedForwardResidual\.(norm|scale)\b", "${1}2"),
        Row(@"^(encoder\.)?tokens\b", "${1}tok_emb"),
        Row(@"^sourceTokens\b", "src_emb"),
        Row(@"^targetTokens\b", "tgt_emb"),
        Row(@"^encoderPositions\b", "src_positions"),
        Row(@"^decoderPositions\b", "tgt_positions"),
        Row(@"^((?:encoder\.|src_|tgt_)?)positions\.embedding\.weight\b", "${1}pos_emb.weight"),
        Row(@"^((?:encoder\.|src_|tgt_)?)positions\.table\.weight\b", "${1}pos_emb.table"),
        Row(@"^positions\.table\b", "pos_emb.weight"),
        Row(@"^positions\.class\b", "pos_emb.cls"),
        Row(@"^((?:encoder\.|src_|tgt_)?)positions\b", "${1}pos_emb"),
        Row(@"^(blocks\..+)\bpositions\.table\b", "${1}pos_bias.table"),
        Row(@"^patches\b", "patch_emb"),
        Row(@"^patchNorm\b", "patch_norm"),
        Row(@"^classToken\b", "cls_token"),
        Row(@"^encoderNorm\b", "encoder_norm"),
        Row(@"^decoderNorm\b", "decoder_norm"),
        Row(@"^output\b", "head"),
    ];

    static (Regex, string) Row(string old, string current) => (new Regex(old, RegexOptions.CultureInvariant), current);

    // Marks files with current names.
    const string Marker = "names";

    /// <summary>The metadata of files with current names.</summary>
    internal static IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string> { [Marker] = "2" };

    /// <summary>The header of a checkpoint's file, with current names.</summary>
    internal static SafetensorsHeader Adapt(SafetensorsHeader header) => header.Metadata.ContainsKey(Marker) ? header : header.Renamed(Current);

    /// <summary>The current name of a tensor, a part of a model, or a pattern of names.</summary>
    /// <param name="name">The name, current or of an older version.</param>
    public static string Current(string name)
    {
        foreach (var (old, current) in Table) name = old.Replace(name, current);
        return name;
    }
}
