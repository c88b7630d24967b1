namespace TransformerCli.Tests.Docs;

/// <summary>Texts that a person has read and found right.</summary>
static class Approved
{
    /// <summary>Compares a text with the file that holds it, or rewrites the file if <c>UPDATE_APPROVED</c> is 1.</summary>
    internal static void Holds(string path, string text)
    {
        if (Environment.GetEnvironmentVariable("UPDATE_APPROVED") == "1") File.WriteAllText(path, text);
        Assert.True(File.Exists(path), $"{path} is not there; UPDATE_APPROVED=1 writes it");
        Assert.Equal(File.ReadAllText(path), text);
    }
}
