using System.IO.Compression;

namespace Transformers.IO;

/// <summary>Reads small files from outside: never more than a given size, and never from something that could block.</summary>
static class BoundedFile
{
    static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static byte[] ReadBytes(string path, int limit) => ReadStart(path, int.MaxValue, limit, out _);

    /// <summary>The first bytes of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="count">The maximum number of bytes to return.</param>
    /// <param name="limit">The maximum size of the whole file in bytes.</param>
    /// <param name="length">The size of the whole file in bytes.</param>
    public static byte[] ReadStart(string path, int count, int limit, out long length)
    {
        length = 0;
        try
        {
            // A pipe or a device has length 0, and opening one could block forever, so an empty file is not opened.
            var info = new FileInfo(path);
            if (!info.Exists) throw Error(path, Directory.Exists(path) ? "is a folder, not a file" : InputFile.Missing(path));
            if (SpecialFile.IsAt(path)) throw Error(path, $"{SpecialFile.What}, but a file is needed");
            if (info.Length == 0) return [];
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            length = file.Length;
            if (length > limit) throw Error(path, $"has {length} bytes; at most {limit} are read");
            var bytes = new byte[Math.Min(length, count)];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw Error(path, $"cannot be read: {InputFile.ReasonOf(e)}", e);
        }
    }

    /// <summary>A whole file's text, which must be UTF-8.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limit">Its maximum size in bytes.</param>
    public static string ReadText(string path, int limit)
    {
        try
        {
            return Strict.GetString(ReadBytes(path, limit));
        }
        catch (DecoderFallbackException e)
        {
            throw Error(path, $"is not UTF-8 (byte {e.Index})", e);
        }
    }

    static UserException Error(string path, string message, Exception? inner = null) => new([new Problem(message, File: path)], inner);
}

/// <summary>Opens files that may be compressed.</summary>
public static class InputFile
{
    // Without it, the runtime accepts a truncated compressed file as if it were complete. The program sets it in its runtimeconfig.json
    // too; this is for other programs that use the library.
    static InputFile() => AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", true);

