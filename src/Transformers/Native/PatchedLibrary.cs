namespace Transformers.Native;

/// <summary>A copy of TorchSharp's native part that loads on a libstdc++ older than GCC 13's.</summary>
/// <remarks>
/// The library requires this version of libstdc++ only to state that iostreams are initialised; none of its code depends on that.
/// Marking the requirement as weak, one bit in its version table, lets the loader accept an older libstdc++. The copy is in the user's
/// cache under the hash of its content, is written completely or not at all, and is checked against that hash each time.
/// </remarks>
/// <param name="Path">The copy's file.</param>
/// <param name="Explanation">What was done and why.</param>
sealed record PatchedLibrary(string Path, string Explanation)
{
    const int SectionVersionNeeds = 0x6ffffffe;
    const ushort Weak = 2;

    /// <summary>The copy of a library, created if it does not exist yet.</summary>
    /// <param name="original">The library.</param>
    /// <param name="cache">The folder for the copy; null for the user's cache.</param>
    /// <exception cref="DllNotFoundException">The library does not have the requirement, or the cache cannot be written.</exception>
    internal static PatchedLibrary Create(string original, string? cache = null)
    {
        var bytes = File.ReadAllBytes(original);
        if (Weaken(bytes, SystemLibraries.IostreamsVersion) == 0)
            throw new DllNotFoundException($"{original} does not require {SystemLibraries.IostreamsVersion}, so there is nothing to patch");
        var hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        var copy = System.IO.Path.Combine(cache ?? System.IO.Path.Combine(UserCache.Folder, "native"), $"{System.IO.Path.GetFileNameWithoutExtension(original)}-{hash[..16]}.so");
        try
        {
            if (!Holds(copy, hash))
            {
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(copy)!);
                DurableFile.WriteBytes(copy, bytes);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DllNotFoundException($"{original} needs {SystemLibraries.IostreamsVersion} of libstdc++, and a copy without that requirement cannot be written to {copy}: {OutputFile.ReasonOf(exception)}; name a folder that can be written in XDG_CACHE_HOME", exception);
        }
        return new(copy, $"{System.IO.Path.GetFileName(original)} is loaded from {copy}: the system's libstdc++ lacks {SystemLibraries.IostreamsVersion} (GCC 13), which the copy marks as weak");
    }

    static bool Holds(string copy, string hash)
    {
        if (!File.Exists(copy)) return false;
        using var file = File.OpenRead(copy);
        return Convert.ToHexStringLower(SHA256.HashData(file)) == hash;
    }

    /// <summary>Marks a requirement of a 64-bit ELF library as weak.</summary>
    /// <param name="elf">The library's bytes, changed in place.</param>
    /// <param name="version">The version required, for instance <c>GLIBCXX_3.4.32</c>.</param>
    /// <returns>The number of entries marked.</returns>
    internal static int Weaken(Span<byte> elf, string version)
    {
        var sections = (int)BinaryPrimitives.ReadInt64LittleEndian(elf[0x28..]);
        var (size, count) = (BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3a..]), BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3c..]));
        var (wanted, marked) = (HashOf(version), 0);
        for (var i = 0; i < count; i++)
        {
            var section = elf[(sections + i * size)..];
            if (BinaryPrimitives.ReadInt32LittleEndian(section[4..]) != SectionVersionNeeds) continue;
            for (var need = (int)BinaryPrimitives.ReadInt64LittleEndian(section[0x18..]); ;)
            {
                // Elfxx_Verneed: version, count of entries, file name, offset of the entries, offset of the next need.
                var entries = BinaryPrimitives.ReadUInt16LittleEndian(elf[(need + 2)..]);
                var entry = need + (int)BinaryPrimitives.ReadUInt32LittleEndian(elf[(need + 8)..]);
                for (var e = 0; e < entries; e++)
                {
                    // Elfxx_Vernaux: hash of the name, flags, index, name, offset of the next entry.
                    if (BinaryPrimitives.ReadUInt32LittleEndian(elf[entry..]) == wanted)
                    {
                        var flags = elf[(entry + 4)..];
                        BinaryPrimitives.WriteUInt16LittleEndian(flags, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(flags) | Weak));
                        marked++;
                    }
                    entry += (int)BinaryPrimitives.ReadUInt32LittleEndian(elf[(entry + 12)..]);
                }
                var next = (int)BinaryPrimitives.ReadUInt32LittleEndian(elf[(need + 12)..]);
                if (next == 0) break;
                need += next;
            }
        }
        return marked;
    }

    // The System V ABI's hash of symbol names.
    static uint HashOf(string name)
    {
        uint hash = 0;
        foreach (var letter in Encoding.ASCII.GetBytes(name))
        {
            hash = (hash << 4) + letter;
            var high = hash & 0xf0000000;
            if (high != 0) hash ^= high >> 24;
            hash &= ~high;
        }
        return hash;
    }
}

