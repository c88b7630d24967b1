using System.CommandLine;
using System.Runtime.InteropServices;
using TorchSharp;
using Transformers.Data.Images;
using Transformers.Models;

namespace TransformerCli.Commands;

/// <summary><c>doctor</c>: what was found and what is in use, each problem with its remedy.</summary>
static class DoctorCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var command = new Command("doctor", """
            Says what the program found on this machine and what it uses, and how to mend what is wrong.

            Example: transformer doctor --json
            """);
        context.Handle(command, (parse, _) =>
        {
            var report = Examine();
            if (parse.GetValue(context.JsonOption)) context.WriteJson(report);
            else Print(context.Out, report);
            return report.Problems.Any(problem => problem.Fatal) ? ExitCodes.UserError : ExitCodes.Done;
        });
        return command;
    }

    static DoctorReport Examine()
    {
        var problems = new List<DoctorProblem>();
        try
        {
            Engine.Load();
        }
        catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
        {
            problems.Add(new(true, exception.Message, "run scripts/setup in the checkout; it says what it lacks"));
            return new DoctorReport { Dotnet = RuntimeInformation.FrameworkDescription, Problems = problems };
        }
        var engine = EngineReport.Read();
        if (engine is { BlasKernel: null, HasOpenBlas: false } && OperatingSystem.IsLinux())
            problems.Add(new(false, "libtorch runs on reference BLAS: matrix products are many times too slow", "apt-get install libopenblas0-openmp"));
        string? codecs = null;
        try
        {
            codecs = ImageCodec.Versions();
        }
        catch (Transformers.UserException exception)
        {
            problems.Add(new(false, exception.Message, "only image models need them"));
        }
        return new DoctorReport
        {
            Dotnet = RuntimeInformation.FrameworkDescription,
            Libtorch = engine.Version,
            Engine = engine.Path,
            Blas = engine.BlasKernel is { } kernel ? $"OpenBLAS {kernel}" : "unknown",
            BlasLibrary = engine.BlasLibrary,
            Onednn = engine.HasOneDnn,
            CpuCapability = engine.CpuCapability,
            BFloat16 = Precisions.MultipliesBFloat16(torch.CPU),
            Threads = torch.get_num_threads(),
            CudaDevices = torch.cuda.device_count(),
            ImageCodecs = codecs,
            Environment = engine.Changes,
            Problems = problems,
        };
    }

    static void Print(TextWriter writer, DoctorReport report)
    {
        writer.WriteLine($".NET          {report.Dotnet}");
        if (report.Libtorch is not null)
        {
            writer.WriteLine($"libtorch      {report.Libtorch} through {report.Engine}");
            writer.WriteLine($"BLAS          {report.Blas}{(report.BlasLibrary is null ? "" : $" ({report.BlasLibrary})")}");
            writer.WriteLine($"oneDNN        {(report.Onednn == true ? "yes" : "no")}");
            writer.WriteLine($"processor     {report.CpuCapability}, {(report.BFloat16 == true ? "multiplies bfloat16" : "no bfloat16 products")}, {report.Threads} threads");
            writer.WriteLine($"CUDA devices  {report.CudaDevices}");
            writer.WriteLine($"image codecs  {report.ImageCodecs ?? "none"}");
            foreach (var change in report.Environment ?? [])
                writer.WriteLine($"set           {change}");
        }
        foreach (var problem in report.Problems) writer.WriteLine($"{(problem.Fatal ? "problem" : "note")}: {problem.Message} ({problem.Remedy})");
        if (report.Problems.Count == 0) writer.WriteLine("all is well");
    }

    sealed record DoctorProblem(bool Fatal, string Message, string Remedy);

    sealed record DoctorReport
    {
        public string Schema { get; init; } = "transformer.doctor/1";
        public string? Dotnet { get; init; }
        public string? Libtorch { get; init; }
        public string? Engine { get; init; }
        public string? Blas { get; init; }
        public string? BlasLibrary { get; init; }
        public bool? Onednn { get; init; }
        public string? CpuCapability { get; init; }
        public bool? BFloat16 { get; init; }
        public int? Threads { get; init; }
        public int? CudaDevices { get; init; }
        public string? ImageCodecs { get; init; }
        public IReadOnlyList<string>? Environment { get; init; }
        public required IReadOnlyList<DoctorProblem> Problems { get; init; }
    }
}
