using System.Runtime.InteropServices;
using System.Text;

namespace Transformers.IO;

/// <summary>Writes rows of numbers as NumPy's <c>.npy</c>, version 1.0; the number of rows need not be known before.</summary>
public sealed class NpyWriter : IDisposable
{
    // Room for the longest shape, so that the header can be written again at the end.
    const int HeaderLength = 128;

    readonly Stream stream;
    readonly string type;
    readonly int width;

    /// <summary>Starts a file.</summary>
    /// <param name="path">The file; it is replaced.</param>
    /// <param name="width">Numbers per row; 0 for a plain list of whole numbers.</param>
    /// <exception cref="UserException">It cannot be written.</exception>
    public NpyWriter(string path, int width)
    {
        (this.width, type) = (width, width == 0 ? "<i8" : "<f4");
        try
        {
            stream = new FileStream(path, FileMode.Create, FileAccess.Write);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([new Problem($"cannot be written: {exception.Message}", path)], exception);
        }
        WriteHeader();
    }

    /// <summary>The rows written.</summary>
    public long Rows { get; private set; }

    /// <summary>Adds a row of 32-bit floats.</summary>
    public void Add(ReadOnlySpan<float> row)
    {
        if (row.Length != width) throw new ArgumentException($"a row has {width} numbers, not {row.Length}", nameof(row));
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("rows are written as they are in memory");
        stream.Write(MemoryMarshal.AsBytes(row));
        Rows++;
    }

    /// <summary>Adds a whole number to a plain list.</summary>
    public void Add(long number)
    {
        if (width != 0) throw new InvalidOperationException("the file holds rows of floats");
        stream.Write(BitConverter.GetBytes(number));
        Rows++;
    }

    void WriteHeader()
    {
        var shape = width == 0 ? $"({Rows},)" : $"({Rows}, {width})";
        var text = $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}".PadRight(HeaderLength - 11) + "\n";
        stream.Position = 0;
        stream.Write([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, (byte)text.Length, (byte)(text.Length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(text));
    }

    /// <summary>Writes the number of rows and closes the file.</summary>
    public void Dispose()
    {
        WriteHeader();
        stream.Dispose();
    }
}