    /// <summary>Opens a file for reading from start to end; gzip is recognized by its first two bytes, and decompressed.</summary>
    /// <param name="path">The file.</param>
    /// <param name="plain">Whether to read it as it is, even if it begins like gzip.</param>
    /// <exception cref="UserException">The file cannot be opened, or its name ends in <c>.gz</c> and its content is not gzip.</exception>
    public static Stream Open(string path, bool plain = false)
    {
        FileStream? file = null;
        // The system would report "access denied" for a folder.
        if (Directory.Exists(path)) throw new UserException([new Problem("is a folder, but a file is needed", path)]);
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 64 << 10, FileOptions.SequentialScan);
            if (plain) return file;
            if (!file.CanSeek) return Decompressed(file);
            var compressed = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
            file.Position = 0;
            if (compressed) return new GZipStream(file, CompressionMode.Decompress);
            // Some writers write an empty file for an empty text.
            if (file.Length == 0 || !path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase)) return file;
            file.Dispose();
            throw new UserException([new Problem("cannot be read: its name ends in .gz, and its content is not gzip", path, Hint: "rename it without .gz if it is not compressed")]);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            file?.Dispose();
            throw new UserException([new Problem(
                exception is FileNotFoundException or DirectoryNotFoundException ? Missing(path) : $"cannot be read: {ReasonOf(exception)}", path)], exception);
        }
    }

    /// <summary>A stream that is read once, decompressed if it is gzip.</summary>
    public static Stream Decompressed(Stream stream) => new ReadOnceStream(stream).Decompressed();

    /// <summary>A stream that is read once, and throws a <see cref="UserException"/> if it cannot be read.</summary>
    /// <param name="stream">The bytes.</param>
    /// <param name="name">Their name in messages.</param>
    public static Stream Named(Stream stream, string name) => new ReadOnceStream(stream, name);

    /// <summary>Opens a file that is read more than once.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="UserException">The file cannot be opened, or can be read only once.</exception>
    public static Stream OpenAgain(string path) =>
        SpecialFile.IsAt(path) ? throw new UserException([SpecialFile.Problem(path, "write it to a file first")]) : Open(path);

    /// <summary>Why there is no file at a path; one that a folder lists under a name that is not UTF-8 cannot be opened.</summary>
    internal static string Missing(string path) => path.Contains('\uFFFD') ? "the file cannot be opened, because its name is not UTF-8" : "the file does not exist";

    /// <summary>Whether an exception says that a file or a compressed stream cannot be read.</summary>
    public static bool IsUnreadable(Exception exception) => exception is IOException or UnauthorizedAccessException or InvalidDataException;

    /// <summary>The problem that a system error describes, with the file that its message names.</summary>
    public static Problem ProblemOf(Exception exception) =>
        exception is UnauthorizedAccessException or FileNotFoundException or DirectoryNotFoundException && exception.Message.Split('\'') is [_, var denied, _] ? new(ReasonOf(exception), denied)
        : exception.Message.IndexOf(" : '", StringComparison.Ordinal) is > 0 and var at && exception.Message.EndsWith('\'')
            ? new(exception.Message[..at], exception.Message[(at + 4)..^1]) : new(exception.Message);

    /// <summary>Why a file cannot be read or written, without its path, which the problem already has.</summary>
    public static string ReasonOf(Exception exception) => exception switch
    {
        InvalidDataException => "its compressed content is damaged or cut short",
        FileNotFoundException => "the file does not exist",
        DirectoryNotFoundException => "its folder does not exist",
        UnauthorizedAccessException => "permission denied",
        ArgumentException => "its path contains a NUL character",
        // The folder cannot be created because a file has its name.
        IOException when exception.Message.StartsWith("The file '", StringComparison.Ordinal) => "its folder is a file",
        // As in: No space left on device : '/mnt/file.tmp'.
        _ => exception.Message.IndexOf(" : '", StringComparison.Ordinal) is > 0 and var at ? exception.Message[..at] : exception.Message,
    };
}

/// <summary>Pipes, terminals and devices, which can be read only once, from start to end.</summary>
public static partial class SpecialFile
{
    internal const string What = "is a pipe or a device";

    /// <summary>Whether a path names one; false if the system does not report it.</summary>
    /// <param name="path">The path; links are followed.</param>
    public static bool IsAt(string path)
    {
        const int workingFolder = -100, wantType = 1, modeOffset = 28, typeMask = 0xF000, folder = 0x4000, file = 0x8000;
        if (!OperatingSystem.IsLinux() || path.Contains('\0')) return false;
        Span<byte> facts = stackalloc byte[256];
        return StatX(workingFolder, path, 0, wantType, facts) == 0 && (BitConverter.ToUInt16(facts[modeOffset..]) & typeMask) is not (folder or file);
    }

    internal static Problem Problem(string path, string remedy) => new($"{What}, but this is read more than once", path, Hint: remedy);

    /// <summary>Whether nothing can be known about a path because a folder on the way to it may not be entered.</summary>
    internal static bool IsDenied(string path)
    {
        const int workingFolder = -100, wantType = 1, accessDenied = 13;
        Span<byte> facts = stackalloc byte[256];
        return OperatingSystem.IsLinux() && !path.Contains('\0') && StatX(workingFolder, path, 0, wantType, facts) != 0 && Marshal.GetLastPInvokeError() == accessDenied;
    }

