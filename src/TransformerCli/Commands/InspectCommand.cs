using System.CommandLine;
using System.Globalization;
using TransformerCli.Progress;
using Transformers.Benchmarks;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Training;

namespace TransformerCli.Commands;

/// <summary><c>inspect</c>: parameters, operations, memory and time of a config or run.</summary>
static class InspectCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var source = new Argument<string>("CONFIG|RUN") { Description = "A config file, the name of a ready config, or a run folder" };
        var sets = new Option<string[]>("--set") { Description = "Change a setting, such as model.layers=12", HelpName = "k=v", AllowMultipleArgumentsPerToken = true };
        var data = new Option<string?>("--data") { Description = "Read the data from this file or folder instead", HelpName = "PATH" };
        var devices = new Option<int>("--devices") { Description = "Estimate data-parallel training on N devices like this one from the measured step", HelpName = "N", DefaultValueFactory = _ => 1 };
        var link = new Option<double?>("--link") { Description = "Gigabytes a second between devices [default: what this machine's memory gives]", HelpName = "GB/S" };
        var noMeasure = new Option<bool>("--no-measure") { Description = "Run nothing: no activations, step time and throughput" };
        var device = DeviceOption.Create();
        var precision = DeviceOption.CreatePrecision();
        var command = new Command("inspect", """
            Prints the parameters of a config, its operations a token or image, and memory by kind; then runs one micro-batch
            of random inputs to measure activations, step time and throughput, as far as memory and 30 seconds allow.

            Example: transformer inspect gpt-stories --set model.layers=8 --devices 4
            """)
        {
            source, sets, data, devices, link, noMeasure, device, precision,
        };
        context.Handle(command, (parse, _) =>
        {
            if (parse.GetValue(devices) is < 1 or > 1_000_000) throw new UserException($"--devices ({parse.GetValue(devices)}) must be between 1 and 1000000");
            if (parse.GetValue(link) is { } speed && !(speed > 0 && double.IsFinite(speed)))
                throw new UserException(FormattableString.Invariant($"--link ({speed}) must be above 0 gigabytes a second, and finite"));
            if (parse.GetValue(noMeasure) && parse.GetValue(devices) > 1)
                throw new UserException("--devices needs the measured step, which --no-measure leaves out", "leave out one of the two");
            var name = parse.GetValue(source)!;
            var config = RunOrConfig.Load(name, parse.GetValue(sets));
            var where = DeviceOption.Resolve(parse.GetValue(device));
            var asked = parse.GetValue(precision) is { } text ? Enum.Parse<Precision>(text, ignoreCase: true) : (Precision?)null;
            if (parse.GetValue(data) is { } path)
                config = config is RunConfig run ? DataOverride.Apply(run, path) : throw new UserException("--data: a model alone has no data");
            var inspection = Inspector.Inspect(config, new InspectionOptions
            {
                Device = where, Precision = asked, Devices = parse.GetValue(devices), LinkBytesPerSecond = parse.GetValue(link) * 1e9,
                Measure = !parse.GetValue(noMeasure),
            });
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new InspectDocument("transformer.inspect/1", name, inspection));
            else Print(context.Out, inspection);
            return ExitCodes.Done;
        });
        return command;
    }

    static void Print(TextWriter writer, ModelInspection inspection)
    {
        var rows = ParameterTable.Grouped(inspection.Parameters);
        var wide = Math.Max(9, rows.Max(row => row.Name.Length));
        writer.WriteLine($"{"parameter".PadRight(wide)}  {"shape",-14}  {"times",5}  {"parameters",14}");
        foreach (var (name, shape, times, count) in rows)
            writer.WriteLine(Invariant($"{name.PadRight(wide)}  {string.Join(" x ", shape),-14}  {times,5}  {count,14:N0}"));
        writer.WriteLine(Invariant($"{"together".PadRight(wide)}  {"",-14}  {"",5}  {inspection.Cost.Parameters,14:N0}"));
        writer.WriteLine();
        var of = inspection.Vocabulary is { } vocabulary ? Invariant($", vocabulary {vocabulary:N0}") : Invariant($", {inspection.Classes:N0} classes");
        writer.WriteLine($"kind               {inspection.Model}{of}");
        var unit = inspection.Unit == "images" ? "an image" : "a token";
        writer.WriteLine($"operations         {Si(inspection.Cost.TrainingFlops)}FLOP {unit} in training, {Si(inspection.Cost.AttentionFlops)}FLOP of them for attention; {Si(inspection.Cost.ForwardFlops)}FLOP forward");
        if (inspection.Training is { } plan) Print(writer, plan, inspection.Unit);
        if (inspection.Measured is { } measured) Print(writer, measured, inspection);
        if (inspection.NotMeasured is { } reason) writer.WriteLine($"not measured       activations, step time and throughput: {reason}");
        foreach (var note in inspection.Notes) writer.WriteLine($"note: {note}");
    }

    static void Print(TextWriter writer, TrainingPlan plan, string unit)
    {
        var memory = plan.Memory;
        var lengths = plan.SequenceLengths is { } sizes ? $" of {string.Join(" and ", sizes)}" : "";
        var sequences = unit == "images" ? "" : Invariant($" in {plan.SequencesPerStep:N0} sequences{lengths}");
        writer.WriteLine(Invariant($"batch              {plan.UnitsPerStep:N0} {unit}{sequences}, {plan.MicroBatches} micro-batch{(plan.MicroBatches == 1 ? "" : "es")} a step"));
        writer.WriteLine(Invariant($"{unit,-18} {Si((double)plan.UnitsPerStep * plan.Steps).TrimEnd()} in {plan.Steps:N0} steps, {plan.UnitsPerParameter:0.###} a parameter"));
        writer.WriteLine($"memory             {ProgressText.Bytes(memory.Total)} without activations:");
        foreach (var (kind, bytes) in new[]
        {
            ("weights", memory.Weights), ("bf16 copies", memory.WeightCopies), ("gradients", memory.Gradients), ("optimizer", memory.Optimizer),
            ("average", memory.Average), ("checkpoint copy", memory.CheckpointCopy),
        })
            if (bytes > 0) writer.WriteLine($"  {kind,-16} {ProgressText.Bytes(bytes)}");
    }

    static void Print(TextWriter writer, StepMeasurement measured, ModelInspection inspection)
    {
        var (unit, rows) = (inspection.Unit, Invariant($"{measured.Rows:N0} {(inspection.Unit == "images" ? "image" : "sequence")}{(measured.Rows == 1 ? "" : "s")}"));
        if (measured.Activations is { } bytes) writer.WriteLine($"activations        {ProgressText.Bytes(bytes)}, measured with a micro-batch of {rows}");
        writer.WriteLine(Invariant($"measured step      {1000 * measured.StepSeconds:0.#} ms ({1000 * measured.PassSeconds:0.#} a micro-batch of {rows}, {1000 * measured.UpdateSeconds:0.#} the update), {100 * measured.Utilisation:0} % of the peak of {Si(measured.PeakFlopsPerSecond)}FLOP/s in {measured.Precision} on {measured.Device}"));
        var total = inspection.Training?.TotalSeconds is { } seconds ? $", {ProgressText.Time(TimeSpan.FromSeconds(Math.Min(seconds, 1e9)))} for all steps" : "";
        writer.WriteLine($"measured speed     {ProgressText.Count(measured.UnitsPerSecond)} {unit}/s{total}");
        if (inspection.Training?.Scaling is { } scaling)
            writer.WriteLine(Invariant($"on {scaling.Devices:N0} devices{"",-6} {ProgressText.Count(scaling.UnitsPerSecond)} {unit}/s, {1000 * scaling.StepSeconds:0.#} ms a step, {100 * scaling.Efficiency:0} % of {scaling.Devices:N0} times one; gradients at {scaling.BytesPerSecond / 1e9:0.#} GB/s"));
    }

    static string Si(double number) => number switch
    {
        >= 1e15 => Invariant($"{number / 1e15:0.##} P"),
        >= 1e12 => Invariant($"{number / 1e12:0.##} T"),
        >= 1e9 => Invariant($"{number / 1e9:0.##} G"),
        >= 1e6 => Invariant($"{number / 1e6:0.##} M"),
        >= 1e3 => Invariant($"{number / 1e3:0.##} k"),
        _ => Invariant($"{number:0} "),
    };

    static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    sealed record InspectDocument(string Schema, string Source, ModelInspection Inspection);
}
