using System.Runtime.InteropServices;
using Transformers.Models;

namespace TransformerCli;

/// <summary><c>--version</c>: the program's, libtorch's and .NET's.</summary>
static class Versions
{
    internal static int Print(CliContext context)
    {
        context.Out.WriteLine($"transformer {typeof(Versions).Assembly.GetName().Version?.ToString(3)}");
        try
        {
            Engine.Load();
            context.Out.WriteLine($"libtorch {EngineReport.Read().Version}");
        }
        catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
        {
            context.Out.WriteLine("libtorch not found: see transformer doctor");
        }
        context.Out.WriteLine(RuntimeInformation.FrameworkDescription);
        return ExitCodes.Done;
    }
}
