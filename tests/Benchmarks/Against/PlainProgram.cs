using System.Globalization;

namespace Benchmarks.Against;

/// <summary>The program of plain TorchSharp code in Plain/.</summary>
static class PlainProgram
{
    static string Dll(string root) => Path.Combine(root, "artifacts", "bin", "PlainTorchSharp", "release", "PlainTorchSharp.dll");

    /// <summary>Checks that it has been built.</summary>
    /// <exception cref="ArgumentException">It has not.</exception>
    internal static void Check(string root)
    {
        if (!File.Exists(Dll(root)))
            throw new ArgumentException($"{root} has no {Path.GetRelativePath(root, Dll(root))}: run 'dotnet build tests/Benchmarks/Plain -c Release' there first, or give --no-plain");
    }

    /// <summary>Runs a row.</summary>
    internal static Measurement Run(string root, IEnumerable<string> arguments, double seconds) =>
        Measurement.OfLine(ChildProcess.Run(root, [Dll(root), .. arguments, seconds.ToString(CultureInfo.InvariantCulture)]).Output);
}