/// <summary>The user's cache folder of this program.</summary>
static class UserCache
{
    /// <summary>The user's home folder, even if it does not exist: an empty path would mean the working folder.</summary>
    internal static string Home => Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify);

    /// <summary>Where it is: below <c>XDG_CACHE_HOME</c>, or the system's usual folder.</summary>
    internal static string Folder { get; } = System.IO.Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } named && System.IO.Path.IsPathRooted(named) ? named
        : OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
        : OperatingSystem.IsMacOS() ? System.IO.Path.Combine(Home, "Library", "Caches")
        : System.IO.Path.Combine(Home, ".cache"),
        "transformer");
}

/// <summary>Loads shared libraries so that others find their symbols.</summary>
static partial class SharedLibrary
{
    const int Now = 2, Global = 0x100;

    /// <summary>A library's file name on this system.</summary>
    internal static string FileName(string library) =>
        OperatingSystem.IsWindows() ? $"{library}.dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";

    /// <summary>Loads a file. On Linux all its symbols are bound immediately, so that a library of the wrong version fails here and not at
    /// its first use.</summary>
    /// <exception cref="DllNotFoundException">It does not load; the message is the loader's.</exception>
    internal static IntPtr Open(string path)
    {
        if (!OperatingSystem.IsLinux()) return NativeLibrary.Load(path);
        var handle = dlopen(path, Now | Global);
        return handle != IntPtr.Zero ? handle : throw new DllNotFoundException(Marshal.PtrToStringUTF8(dlerror()) ?? $"{path} does not load");
    }

    /// <summary>Whether the process has a symbol of a version.</summary>
    internal static bool Exports(string symbol, string version) => dlvsym(IntPtr.Zero, symbol, version) != IntPtr.Zero;

    [LibraryImport("libc.so.6", StringMarshalling = StringMarshalling.Utf8)]
    private static partial IntPtr dlopen(string path, int flags);

    [LibraryImport("libc.so.6")]
    private static partial IntPtr dlerror();

    [LibraryImport("libc.so.6", StringMarshalling = StringMarshalling.Utf8)]
    private static partial IntPtr dlvsym(IntPtr handle, string symbol, string version);
}

/// <summary>The system's own libraries.</summary>
static class SystemLibraries
{
    /// <summary>The version of libstdc++ that came with GCC 13, with one symbol that TorchSharp's native part requires and never
    /// calls.</summary>
    internal const string IostreamsVersion = "GLIBCXX_3.4.32";

    /// <summary>Whether the libstdc++ in this process is older than GCC 13's; libtorch has already loaded it.</summary>
    internal static bool LacksIostreamsOfGcc13() =>
        OperatingSystem.IsLinux() && !SharedLibrary.Exports("_ZSt21ios_base_library_initv", IostreamsVersion);
}

/// <summary>NVIDIA's driver.</summary>
static class CudaDriver
{
    /// <summary>Whether the driver's library is on this machine.</summary>
    internal static bool IsPresent { get; } = NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1", out _);
}
