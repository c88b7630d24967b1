using System.CommandLine;
using System.Globalization;
using Transformers.Benchmarks;
using Transformers.Native;

namespace TransformerCli.Commands;

/// <summary><c>bench kernels</c>: the machine's peaks, and the share of them that single kernels reach.</summary>
static class BenchKernelsCommand
{
    internal static Command Create(CliContext context)
    {
        var device = DeviceOption.Create();
        var command = new Command("kernels", """
            Measures the peaks of this machine, and the share of them that the kernels of a model reach.

            Example: transformer bench kernels
            """)
        {
            device,
        };
        context.Handle(command, (parse, _) =>
        {
            var where = DeviceOption.Resolve(parse.GetValue(device));
            NativeLibraries.Load();
            var result = KernelBenchmark.Run(where);
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new BenchDocument("transformer.bench/1") { Kernels = result });
            else Print(context.Out, result);
            return ExitCodes.Done;
        });
        return command;
    }

    static void Print(TextWriter writer, KernelBenchmarkResult result)
    {
        void Line(FormattableString text) => writer.WriteLine(text.ToString(CultureInfo.InvariantCulture));
        Line($"{result.Device}, {result.Threads} threads, libtorch {result.Libtorch}, {result.CpuCapability}");
        foreach (var peak in result.Peaks) Line($"peak {peak.Precision}          {peak.FlopsPerSecond / 1e9,8:0} GFLOP/s");
        Line($"peak memory        {result.BytesPerSecond / 1e9,8:0.0} GB/s read and written");
        Line($"an operation costs {1e6 * result.OperationSeconds,8:0.00} µs at least");
        var wide = result.Kernels.Max(kernel => kernel.Kernel.Length);
        foreach (var kernel in result.Kernels)
            Line($"{kernel.Kernel.PadRight(wide)}  {kernel.Precision}  {1e3 * kernel.Seconds,8:0.000} ms  {kernel.PerSecond / 1e9,7:0.0} {(kernel.Bound == "memory" ? "GB/s   " : "GFLOP/s")}  {100 * kernel.Share,4:0} % of the peak");
    }
}
