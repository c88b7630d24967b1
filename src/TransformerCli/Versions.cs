using System.Runtime.InteropServices;
using Transformers.Native;

namespace TransformerCli;

/// <summary><c>--version</c>: the program's, libtorch's and .NET's.</summary>
static class Versions
{
    internal static int Print(CliContext context, bool json)
    {
        var document = new Document("transformer.version/1", typeof(Versions).Assembly.GetName().Version?.ToString(3), Libtorch(), RuntimeInformation.FrameworkDescription);
        if (json)
        {
            context.WriteJson(document);
            return ExitCodes.Done;
        }
        context.Out.WriteLine($"transformer {document.Version}");
        context.Out.WriteLine(document.Libtorch is { } found ? $"libtorch {found}" : "libtorch not found: see transformer doctor");
        context.Out.WriteLine(document.Dotnet);
        return ExitCodes.Done;
    }

    static string? Libtorch()
    {
        try
        {
            return NativeLibraries.Load(fetch: false).Version;
        }
        catch (EngineMissingException)
        {
            return null;
        }
    }

    sealed record Document(string Schema, string? Version, string? Libtorch, string Dotnet);
}
