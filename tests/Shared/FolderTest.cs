namespace TestSupport;

/// <summary>Tests each of which has a folder, gone afterwards.</summary>
public abstract class FolderTest : IDisposable
{
    protected string Folder { get; } = Directory.CreateTempSubdirectory("transformer-test-").FullName;

    protected string At(params string[] parts) => Path.Combine([Folder, .. parts]);

    /// <summary>Writes a file, and the folders above it.</summary>
    /// <returns>Its path.</returns>
    protected string Write(string name, byte[] bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(name))!);
        File.WriteAllBytes(At(name), bytes);
        return At(name);
    }

    /// <inheritdoc cref="Write(string, byte[])"/>
    protected string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public virtual void Dispose()
    {
        Directory.Delete(Folder, recursive: true);
        GC.SuppressFinalize(this);
    }
}
