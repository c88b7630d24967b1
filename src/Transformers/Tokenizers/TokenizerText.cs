namespace Transformers.Tokenizers;

/// <summary>Tokenizers as text, for files that are written by others, such as a checkpoint's.</summary>
public static class TokenizerText
{
    /// <summary>The content of a tokenizer's <c>tokenizer.json</c>.</summary>
    public static string Of(Tokenizer tokenizer)
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            tokenizer.Save(path);
            return File.ReadAllText(path);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
