namespace Transformers.Tests;

/// <summary>A folder that is gone when the test ends.</summary>
public sealed class TempFolder : IDisposable
{
    // In memory where Linux has such a place: the many small durable writes of these tests would otherwise wait for the disk.
    static readonly string Parent = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();

    public string FullPath { get; } = Directory.CreateDirectory(Path.Combine(Parent, "transformer-test-" + Guid.NewGuid().ToString("N"))).FullName;

    public string this[string name] => Path.Combine(FullPath, name);

    /// <inheritdoc cref="Write(string, byte[])"/>
    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    /// <summary>Writes a file, packed where its name ends in <c>.gz</c>, and the folders above it.</summary>
    /// <returns>Its path.</returns>
    public string Write(string name, byte[] bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[name])!);
        using var file = File.Create(this[name]);
        if (!name.EndsWith(".gz", StringComparison.Ordinal)) file.Write(bytes);
        else
        {
            using var packed = new GZipStream(file, CompressionLevel.Fastest);
            packed.Write(bytes);
        }
        return this[name];
    }

    public void Dispose() => Directory.Delete(FullPath, recursive: true);
}

/// <summary>Tests each of which has a folder.</summary>
public abstract class TempFolderTest : IDisposable
{
    protected readonly TempFolder folder = new();

    public virtual void Dispose()
    {
        folder.Dispose();
        GC.SuppressFinalize(this);
    }
}
