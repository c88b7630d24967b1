using System.CommandLine;
using System.CommandLine.Parsing;
using Transformers;
using Transformers.Configs;
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
        if (arguments is ["--version"]) return Versions.Print(context);
        var parse = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parse.Errors.Count > 0)
            return context.Fail(arguments.Contains("--json"), ExitCodes.UserError,
                [.. parse.Errors.Select(e => new Problem(e.Message, Hint: Near(parse) ?? "see --help"))]);
        if (Misspelt(parse) is { } option)
            return context.Fail(arguments.Contains("--json"), ExitCodes.UserError, [new Problem($"{option} is no option of this command", Hint: NearOption(parse, option) ?? "see --help")]);
        // No default handlers: they would end a save after two seconds and turn a bug into exit code 1 without a trace.
        var invocation = new InvocationConfiguration
        {
            Output = output, Error = error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null,
        };
        return parse.Invoke(invocation);
    }

    // The command or option that a word which is neither may have been meant for.
    static string? Near(ParseResult parse)
    {
        if (parse.UnmatchedTokens.Count == 0) return null;
        var word = parse.UnmatchedTokens[0];
        var command = parse.CommandResult.Command;
        if (word.StartsWith('-')) return NearOption(parse, word);
        return Suggestion.For(word, command.Subcommands.Select(sub => sub.Name)) is { } near ? $"did you mean {near}?" : null;
    }

    static string? NearOption(ParseResult parse, string word)
    {
        var options = parse.CommandResult.Command.Options.Concat(parse.RootCommandResult.Command.Options.Where(option => option.Recursive));
        return Suggestion.For(word, options.Select(option => option.Name)) is { } near ? $"did you mean {near}?" : null;
    }

    // An argument that may be repeated takes an unknown option for one of its values: --josn would be a config.
    static string? Misspelt(ParseResult parse)
    {
        if (parse.Tokens.Any(token => token.Type == TokenType.DoubleDash)) return null;
        var results = parse.CommandResult.Children;
        var words = results.OfType<ArgumentResult>().SelectMany(result => result.Tokens)
            .Concat(results.OfType<OptionResult>().Where(result => result.Option.AllowMultipleArgumentsPerToken).SelectMany(result => result.Tokens));
        return words.Select(token => token.Value).FirstOrDefault(word => word.StartsWith("--", StringComparison.Ordinal) && word.Length > 2);
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
