namespace Transformers.IO;

/// <summary>Writes rows of numbers as NumPy's <c>.npy</c>, version 1.0; the number of rows need not be known in advance.</summary>
public sealed class NpyWriter : IDisposable
{
    // Enough for the longest shape, so that the header can be rewritten at the end.
    const int HeaderLength = 128;

    readonly PartialFile file;
    readonly string type;
    readonly int width;

    /// <summary>Starts a file.</summary>
    /// <param name="path">The file; it is replaced when the new one is complete, and its folder is created if necessary.</param>
    /// <param name="width">Numbers per row; 0 for a plain list of whole numbers.</param>
    /// <exception cref="UserException">It cannot be written.</exception>
    public NpyWriter(string path, int width)
    {
        (this.width, type) = (width, width == 0 ? "<i8" : "<f4");
        file = new PartialFile(path);
        try
        {
            if (!file.CanSeek) throw new UserException([new Problem("is a pipe, but a .npy file starts with its number of rows, which is known only at the end", path, Hint: "name a file, or write .jsonl")]);
            file.Write(WriteHeader);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The rows written.</summary>
    public long Rows { get; private set; }

    /// <summary>Adds a row of 32-bit floats.</summary>
    /// <exception cref="UserException">It cannot be written.</exception>
    public void Add(float[] row)
    {
        if (row.Length != width) throw new ArgumentException($"a row has {width} numbers, not {row.Length}", nameof(row));
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("rows are written as they are in memory");
        file.Write(stream => stream.Write(MemoryMarshal.AsBytes(row.AsSpan())));
        Rows++;
    }

    /// <summary>Adds a whole number to a plain list.</summary>
    /// <exception cref="UserException">It cannot be written.</exception>
    public void Add(long number)
    {
        if (width != 0) throw new InvalidOperationException("the file holds rows of floats");
        file.Write(stream => stream.Write(BitConverter.GetBytes(number)));
        Rows++;
    }

    void WriteHeader(Stream stream)
    {
        var shape = width == 0 ? $"({Rows},)" : $"({Rows}, {width})";
        var text = $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}".PadRight(HeaderLength - 11) + "\n";
        stream.Position = 0;
        stream.Write([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, (byte)text.Length, (byte)(text.Length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(text));
    }

    /// <summary>Writes the number of rows and gives the file its name.</summary>
    /// <exception cref="UserException">It cannot be written.</exception>
    public void Complete()
    {
        file.Write(WriteHeader);
        file.Complete();
    }

    /// <summary>Closes the file, and deletes it unless it is complete.</summary>
    public void Dispose() => file.Dispose();
}
