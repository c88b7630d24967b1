using System.Runtime.InteropServices;

namespace Transformers.Native;

/// <summary>What the kernels' functions return, as exceptions.</summary>
static partial class KernelStatus
{
    internal const string Library = "transformer_kernels";

    const int Ok = 0, OutOfMemory = 2, Unsupported = 3;

    /// <summary>Throws for a status other than success.</summary>
    /// <exception cref="ArgumentException">The arguments do not fit each other.</exception>
    /// <exception cref="OutOfMemoryException">There is no memory for scratch space.</exception>
    /// <exception cref="NotSupportedException">The processor lacks the instructions.</exception>
    internal static void Check(int status)
    {
        if (status == Ok) return;
        var reason = Marshal.PtrToStringUTF8(tk_last_message());
        throw status switch
        {
            OutOfMemory => new OutOfMemoryException(reason),
            Unsupported => new NotSupportedException(reason),
            _ => new ArgumentException(reason),
        };
    }

    [LibraryImport(Library)]
    private static partial nint tk_last_message();
}
