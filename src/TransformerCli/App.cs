using System.CommandLine;
using TransformerCli.Commands;

namespace TransformerCli;

/// <summary>The command line: builds the tree of commands, parses, runs.</summary>
public static class App
{
    /// <summary>Runs one command line and returns its exit code.</summary>
    public static int Run(string[] arguments, TextReader input, TextWriter output, TextWriter error)
    {
        var context = new CliContext(input, output, error);
        var root = Root(context);
        // No response files: a prompt that starts with @ is a prompt.
        if (arguments.Contains("--version") && arguments.All(word => word is "--version" or "--json" or "--quiet" or "--verbose"))
            return Versions.Print(context, arguments.Contains("--json"));
        var configuration = new ParserConfiguration { ResponseFileTokenReplacer = null };
        var parse = root.Parse(arguments, configuration);
        if (TrainCommand.SpellOutResume(parse, arguments) is { } spelled) parse = root.Parse(arguments = spelled, configuration);
        if (ParseProblems.Of(parse) is { Count: > 0 } problems) return context.Fail(arguments.Contains("--json"), ExitCodes.UserError, problems);
        // No default handlers: they would end a save after two seconds and turn a bug into exit code 1 without a trace.
        var invocation = new InvocationConfiguration
        {
            Output = output, Error = error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null,
        };
        return parse.Invoke(invocation);
    }

    /// <summary>The tree of commands.</summary>
    public static RootCommand Root(CliContext context)
    {
        var root = new RootCommand("Trains, runs, evaluates and explains transformers.")
        {
            context.JsonOption, context.QuietOption, context.VerboseOption, context.LogFileOption,
        };
        // One line a command, each in its own file below Commands/.
        root.Add(TrainCommand.Create(context));
        root.Add(GenerateCommand.Create(context));
        root.Add(PredictCommand.Create(context));
        root.Add(EmbedCommand.Create(context));
        root.Add(AverageCommand.Create(context));
        root.Add(EvalCommand.Create(context));
        root.Add(ScoreCommand.Create(context));
        root.Add(BenchCommand.Create(context));
        root.Add(InspectCommand.Create(context));
        root.Add(PlotCommand.Create(context));
        root.Add(ReportCommand.Create(context));
        root.Add(DoctorCommand.Create(context));
        root.Add(DataCommand.Create(context));
        root.Add(ConfigCommand.Create(context));
        root.Add(CompletionCommand.Create(context));
        root.Add(TokenizerCommand.Create(context));
        return root;
    }
}
