using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Transformers;
using Transformers.Configs;

namespace TransformerCli;

/// <summary>Says in the program's own words what is wrong with a command line.</summary>
static partial class ParseProblems
{
    /// <summary>All problems; none where the line can be run.</summary>
    internal static IReadOnlyList<Problem> Of(ParseResult parse)
    {
        if (parse.Errors.Count == 0) return Misspelt(parse) is { } option ? [new Problem($"{option} is no option of this command", Hint: NearOption(parse, option) ?? Help(parse))] : [];
        // One word that is not known makes several errors, of which it alone is to blame.
        if (parse.UnmatchedTokens.Count > 0) return [Unknown(parse, parse.UnmatchedTokens[0])];
        return [.. parse.Errors.Select(error => Told(parse, error)).Distinct()];
    }

    static string Help(ParseResult parse)
    {
        var words = new List<string>();
        for (SymbolResult? at = parse.CommandResult; at is CommandResult { Command: not RootCommand } command; at = at.Parent) words.Insert(0, command.Command.Name);
        return $"see {string.Join(' ', words.Prepend("transformer"))} --help";
    }

    static Problem Unknown(ParseResult parse, string word)
    {
        var command = parse.CommandResult.Command;
        if (word.StartsWith('-')) return new Problem($"{word} is no option of this command", Hint: NearOption(parse, word) ?? Help(parse));
        var names = command.Subcommands.Where(sub => !sub.Hidden).Select(sub => sub.Name).ToList();
        if (names.Count == 0) return new Problem($"{word} is one word too many", Hint: Help(parse));
        return new Problem($"{word} is no command{(command is RootCommand ? "" : $" of {command.Name}")}",
            Hint: Suggestion.For(word, names) is { } near ? $"did you mean {near}?" : $"there are {string.Join(", ", names)}");
    }

    static string? NearOption(ParseResult parse, string word)
    {
        var options = parse.CommandResult.Command.Options.Concat(parse.RootCommandResult.Command.Options.Where(option => option.Recursive));
        return Suggestion.For(word.Split('=')[0], options.Select(option => option.Name)) is { } near ? $"did you mean {near}?" : null;
    }

    static Problem Told(ParseResult parse, ParseError error)
    {
        var command = parse.CommandResult.Command;
        var message = error.Message;
        if (message.StartsWith("Required command was not provided", StringComparison.Ordinal))
            return new Problem($"{(command is RootCommand ? "a command is needed" : $"{command.Name} needs one of its parts")}: {string.Join(", ", command.Subcommands.Where(sub => !sub.Hidden).Select(sub => sub.Name))}", Hint: Help(parse));
        if (error.SymbolResult is ArgumentResult { Argument: var argument } && message.StartsWith("Required argument", StringComparison.Ordinal) && command.Arguments.Contains(argument))
            return new Problem($"{argument.Name} is missing: {argument.Description}", Hint: Help(parse));
        if (OptionRequired().Match(message) is { Success: true } required && OptionNamed(parse, required.Groups[1].Value) is { } wanted)
            return new Problem($"{wanted.Name} {wanted.HelpName} is missing: {wanted.Description}", Hint: Help(parse));
        if (ValueMissing().Match(message) is { Success: true } bare && OptionNamed(parse, bare.Groups[1].Value) is { } lone)
            return new Problem($"{lone.Name} needs a value: {lone.HelpName}", Hint: Help(parse));
        if (CannotParse().Match(message) is { Success: true } bad && OptionNamed(parse, bad.Groups[2].Value) is { } typed)
            return new Problem($"{typed.Name} ({bad.Groups[1].Value}) must be {TypeName(typed.ValueType)}", Hint: Help(parse));
        if (NotAmong().Match(message) is { Success: true } other)
        {
            var among = Quoted().Matches(message[other.Length..]).Select(match => match.Groups[1].Value);
            return new Problem($"{NameOf(error.SymbolResult)} ({other.Groups[1].Value}) must be one of {string.Join(", ", among)}");
        }
        return new Problem(message.ReplaceLineEndings(" "), Hint: Help(parse));
    }

    static string NameOf(SymbolResult? result) => result switch
    {
        OptionResult option => option.Option.Name,
        ArgumentResult { Parent: OptionResult option } => option.Option.Name,
        ArgumentResult argument => argument.Argument.Name,
        _ => "the value",
    };

    static Option? OptionNamed(ParseResult parse, string name) => parse.CommandResult.Command.Options.Concat(parse.RootCommandResult.Command.Options).FirstOrDefault(option => option.Name == name);

    static string TypeName(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type == typeof(int) || type == typeof(long) ? "a whole number" : type == typeof(ulong) ? "a whole number of at least 0" : type == typeof(double) ? "a number" : "of another form";
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

    [GeneratedRegex("^Option '([^']+)' is required")]
    private static partial Regex OptionRequired();

    [GeneratedRegex("^Required argument missing for option: '([^']+)'")]
    private static partial Regex ValueMissing();

    [GeneratedRegex("^Cannot parse argument '(.*)' for option '([^']+)'")]
    private static partial Regex CannotParse();

    [GeneratedRegex("^Argument '(.*)' not recognized. Must be one of:")]
    private static partial Regex NotAmong();

    [GeneratedRegex("'([^']*)'")]
    private static partial Regex Quoted();
}
