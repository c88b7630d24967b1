using System.CommandLine;
using Transformers.Generators;

namespace TransformerCli.Commands;

/// <summary><c>data make translation|copy|reverse|sentiment</c>: writes a generated text task as files.</summary>
public static class DataMakeTextCommand
{
    /// <summary>One command for each task, to be added below <c>data make</c>.</summary>
    public static IEnumerable<Command> CreateAll(CliContext context) => Enum.GetValues<SyntheticKind>().Select(kind => Create(context, kind));

    /// <summary>The command of one task.</summary>
    public static Command Create(CliContext context, SyntheticKind kind)
    {
        var name = kind.ToString().ToLowerInvariant();
        var size = new Option<long>("--size") { Description = "Examples to learn from; validation and test take a twentieth each, from 50 to 1,000", DefaultValueFactory = _ => SyntheticText.DefaultSize(kind) };
        var seed = new Option<ulong>("--seed") { Description = "One seed always gives the same files", DefaultValueFactory = _ => 1 };
        var output = new Option<string>("--out") { Description = "The folder to write", HelpName = "DIR", DefaultValueFactory = _ => Path.Combine("data", name) };
        var command = new Command(name, $"{Describe(kind)}\n\nExample: transformer data make {name} --size 1000 --out data/{name}") { size, seed, output };
        context.Handle(command, (parse, cancel) =>
        {
            var report = SyntheticText.Write(kind, parse.GetValue(output)!, parse.GetValue(size), parse.GetValue(seed), cancel);
            if (parse.GetValue(context.JsonOption))
                context.WriteJson(new Document("transformer.data.make/1", name, report.Folder, report.Train, report.Validation, report.Test, report.Files));
            else
                context.Out.WriteLine($"{report.Folder}: {report.Train} examples to learn from, {report.Validation} for validation, {report.Test} for test ({string.Join(", ", report.Files)})");
            return ExitCodes.Done;
        });
        return command;
    }

    static string Describe(SyntheticKind kind) => kind switch
    {
        SyntheticKind.Translation => "English sentences and their translations into an invented language of strict rules (the best BLEU is 100)",
        SyntheticKind.Copy => "Sequences of ten symbols to be copied, as in the Annotated Transformer",
        SyntheticKind.Reverse => "Sequences of up to 25 numbers to be reversed, as in JoeyNMT's tutorial",
        _ => "Short reviews that are positive or negative by rule (the best accuracy is 1)",
    };

    sealed record Document(string Schema, string Kind, string Folder, long Train, long Validation, long Test, IReadOnlyList<string> Files);
}
