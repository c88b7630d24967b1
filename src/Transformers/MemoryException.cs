namespace Transformers;

/// <summary>Memory is short, or would be; exit code 4.</summary>
/// <param name="message">What needs how much, and how much there is.</param>
/// <param name="remedy">What to lower.</param>
/// <param name="inner">The allocation that failed, if one did.</param>
public sealed class MemoryException(string message, string remedy, Exception? inner = null) : OutOfMemoryException(message, inner)
{
    /// <summary>What to lower.</summary>
    public string Remedy => remedy;
}
