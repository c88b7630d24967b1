using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace Transformers.Data.Images;

/// <summary>The C interface of <c>libtransformer_images</c> (src/Native/images/images.h) and where it is found.</summary>
static unsafe partial class NativeImages
{
    const string Library = "transformer_images";
    const string FileName = "libtransformer_images.so";

    [StructLayout(LayoutKind.Sequential)]
    internal struct Info
    {
        public int Format, Width, Height, Channels, BitDepth, Alpha, Orientation;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Limits
    {
        public long MaxPixels, MaxBytes;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Message
    {
        public byte* Text;
        public int Size;
    }

    /// <summary>Bytes of a message, its ending zero included.</summary>
    internal const int MessageSize = 256;

    static NativeImages() => NativeLibrary.SetDllImportResolver(typeof(NativeImages).Assembly, Resolve);

    [LibraryImport(Library)]
    internal static partial int ti_probe(byte* data, long size, Limits* limits, Info* info, Message message);

    [LibraryImport(Library)]
    internal static partial int ti_decode(
        byte* data, long size, Limits* limits, int scale, int background, byte* rgb, long capacity, Message message);

    [LibraryImport(Library)]
    internal static partial int ti_encode_png(
        byte* pixels, int width, int height, int channels, int level, byte** result, long* resultSize, Message message);

    [LibraryImport(Library)]
    internal static partial int ti_encode_jpeg(
        byte* pixels, int width, int height, int channels, int quality, byte** result, long* resultSize, Message message);

    [LibraryImport(Library)]
    internal static partial void ti_free(byte* memory);

    [LibraryImport(Library)]
    internal static partial int ti_versions(Message message);

    /// <summary>The text of a message.</summary>
    internal static string TextOf(ReadOnlySpan<byte> message)
    {
        var end = message.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? message : message[..end]);
    }

    /// <summary>Where the library is looked for, in order.</summary>
    internal static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable("TRANSFORMER_NATIVE") is { Length: > 0 } folder)
            yield return Path.Combine(folder, FileName);
        yield return Path.Combine(AppContext.BaseDirectory, FileName);
        // In a checkout the build leaves it in artifacts/native, above every project's output folder.
        for (var up = AppContext.BaseDirectory; up is not null; up = Path.GetDirectoryName(up))
        {
            yield return Path.Combine(up, "artifacts", "native", FileName);
            yield return Path.Combine(up, "native", FileName);
        }
    }

    static nint Resolve(string name, Assembly assembly, DllImportSearchPath? search)
    {
        if (name != Library) return 0;
        // A file that is there but does not load lacks one of the three codecs: that is worth a sentence of its own.
        string? reason = null;
        foreach (var path in Candidates().Where(File.Exists))
        {
            try
            {
                return NativeLibrary.Load(path);
            }
            catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
            {
                reason ??= $"{path} does not load: {exception.Message.Trim().Split('\n')[^1]}";
            }
        }
        throw reason is null
            ? new UserException($"The image codecs are not built: {FileName} was not found.",
                "build them with scripts/setup, or name their folder in TRANSFORMER_NATIVE")
            : new UserException($"The image codecs cannot be used: {reason}",
                "apt-get install libjpeg-dev libpng-dev libwebp-dev, then scripts/setup");
    }
}
