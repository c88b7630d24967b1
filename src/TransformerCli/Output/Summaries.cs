using Spectre.Console;

namespace TransformerCli.Output;

/// <summary>What <c>train</c> prints at its end.</summary>
static class Summaries
{
    /// <summary>The result of one run.</summary>
    /// <param name="writer">Where it is printed.</param>
    /// <param name="result">The result.</param>
    /// <param name="batches">Over how many batches validations were compared; null for the whole split.</param>
    internal static void Write(TextWriter writer, TrainResult result, int? batches)
    {
        writer.WriteLine($"run          {result.Run}");
        writer.WriteLine($"steps        {result.Steps} in {result.Seconds:F1}s, {(result.TokensPerSecond is { } tokens ? $"{ProgressText.Count(tokens)} tokens/s" : $"{ProgressText.Count(result.ImagesPerSecond ?? 0)} images/s")}, {result.Precision} on {result.Device}");
        if (result.TrainLoss is { } train) writer.WriteLine($"train_loss   {train:F4}");
        if (result.ValLoss is { } loss) writer.WriteLine($"val_loss     {loss:F4}");
        if (result.Best is { } best) writer.WriteLine($"best         {best.ValLoss:F4} at step {best.Step}{(batches is { } some ? $" (over {Amount.Of(some, "batch", "batches")}; val_loss is over the whole split)" : "")}");
        foreach (var (name, value) in result.Metrics) writer.WriteLine($"{name,-12} {value:0.####}");
        if (result.SkippedSteps > 0) writer.WriteLine($"skipped      {Amount.Of(result.SkippedSteps, "step")} whose loss or gradient was not a number");
        if (result.RollBacks > 0) writer.WriteLine($"rolled back  {Amount.Of(result.RollBacks, "time")} to an earlier checkpoint");
        WriteStopped(writer, result.Stopped);
    }

    /// <summary>The result of several seeds.</summary>
    internal static void Write(TextWriter writer, SeedsResult result)
    {
        writer.WriteLine($"runs         {result.Runs.Count} of {result.Seeds.Count} seeds in {result.Run}");
        foreach (var (name, mean) in result.Mean)
            writer.WriteLine($"{name,-12} {Number(mean)}{(result.Deviation is { } deviation ? $" ± {Number(deviation[name])}" : "")}");
        WriteStopped(writer, result.Stopped);
    }

    /// <summary>What a dry run found.</summary>
    internal static void Write(TextWriter writer, DryRunResult result)
    {
        var state = result.State switch
        {
            "resumes" => $"resumes from step {result.From}",
            "finished" => $"finished at step {result.From}: nothing left to do",
            _ => "new",
        };
        writer.WriteLine($"run          {result.Run} ({state})");
        if (result.Seeds is { } seeds) writer.WriteLine($"seeds        {string.Join(", ", seeds)}");
        writer.WriteLine($"model        {result.Model} with {result.Parameters:N0} parameters, {result.Precision} on {result.Device}");
        writer.WriteLine($"training     to step {result.Steps:N0}, {result.UnitsPerStep:N0} {result.Unit} in the first, in {Amount.Of(result.MicroBatches, "pass", "passes")}");
        writer.WriteLine($"first pass   loss {result.Loss:F4}, gradient norm {result.GradientNorm:F2}{(result.ValLoss is { } loss ? $", validation batch {loss:F4}" : ", no validation data")}");
        writer.WriteLine($"memory       {ProgressText.Bytes(result.Memory.Needed)} needed{Available(result.Memory.Available)}");
        writer.WriteLine($"disk         {ProgressText.Bytes(result.Disk.Needed)} for checkpoints of {ProgressText.Bytes(result.Disk.Checkpoint)}{Available(result.Disk.Available)}");
    }

    static void WriteStopped(TextWriter writer, string? reason)
    {
        var remedy = reason switch
        {
            null => null,
            TrainResult.Patience => "raise training.validate.patience to continue",
            "max_steps" => "the same command with a larger --max-steps, or without it, continues",
            _ => "the same command continues",
        };
        if (remedy is not null) writer.WriteLine($"stopped      {reason}; {remedy}");
    }

    static string Available(long? available) => available is { } bytes ? $", {ProgressText.Bytes(bytes)} available" : "";

