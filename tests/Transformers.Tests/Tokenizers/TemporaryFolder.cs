namespace Transformers.Tests.Tokenizers;

/// <summary>A folder that is gone after the test.</summary>
sealed class TemporaryFolder : IDisposable
{
    readonly string root = Directory.CreateTempSubdirectory("tokenizers-").FullName;

    /// <summary>The path of a name in the folder.</summary>
    internal string this[string name] => Path.Combine(root, name);

    public void Dispose() => Directory.Delete(root, recursive: true);
}
