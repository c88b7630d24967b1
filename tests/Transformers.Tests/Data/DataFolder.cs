using System.IO.Compression;
using System.Text;

namespace Transformers.Tests.Data;

/// <summary>A folder that is gone after the test.</summary>
sealed class DataFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("transformer-test-").FullName;

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public string Write(string name, byte[] bytes)
    {
        var path = Path.Combine(Root, name);
        if (!name.EndsWith(".gz", StringComparison.Ordinal)) File.WriteAllBytes(path, bytes);
        else
        {
            using var file = new GZipStream(File.Create(path), CompressionLevel.Fastest);
            file.Write(bytes);
        }
        return path;
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
