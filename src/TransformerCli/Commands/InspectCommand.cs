using System.CommandLine;
using TransformerCli.Output;
using Transformers.Benchmarks;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Training;

namespace TransformerCli.Commands;

/// <summary><c>inspect</c>: parameters, FLOPs, memory and time of a config or run.</summary>
static class InspectCommand
{
    public static Command Create(CliContext context)
    {
        var (source, sets, data) = (CommonOptions.ConfigOrRun(), CommonOptions.Sets(), CommonOptions.Data());
        var devices = new Option<int>("--devices") { Description = "Predict training on N devices like this one, which divide the batch, from measured passes over one device's part", HelpName = "N", DefaultValueFactory = _ => 1 };
        var link = new Option<double?>("--link") { Description = "Bandwidth between devices in gigabytes per second [default: this machine's memory bandwidth]", HelpName = "GB/S" };
        var latency = new Option<double>("--latency") { Description = "Latency of a message between devices, in microseconds", HelpName = "US", DefaultValueFactory = _ => 0 };
        var noMeasure = new Option<bool>("--no-measure") { Description = "Measure nothing: no activations, step time or throughput" };
        var (device, precision) = (CommonOptions.Device(), CommonOptions.Precision("the config's"));
        return context.Create("inspect", """
            Prints the parameters of a config, its FLOPs per token or image, and memory by kind; then runs one micro-batch of
            random inputs to measure activations, step time and throughput, if there is enough memory and 30 seconds are enough.
            A multiplication and an addition are two FLOPs; many papers count them as one.

            Example: transformer inspect gpt-stories --set model.layers=8 --devices 4
            """, [source, sets, data, devices, link, latency, noMeasure, device, precision], (parse, _) =>
        {
            if (parse.GetValue(devices) is < 1 or > 1_000_000) throw new UserException($"--devices ({parse.GetValue(devices)}) must be between 1 and 1000000");
            if (parse.GetValue(link) is { } speed && !(speed > 0 && double.IsFinite(speed)))
                throw new UserException($"--link ({speed}) must be above 0 gigabytes per second, and finite");
            if (parse.GetValue(latency) is var delay && !(delay >= 0 && double.IsFinite(delay)))
                throw new UserException($"--latency ({delay}) must be at least 0 microseconds, and finite");
            if (parse.GetValue(noMeasure) && parse.GetValue(devices) > 1)
                throw new UserException("--devices needs the measured step, which --no-measure skips", "leave out one of the two");
            var name = parse.GetValue(source)!;
            var config = CommonOptions.LoadConfig(name, parse.GetValue(sets));
            var where = parse.ResolveDevice(context, device);
            var asked = parse.GetValue(precision) is { } text ? Enum.Parse<Precision>(text, ignoreCase: true) : (Precision?)null;
            if (parse.GetValue(data) is { } path)
                config = config is RunConfig run ? DataOverride.Apply(run, path) : throw new UserException("--data: a config with only a model does not use data");
            var inspection = Inspector.Inspect(config, new InspectionOptions
            {
                Device = where, Precision = asked, Devices = parse.GetValue(devices), LinkBytesPerSecond = parse.GetValue(link) * 1e9, LinkLatencySeconds = parse.GetValue(latency) / 1e6,
                Measure = !parse.GetValue(noMeasure), Progress = context.Error.Progress.Watch($"inspecting {name}"),
            });
            return context.Print(parse, new { Schema = "transformer.inspect/1", Source = name, Inspection = inspection }, writer => Print(writer, inspection));
        });
    }

    static void Print(TextWriter writer, ModelInspection inspection)
    {
        var table = new TextTable("parameter", "shape", ">times", ">parameters");
        foreach (var (name, shape, times, count) in ParameterTable.Grouped(inspection.Parameters)) table.Add(name, string.Join(" x ", shape), $"{times}", $"{count:N0}");
        table.Add("total", "", "", $"{inspection.Cost.Parameters:N0}");
        table.Write(writer);
        writer.WriteLine();
        var of = inspection.Vocabulary is { } vocabulary ? $", vocabulary {vocabulary:N0}" : inspection.Classes is { } classes ? $", {Amount.Of(classes, "class", "classes")}" : "";
        writer.WriteLine($"kind               {inspection.Model}{of}");
        var unit = inspection.Unit == "images" ? "per image" : "per token";
        writer.WriteLine($"FLOPs              {ProgressText.Si(inspection.Cost.TrainingFlops)}FLOP {unit} in training, {ProgressText.Si(inspection.Cost.AttentionFlops)}FLOP of them for attention; {ProgressText.Si(inspection.Cost.ForwardFlops)}FLOP forward");
        if (inspection.Training is { } plan) Print(writer, plan, inspection.Unit);
        if (inspection.Measured is { } measured) Print(writer, measured, inspection);
        if (inspection.NotMeasured is { } reason) writer.WriteLine($"not measured       activations, step time and throughput: {reason}");
        foreach (var note in inspection.Notes) writer.WriteLine($"note: {note}");
    }

    static void Print(TextWriter writer, TrainingPlan plan, string unit)
    {
        var memory = plan.Memory;
        var lengths = plan.SequenceLengths is { } sizes ? $" of {string.Join(" and ", sizes)}" : "";
        var sequences = unit == "images" ? "" : $" in {Amount.Of(plan.SequencesPerStep, "sequence")}{lengths}";
        writer.WriteLine($"batch              {plan.UnitsPerStep:N0} {unit}{sequences}, {Amount.Of(plan.MicroBatches, "micro-batch", "micro-batches")} per step");
        writer.WriteLine($"{unit,-18} {ProgressText.Si((double)plan.UnitsPerStep * plan.Steps).TrimEnd()} in {Amount.Of(plan.Steps, "step")}, {plan.UnitsPerParameter:0.###} per parameter");
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
        var (unit, rows) = (inspection.Unit, Amount.Of(measured.Rows, inspection.Unit == "images" ? "image" : "sequence"));
        if (measured.Activations is { } bytes) writer.WriteLine($"activations        {ProgressText.Bytes(bytes)}, measured with a micro-batch of {rows}");
        writer.WriteLine($"measured step      {1000 * measured.StepSeconds:0.#} ms ({1000 * measured.PassSeconds:0.#} per micro-batch of {rows}, {1000 * measured.UpdateSeconds:0.#} for the update), {100 * measured.Utilisation:0} % of the peak of {ProgressText.Si(measured.PeakFlopsPerSecond)}FLOP/s in {measured.Precision} on {measured.Device}");
        var total = inspection.Training?.TotalSeconds is { } seconds ? $", {ProgressText.Time(TimeSpan.FromSeconds(Math.Min(seconds, 1e9)))} for all steps" : "";
        writer.WriteLine($"measured speed     {ProgressText.Count(measured.UnitsPerSecond)} {unit}/s{total}");
        if (inspection.Training?.Scaling is { } scaling)
            writer.WriteLine($"on {Amount.Of(scaling.Devices, "device")}{"",-6} {ProgressText.Count(scaling.UnitsPerSecond)} {unit}/s, {1000 * scaling.StepSeconds:0.#} ms per step, {100 * scaling.Efficiency:0} % of {scaling.Devices:N0} times one device; exchanges {1000 * scaling.ExchangeSeconds:0.#} ms at {scaling.BytesPerSecond / 1e9:0.##} GB/s, {1000 * scaling.HiddenSeconds:0.#} of them behind the backward pass");
    }
}
