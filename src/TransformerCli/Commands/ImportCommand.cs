using System.CommandLine;
using Transformers.Interchange.HuggingFace;
using Transformers.IO;

namespace TransformerCli.Commands;

/// <summary><c>import</c>: turns another program's model into a run.</summary>
static class ImportCommand
{
    public static Command Create(CliContext context)
    {
        var folder = new Argument<string>("DIR") { Description = "A folder from Hugging Face's transformers or from timm: config.json, model.safetensors (one file, or several with an index) and the tokenizer", HelpName = "DIR" };
        var output = new Option<string>("--output") { Description = "The new run folder", HelpName = "RUN", Required = true };
        var command = new Command("import", """
            Turns another program's model into a run, for generate, eval, plot, export and train --from.

            Example: transformer import downloads/gpt2 --output runs/gpt2
            """)
        {
            folder, output,
        };
        context.Handle(command, (parse, _) =>
        {
            var made = HuggingFaceImport.Import(parse.GetValue(folder)!, parse.GetValue(output)!);
            if (parse.GetValue(context.JsonOption))
            {
                context.WriteJson(new Report("transformer.import/1", made.Output, made.Layout, made.Model, made.Parameters, made.Tensors, made.Ignored, made.Notes));
                return ExitCodes.Done;
            }
            foreach (var note in made.Notes) context.Error.WriteLine($"note: {note}");
            if (made.Ignored.Count > 0) context.Error.WriteLine($"note: {Amount.Of(made.Ignored.Count, "tensor that this program does not use was", "tensors that this program does not use were")} skipped: {string.Join(", ", made.Ignored.Take(5))}{(made.Ignored.Count > 5 ? ", …" : "")}");
            context.Out.WriteLine(FormattableString.Invariant($"{made.Output}: {made.Model} from the layout {made.Layout}, {Amount.Of(made.Parameters, "weight")} in {Amount.Of(made.Tensors, "tensor")}"));
            return ExitCodes.Done;
        });
        return command;
    }

    sealed record Report(string Schema, string Run, string Layout, string Model, long Parameters, int Tensors, IReadOnlyList<string> Ignored, IReadOnlyList<string> Notes);
}
