using System.CommandLine;
using System.Globalization;
using Transformers.Configs;
using Transformers.Inspection;
using TransformerCli.Progress;

namespace TransformerCli.Commands;

/// <summary><c>inspect</c>: what a config or run comes to in parameters, arithmetic, memory and time.</summary>
static class InspectCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var source = new Argument<string>("CONFIG|RUN") { Description = "A config file, the name of a ready config, or a run folder" };
        var sets = new Option<string[]>("--set") { Description = "Change a setting, such as model.layers=12", HelpName = "k=v", AllowMultipleArgumentsPerToken = true };
        var device = DeviceOption.Create();
        var precision = DeviceOption.CreatePrecision();
        var command = new Command("inspect", """
            Says what a config comes to: parameters, operations a token, memory by kind, and the time a step will take
            here, predicted from kernels that are measured in about a second.

            Example: transformer inspect gpt2-small --set model.layers=24
            """)
        {
            source, sets, device, precision,
        };
        context.Handle(command, (parse, _) =>
        {
            var name = parse.GetValue(source)!;
            var config = RunOrConfig.Load(name, parse.GetValue(sets));
            var where = DeviceOption.Resolve(parse.GetValue(device));
            var asked = parse.GetValue(precision) is { } text ? Enum.Parse<Precision>(text, ignoreCase: true) : (Precision?)null;
            var inspection = Inspector.Inspect(config, where, asked, name);
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
        writer.WriteLine(Invariant($"kind               {inspection.Model}, vocabulary {inspection.Vocabulary:N0}"));
        writer.WriteLine($"operations         {Si(inspection.Cost.TrainingFlops)}FLOP a token in training (6 x {Si(inspection.Cost.MatrixParameters)} and {Si(inspection.Cost.AttentionFlops)} for attention), {Si(inspection.Cost.ForwardFlops)}FLOP forwards");
        if (inspection.Training is { } plan) Print(writer, plan);
        foreach (var note in inspection.Notes) writer.WriteLine($"note: {note}");
    }

    static void Print(TextWriter writer, TrainingPlan plan)
    {
        var memory = plan.Memory;
        writer.WriteLine(Invariant($"batch              {plan.TokensPerStep:N0} tokens in {plan.SequencesPerStep:N0} sequences, {plan.MicroBatches} micro-batch{(plan.MicroBatches == 1 ? "" : "es")} a step"));
        writer.WriteLine(Invariant($"tokens             {Si((double)plan.TokensPerStep * plan.Steps)} in {plan.Steps:N0} steps, {plan.TokensPerParameter:0.#} a parameter"));
        writer.WriteLine($"memory             {ProgressText.Bytes(memory.Total)} at the peak, estimated:");
        foreach (var (kind, bytes) in new[]
        {
            ("weights", memory.Weights), ("gradients", memory.Gradients), ("optimizer", memory.Optimizer), ("average", memory.Average),
            ("activations", memory.Activations), ("checkpoint copy", memory.CheckpointCopy), ("program", memory.Program),
        })
            if (bytes > 0) writer.WriteLine($"  {kind,-16} {ProgressText.Bytes(bytes)}");
        writer.WriteLine(Invariant($"measured peak      {Si(plan.PeakFlopsPerSecond)}FLOP/s in {plan.Precision} on {plan.Device}"));
        writer.WriteLine(Invariant($"predicted step     {1000 * plan.Step.Seconds:0.#} ms (products {1000 * plan.Step.Products:0.#}, attention {1000 * plan.Step.Attention:0.#}, memory {1000 * plan.Step.Memory:0.#}, operations {1000 * plan.Step.Operations:0.#}), {100 * plan.Utilisation:0} % of the peak"));
        writer.WriteLine($"predicted speed    {ProgressText.Count(plan.TokensPerSecond)} tokens/s, {ProgressText.Time(TimeSpan.FromSeconds(Math.Min(plan.TotalSeconds, 1e9)))} for all steps");
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
