namespace Transformers.IO;

/// <summary>Memory is short, or would be; exit code 4.</summary>
/// <param name="message">What needs how much, and how much there is.</param>
/// <param name="remedy">What to lower.</param>
/// <param name="inner">The allocation that failed, if one did.</param>
public sealed class MemoryException(string message, string remedy, Exception? inner = null) : OutOfMemoryException(message, inner)
{
    /// <summary>What to lower.</summary>
    public string Remedy => remedy;

    /// <summary>Whether an exception says that memory ran out: .NET's own, or libtorch's in TorchSharp's wrapping.</summary>
    public static bool IsOutOfMemory(Exception exception) => exception is OutOfMemoryException ||
        exception is System.Runtime.InteropServices.ExternalException && (exception.Message.Contains("allocate memory", StringComparison.Ordinal) || exception.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase));

    /// <summary>What such an exception says, without the trace that libtorch adds.</summary>
    public static string Describe(Exception exception) => exception is OutOfMemoryException ? exception.Message : exception.Message.Split('\n')[0];
}
