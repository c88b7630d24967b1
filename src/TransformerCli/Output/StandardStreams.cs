namespace TransformerCli.Output;

/// <summary>Standard output or standard error as a stream that reports every failed write.</summary>
/// <remarks>.NET's own stream ignores a closed pipe, and its file stream writes at its own offsets, over the output of other processes in
/// the same file.</remarks>
public sealed partial class StandardStream : WriteOnlyStream
{
    const int GetDescriptorFlags = 1, Interrupted = 4, TryAgainOnLinux = 11, TryAgainOnMac = 35, StandardError = 2;
    const short CanTakeBytes = 4;
    // A pipe that poll(2) reports as writable takes at least this many bytes without blocking (4,096 on Linux).
    const int AtOnce = 512;

    readonly int descriptor;
    readonly bool closed;

    /// <summary>Whether the process has been asked to stop. From then on, progress that nobody reads is dropped rather than delaying the last checkpoint.</summary>
    /// <remarks>Open MPI's launcher, for example, stops reading its processes' output some time before it kills them.</remarks>
    public static volatile bool Stopping;

    // Inherited descriptors lack the close-on-exec flag; with it, the descriptor was closed and the runtime has opened a file in its place.
    StandardStream(int descriptor) => (this.descriptor, closed) = (descriptor, GetFlags(descriptor, GetDescriptorFlags) != 0);

    /// <summary>Standard output.</summary>
    public static Stream OpenOutput() => OperatingSystem.IsWindows() ? Console.OpenStandardOutput() : new StandardStream(1);

    /// <summary>Standard error.</summary>
    public static Stream OpenError() => OperatingSystem.IsWindows() ? Console.OpenStandardError() : new StandardStream(2);

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (closed) throw new IOException("it is closed");
        while (buffer.Length > 0)
        {
            if (descriptor == StandardError) WaitUntilRead();
            var written = WriteBytes(descriptor, buffer, descriptor == StandardError ? Math.Min(buffer.Length, AtOnce) : buffer.Length);
            if (written >= 0)
            {
                buffer = buffer[(int)written..];
                continue;
            }
            switch (Marshal.GetLastPInvokeError())
            {
                case Interrupted: break;
                // Another program may have made the terminal or pipe non-blocking.
                case TryAgainOnLinux or TryAgainOnMac: Thread.Sleep(1); break;
                case var error: throw new IOException(Marshal.GetPInvokeErrorMessage(error));
            }
        }
    }

    void WaitUntilRead()
    {
        const int look = 100, patience = 1000;
        var waited = 0;
        for (var poll = new Poll { Descriptor = descriptor, Events = CanTakeBytes }; PollDescriptors(ref poll, 1, look) == 0;)
            if (Stopping && (waited += look) >= patience) throw new IOException("nobody reads it");
    }

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteBytes(int descriptor, ReadOnlySpan<byte> bytes, nint count);

    [StructLayout(LayoutKind.Sequential)]
    struct Poll
    {
        internal int Descriptor;
        internal short Events, Returned;
    }

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int PollDescriptors(ref Poll poll, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int GetFlags(int descriptor, int command);
}

/// <summary>A writer that handles all its failed writes in one method.</summary>
/// <param name="inner">What is written to.</param>
public abstract class GuardedWriter(TextWriter inner) : TextWriter
{
    /// <summary>Whether the text goes to the process's own output, not to a test's writer.</summary>
    internal bool IsStream => inner is StreamWriter;

    /// <summary>Whether a write has failed.</summary>
    internal bool Failed { get; private set; }

    /// <inheritdoc/>
    public override Encoding Encoding => inner.Encoding;

    /// <summary>Handles the first failed write, and every later one with null.</summary>
    private protected abstract void OnFailure(Exception? exception);

    void Guard(Action write)
    {
        if (Failed)
        {
            OnFailure(null);
            return;
        }
        try
        {
            write();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            Failed = true;
            OnFailure(exception);
        }
    }

    /// <inheritdoc/>
    public override void Write(char value) => Guard(() => inner.Write(value));
    /// <inheritdoc/>
    public override void Write(string? value) => Guard(() => inner.Write(value));
    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) => Guard(() => inner.Write(buffer, index, count));
    /// <inheritdoc/>
    public override void WriteLine() => Guard(inner.WriteLine);
    /// <inheritdoc/>
    public override void WriteLine(string? value) => Guard(() => inner.WriteLine(value));
    /// <inheritdoc/>
    public override void Flush() => Guard(inner.Flush);
}

/// <summary>Progress and messages: if they can no longer be written, they are dropped, and work continues.</summary>
/// <param name="inner">Standard error.</param>
sealed class ProgressWriter(TextWriter inner) : GuardedWriter(inner)
{
    private protected override void OnFailure(Exception? exception) { }
}

/// <summary>Results: if they cannot be written, the command fails.</summary>
/// <param name="inner">Standard output.</param>
sealed class ResultWriter(TextWriter inner) : GuardedWriter(inner)
{
    string reason = "";

    private protected override void OnFailure(Exception? exception)
    {
        if (exception is not null) reason = exception.Message;
        throw new OutputException(reason, exception);
    }
}

/// <summary>Standard output cannot be written.</summary>
/// <param name="reason">Why.</param>
/// <param name="inner">The first failed write.</param>
sealed class OutputException(string reason, Exception? inner)
    : UserException($"standard output cannot be written: {reason}", "the remaining results are lost; redirect standard output to a file, pipe or terminal that can be written", inner);
