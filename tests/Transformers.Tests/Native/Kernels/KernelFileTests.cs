using static TorchSharp.torch;

namespace Transformers.Tests.Native.Kernels;

/// <summary>The library of kernels as a file: it loads on other systems, and brings no threads of its own.</summary>
[Collection("engine")]
public sealed class KernelFileTests
{
    const int Dynamic = 6, VersionNeeds = 0x6ffffffe;

    // A 64-bit ELF library's sections: type, offset, size, and the offset of the strings it refers to.
    static IEnumerable<(int Type, int Offset, int Size, int Strings)> Sections(byte[] elf)
    {
        long Long(int at) => BinaryPrimitives.ReadInt64LittleEndian(elf.AsSpan(at));
        int Int(int at) => BinaryPrimitives.ReadInt32LittleEndian(elf.AsSpan(at));
        var (table, size, count) = ((int)Long(0x28), BinaryPrimitives.ReadUInt16LittleEndian(elf.AsSpan(0x3a)), BinaryPrimitives.ReadUInt16LittleEndian(elf.AsSpan(0x3c)));
        for (var i = 0; i < count; i++)
        {
            var at = table + i * size;
            yield return (Int(at + 4), (int)Long(at + 0x18), (int)Long(at + 0x20), (int)Long(table + Int(at + 0x28) * size + 0x18));
        }
    }

    static string Text(byte[] elf, int at) => Encoding.ASCII.GetString(elf, at, Array.IndexOf(elf, (byte)0, at) - at);

    static List<string> NeededLibraries(byte[] elf)
    {
        var (_, offset, size, strings) = Sections(elf).First(section => section.Type == Dynamic);
        var names = new List<string>();
        for (var at = offset; at < offset + size; at += 16)
            if (BinaryPrimitives.ReadInt64LittleEndian(elf.AsSpan(at)) == 1) names.Add(Text(elf, strings + (int)BinaryPrimitives.ReadInt64LittleEndian(elf.AsSpan(at + 8))));
        return names;
    }

    static List<string> NeededVersions(byte[] elf)
    {
        var (_, need, _, strings) = Sections(elf).First(section => section.Type == VersionNeeds);
        var versions = new List<string>();
        for (var next = 1; next != 0; need += next)
        {
            var (entries, entry) = (BinaryPrimitives.ReadUInt16LittleEndian(elf.AsSpan(need + 2)), need + BinaryPrimitives.ReadInt32LittleEndian(elf.AsSpan(need + 8)));
            for (var e = 0; e < entries; e++)
            {
                versions.Add(Text(elf, strings + BinaryPrimitives.ReadInt32LittleEndian(elf.AsSpan(entry + 8))));
                entry += BinaryPrimitives.ReadInt32LittleEndian(elf.AsSpan(entry + 12));
            }
            next = BinaryPrimitives.ReadInt32LittleEndian(elf.AsSpan(need + 12));
        }
        return versions;
    }

    [KernelFact]
    public void The_library_needs_no_newer_C_library_than_2_28_and_no_C_plus_plus_or_OpenMP_runtime()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux");
        var elf = File.ReadAllBytes(KernelLibrary.Path!);
        var versions = NeededVersions(elf);
        Assert.NotEmpty(versions);
        foreach (var version in versions)
        {
            Assert.StartsWith("GLIBC_2.", version, StringComparison.Ordinal);
            Assert.True(Version.Parse(version["GLIBC_".Length..]) <= new Version(2, 28), $"{version} is needed");
        }
        Assert.All(NeededLibraries(elf), name => Assert.Matches(@"^(libc\.so\.6|libm\.so\.6|ld-linux.*)$", name));
    }

    [KernelFact]
    public void The_kernels_run_on_the_threads_that_libtorch_has()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux");
        using var scope = NewDisposeScope();
        ActivationFunction.Of(randn(500, 500), KernelActivation.Gelu);
        string[] runtimes = [.. File.ReadLines("/proc/self/maps").Select(line => line.Split(' ')[^1]).Where(file => Regex.IsMatch(Path.GetFileName(file), @"^lib(gomp|iomp5|omp)\b")).Distinct()];
        Assert.Single(runtimes);
    }
}