    static string Number(double value) => Math.Abs(value) >= 1e4 ? ProgressText.Count(value) : value.ToString("0.####");
}

/// <summary>Numbers and reports in a readable form.</summary>
static class ProgressText
{
    internal static string Describe(StepReport report)
    {
        var utilisation = report.Utilisation is { } fraction ? $"  mfu {fraction:P0}" : "";
        var device = report.DeviceMemory is { Own: { } own } ? $"  device {Bytes(own)}" : "";
        var others = report.OtherCores is >= 0.5 and { } cores ? $"  {cores:F1} cores busy elsewhere" : "";
        return $"step {report.Step}/{report.Steps}  loss {report.Loss:F4}  lr {report.LearningRate:0.0e+0}  norm {report.GradientNorm:F2}  {Count(report.UnitsPerSecond)} {report.Unit}/s{utilisation}  {Bytes(report.MemoryBytes)}{device}{others}  eta {Time(report.Remaining)}";
    }

    internal static string Describe(ValidationReport report) =>
        $"step {report.Step}  val_loss {report.Loss:F4}{string.Concat(report.Metrics.Select(metric => $"  {metric.Key} {metric.Value:0.####}"))}{(report.IsBest ? "  (best)" : "")}  {report.Seconds:F1}s";

    internal static string Bytes(long bytes) => bytes >= 1 << 30 ? $"{bytes / (double)(1 << 30):F2} GiB" : $"{bytes / (double)(1 << 20):F0} MiB";

    internal static string Count(double number) => number >= 1e6 ? $"{number / 1e6:F2}M" : number >= 1e4 ? $"{number / 1e3:F1}k" : $"{number:F0}";

    internal static string Time(TimeSpan time) => time.TotalHours >= 1 ? $"{(int)time.TotalHours}h{time.Minutes:00}m" : $"{time.Minutes}m{time.Seconds:00}s";

    /// <summary>A number with an SI prefix, to be followed by its unit.</summary>
    internal static string Si(double number) => number switch
    {
        >= 1e15 => $"{number / 1e15:0.##} P",
        >= 1e12 => $"{number / 1e12:0.##} T",
        >= 1e9 => $"{number / 1e9:0.##} G",
        >= 1e6 => $"{number / 1e6:0.##} M",
        >= 1e3 => $"{number / 1e3:0.##} k",
        _ => $"{number:0} ",
    };
}

/// <summary>Rows and columns: with borders on a terminal, aligned text elsewhere.</summary>
/// <param name="columns">The columns' headers; a column whose header begins with &gt; is aligned to the right.</param>
sealed class TextTable(params string[] columns)
{
    static readonly bool Terminal = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");

    readonly List<string[]> rows = [];

    internal void Add(params string[] cells) => rows.Add(cells);

    /// <summary>Writes the table.</summary>
    /// <param name="writer">Standard output.</param>
    /// <param name="heads">Whether the headers are written.</param>
    internal void Write(TextWriter writer, bool heads = true)
    {
        if (Terminal && ProgressDisplay.IsWide && writer is GuardedWriter { IsStream: true }) WriteBordered(writer, heads);
        else WritePlain(writer, heads);
    }

    void WriteBordered(TextWriter writer, bool heads)
    {
        var table = new Table { Border = TableBorder.Rounded, ShowHeaders = heads };
        foreach (var column in columns) table.AddColumn(new TableColumn(Markup.Escape(column.TrimStart('>'))) { Alignment = column.StartsWith('>') ? Justify.Right : Justify.Left });
        foreach (var row in rows) table.AddRow([.. row.Select(Markup.Escape)]);
        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) }).Write(table);
    }

    void WritePlain(TextWriter writer, bool heads)
    {
        var lines = heads ? rows.Prepend([.. columns.Select(column => column.TrimStart('>'))]).ToList() : rows;
        var widths = columns.Select((_, i) => lines.Max(line => line[i].Length)).ToList();
        foreach (var line in lines)
            writer.WriteLine(string.Join("  ", line.Select((cell, i) => columns[i].StartsWith('>') ? cell.PadLeft(widths[i]) : cell.PadRight(widths[i]))).TrimEnd());
    }
}
