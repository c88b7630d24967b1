using Transformers.IO;

namespace Transformers.Checkpoints;

/// <summary>A checkpoint, or another file of a run, is missing, damaged, or cannot be written.</summary>
public sealed class CheckpointException : UserException
{
    /// <summary>The file or folder in question.</summary>
    public string File { get; }

    /// <summary>Names the file and what is wrong with it.</summary>
    public CheckpointException(string file, string message, string? hint = null, Exception? inner = null)
        : base([new Problem(message, File: file, Hint: hint)], inner) => File = file;
}
