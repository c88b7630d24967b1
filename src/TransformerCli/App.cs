using System.CommandLine;
using Transformers;
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
        var parse = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parse.Errors.Count > 0)
            return context.Fail(arguments.Contains("--json"), ExitCodes.UserError,
                [.. parse.Errors.Select(e => new Problem(e.Message, Hint: "see --help"))]);
        // No default handlers: they would end a save after two seconds and turn a bug into exit code 1 without a trace.
        var invocation = new InvocationConfiguration
        {
            Output = output, Error = error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null,
        };
        return parse.Invoke(invocation);
    }

    static RootCommand Root(CliContext context)
    {
        var root = new RootCommand("Trains, runs, evaluates and explains transformers.")
        {
            context.JsonOption, context.QuietOption, context.VerboseOption, context.LogFileOption,
        };
        // One line a command, each in its own file below Commands/.
        root.Add(TrainCommand.Create(context));
        root.Add(GenerateCommand.Create(context));
        root.Add(InspectCommand.Create(context));
        root.Add(PlotCommand.Create(context));
        root.Add(ReportCommand.Create(context));
        root.Add(DoctorCommand.Create(context));
        root.Add(ConfigCommand.Create(context));
        root.Add(TokenizerCommand.Create(context));
        return root;
    }
}