    /// <summary>The device and number of a file or folder, which are the same for all paths that lead to it; null if the system does not report them.</summary>
    /// <param name="path">The path; links are followed.</param>
    internal static (ulong Device, ulong Number)? IdentityOf(string path)
    {
        const int workingFolder = -100, wantNumber = 0x100, numberOffset = 32, deviceOffset = 136;
        Span<byte> facts = stackalloc byte[256];
        return OperatingSystem.IsLinux() && StatX(workingFolder, path, 0, wantNumber, facts) == 0 ? (BitConverter.ToUInt64(facts[deviceOffset..]), BitConverter.ToUInt64(facts[numberOffset..])) : null;
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int folder, string path, int flags, uint wanted, Span<byte> facts);
}

/// <summary>A stream that cannot seek and whose first bytes have been read ahead: gzip starts with two of its own.</summary>
sealed class ReadOnceStream : Stream
{
    readonly Stream inner;
    readonly byte[] first = new byte[2];
    readonly int ahead;
    int given;

    readonly string? name;

    // With a name, a failed read is reported to the user as a problem with the file of that name.
    internal ReadOnceStream(Stream inner, string? name = null)
    {
        (this.inner, this.name) = (inner, name);
        // Does not wait for a second byte unless the first may be that of gzip.
        ahead = ReadInner(first.AsSpan(0, 1));
        if (ahead == 1 && first[0] == 0x1F) ahead += ReadInner(first.AsSpan(1));
    }

    internal Stream Decompressed() => ahead == 2 && first is [0x1F, 0x8B] ? new GZipStream(this, CompressionMode.Decompress) : this;

    public override int Read(Span<byte> buffer)
    {
        if (given == ahead) return ReadInner(buffer);
        var count = Math.Min(buffer.Length, ahead - given);
        first.AsSpan(given, count).CopyTo(buffer);
        given += count;
        return count;
    }

    int ReadInner(Span<byte> buffer)
    {
        try
        {
            return inner.Read(buffer);
        }
        catch (Exception exception) when (name is not null && InputFile.IsUnreadable(exception))
        {
            throw new UserException([new Problem($"cannot be read: {InputFile.ReasonOf(exception)}", name)], exception);
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override void Flush() { }
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>Joins a folder with an untrusted relative name, such as one read from a file, so that the result stays inside the
/// folder.</summary>
static class SafePath
{
    const int LongestSegment = 255, LongestName = 1024;
    static readonly HashSet<string> Devices = new(StringComparer.OrdinalIgnoreCase)
    {
        "CON", "PRN", "AUX", "NUL",
        "COM0", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9",
        "LPT0", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
    };

    public static string Resolve(string folder, string name)
    {
        if (Problem(name) is { } problem) throw Refused(folder, name, problem);
        var path = folder;
        foreach (var part in name.Split('/'))
        {
            path = Path.Combine(path, part);
            if (new FileInfo(path).LinkTarget is not null) throw Refused(folder, name, $"must not pass through the symbolic link {part}");
        }
        return path;
    }

    /// <summary>What is wrong with a relative name, or null.</summary>
    public static string? Problem(string name)
    {
        if (name.Length == 0) return "must not be empty";
        if (name.Length > LongestName) return $"must have at most {LongestName} characters, not {name.Length}";
        foreach (var c in name)
        {
            if (char.IsControl(c)) return $"must not contain the control character U+{(int)c:X4}";
            if (c is '\\' or ':' or '*' or '?' or '"' or '<' or '>' or '|') return $"must not contain {c}";
        }
        foreach (var part in name.Split('/'))
        {
            if (part.Length == 0) return "must be relative, with one / between its parts";
            if (part is "." or "..") return $"must not contain {part} as a part";
            if (System.Text.Encoding.UTF8.GetByteCount(part) > LongestSegment) return $"must have parts of at most {LongestSegment} bytes";
            if (part[^1] is '.' or ' ') return "must not have a part that ends in a dot or a space";
            if (Devices.Contains(part.Split('.')[0])) return $"must not use the name {part}, which Windows reserves";
        }
        return null;
    }

    static UserException Refused(string folder, string name, string rule) =>
        new([new Problem($"the file name {MessageText.Quote(name)} {rule}", File: folder)]);
}
