using System.Buffers.Binary;
using Transformers.IO;

namespace Transformers.Runs.TensorBoard;

/// <summary>Writes one of TensorBoard's event files.</summary>
/// <remarks>
/// A record is its length in 8 bytes, that length's masked CRC-32C, the data, and the data's masked CRC-32C, all little-endian
/// (TFRecord). Each record goes to the operating system in one call, so a reader of a run under way sees whole ones.
/// </remarks>
public sealed class EventWriter : IDisposable
{
    static int files;
    readonly FileStream file;

    /// <summary>Starts a new file; earlier ones of the folder stay, and readers drop what they hold after the given step.</summary>
    /// <param name="folder">The folder; it is made if need be.</param>
    /// <param name="resumedStep">The step that the run goes on from; 0 for a new one.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be written.</exception>
    public EventWriter(string folder, long resumedStep = 0)
    {
        FileSizeLimit.ReportAsError();
        Directory.CreateDirectory(folder);
        // Readers take a folder's files in the order of their names: the time comes first, then what tells two of one second apart.
        var name = FormattableString.Invariant($"events.out.tfevents.{DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000:D10}.{Interlocked.Increment(ref files):D4}.{Environment.ProcessId}.transformer");
        Path = System.IO.Path.Combine(folder, name);
        file = new FileStream(Path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        Write(EventMessages.FileVersion(Now));
        if (resumedStep > 0) Write(EventMessages.SessionStart(Now, resumedStep + 1));
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Writes numbers; those that are not finite too, which TensorBoard marks.</summary>
    /// <param name="step">The optimizer step.</param>
    /// <param name="values">Tag and number, such as <c>loss/train</c>.</param>
    /// <exception cref="IOException">The disk is full, ….</exception>
    public void AddScalars(long step, IEnumerable<(string Tag, double Value)> values) => Write(EventMessages.Scalars(Now, step, values));

    /// <summary>Writes a text.</summary>
    /// <param name="step">The optimizer step.</param>
    /// <param name="tag">Its tag.</param>
    /// <param name="text">Markdown.</param>
    /// <exception cref="IOException">The disk is full, ….</exception>
    public void AddText(long step, string tag, string text) => Write(EventMessages.Text(Now, step, tag, text));

    /// <summary>Writes how values are distributed.</summary>
    /// <param name="step">The optimizer step.</param>
    /// <param name="tag">Their tag.</param>
    /// <param name="histogram">The distribution.</param>
    /// <exception cref="IOException">The disk is full, ….</exception>
    public void AddHistogram(long step, string tag, Histogram histogram) => Write(EventMessages.Histogram(Now, step, tag, histogram));

    /// <summary>Writes a picture.</summary>
    /// <param name="step">The optimizer step.</param>
    /// <param name="tag">Its tag.</param>
    /// <param name="width">Pixels a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="png">The bytes of a PNG file of red, green and blue.</param>
    /// <exception cref="IOException">The disk is full, ….</exception>
    public void AddImage(long step, string tag, int width, int height, byte[] png) => Write(EventMessages.Image(Now, step, tag, width, height, png));

    static double Now => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0;

    void Write(byte[] data)
    {
        var record = new byte[8 + 4 + data.Length + 4];
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), Masked(record.AsSpan(0, 8)));
        data.CopyTo(record, 12);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(12 + data.Length), Masked(data));
        FileSizeLimit.Write(file, record);
    }

    // Masked because the checksum of data that hold their own checksum is weak.
    static uint Masked(ReadOnlySpan<byte> data)
    {
        var crc = Crc32C.Of(data);
        return (crc >> 15 | crc << 17) + 0xa282ead8;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();
}
