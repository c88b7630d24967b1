using System.Runtime.InteropServices;
using System.Text;

namespace Transformers.IO;

/// <summary>Writes rows of numbers as NumPy's <c>.npy</c>, version 1.0; the number of rows need not be known in advance.</summary>
public sealed class NpyWriter : IDisposable
{
    // Enough for the longest shape, so that the header can be rewritten at the end.
    const int HeaderLength = 128;

    readonly Stream stream;
    readonly string path, type;
    readonly int width;
    bool failed;

    /// <summary>Starts a file.</summary>
    /// <param name="path">The file; it is replaced, and its folder is created if necessary.</param>
    /// <param name="width">Numbers per row; 0 for a plain list of whole numbers.</param>
    /// <exception cref="UserException">It cannot be written.</exception>
    public NpyWriter(string path, int width)
    {
        (this.path, this.width, type) = (path, width, width == 0 ? "<i8" : "<f4");
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            stream = new FileStream(path, FileMode.Create, FileAccess.Write);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Refused(path, exception);
        }
        Writes(WriteHeader);
    }

    /// <summary>The rows written.</summary>
    public long Rows { get; private set; }

    /// <summary>Adds a row of 32-bit floats.</summary>
    public void Add(ReadOnlySpan<float> row)
    {
        if (row.Length != width) throw new ArgumentException($"a row has {width} numbers, not {row.Length}", nameof(row));
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("rows are written as they are in memory");
        try
        {
            stream.Write(MemoryMarshal.AsBytes(row));
        }
        catch (IOException exception)
        {
            failed = true;
            throw Refused(path, exception);
        }
        Rows++;
    }

    /// <summary>Adds a whole number to a plain list.</summary>
    public void Add(long number)
    {
        if (width != 0) throw new InvalidOperationException("the file holds rows of floats");
        Writes(() => stream.Write(BitConverter.GetBytes(number)));
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

    void Writes(Action write)
    {
        try
        {
            write();
        }
        catch (IOException exception)
        {
            failed = true;
            throw Refused(path, exception);
        }
    }

    static UserException Refused(string path, Exception exception) => new([new Problem($"cannot be written: {InputFile.ReasonOf(exception)}", path)], exception);

    /// <summary>Writes the number of rows and closes the file. A file that could not be written whole is deleted.</summary>
    /// <exception cref="UserException">The rest of the file cannot be written.</exception>
    public void Dispose()
    {
        try
        {
            if (!failed) Writes(WriteHeader);
            // This writes what is left in the buffer.
            if (!failed) Writes(stream.Dispose);
        }
        finally
        {
            if (failed) Abandon();
        }
    }

    void Abandon()
    {
        try
        {
            stream.Dispose();
        }
        catch (IOException)
        {
            // The first failure has been reported.
        }
        // A device must not be deleted.
        if (!SpecialFile.IsAt(path)) File.Delete(path);
    }
}
