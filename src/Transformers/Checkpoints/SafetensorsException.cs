using Transformers.IO;

namespace Transformers.Checkpoints;

/// <summary>Which rule of the safetensors format is broken. The first group bears the names of the reference implementation.</summary>
public enum SafetensorsError
{
    /// <summary>The file has fewer than 8 bytes.</summary>
    HeaderTooSmall,
    /// <summary>The header has more than 100,000,000 bytes.</summary>
    HeaderTooLarge,
    /// <summary>The header ends after the file does.</summary>
    InvalidHeaderLength,
    /// <summary>The header is not UTF-8.</summary>
    InvalidHeader,
    /// <summary>The header is not JSON, or not of the format's shape.</summary>
    InvalidHeaderDeserialization,
    /// <summary>Offsets overlap, leave a hole, or end before they begin.</summary>
    InvalidOffset,
    /// <summary>The size that the shape gives does not fit in 64 bits.</summary>
    ValidationOverflow,
    /// <summary>Elements smaller than a byte do not fill whole bytes.</summary>
    MisalignedSlice,
    /// <summary>The offsets do not span the size that type and shape give.</summary>
    TensorInvalidInfo,
    /// <summary>Bytes are missing or left over after the last tensor.</summary>
    MetadataIncompleteBuffer,

    /// <summary>A name occurs twice in the header, or a reserved one is used.</summary>
    InvalidName,
    /// <summary>A tensor that was asked for is not in the file.</summary>
    TensorNotFound,
    /// <summary>The file cannot be opened or read.</summary>
    Unreadable,
    /// <summary>A source gave more or fewer bytes than its type and shape say.</summary>
    WrongByteCount,
}

/// <summary>A safetensors file, or what was to be written as one, breaks a rule of the format.</summary>
public sealed class SafetensorsException : UserException
{
    /// <summary>The rule.</summary>
    public SafetensorsError Error { get; }

    /// <summary>The file.</summary>
    public string File { get; }

    /// <summary>The tensor in question, if it is about one.</summary>
    public string? Tensor { get; }

    /// <summary>Names the file and the tensor.</summary>
    public SafetensorsException(SafetensorsError error, string file, string? tensor, string message, Exception? inner = null)
        : base([new Problem(tensor is null ? message : $"tensor {MessageText.Quote(tensor)}: {message}", File: file)], inner)
    {
        Error = error;
        File = file;
        Tensor = tensor;
    }
}
