using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Transformers.Configs;
using Transformers.IO;

namespace TransformerCli;

/// <summary>Says in the program's own words what is wrong with a command line.</summary>
static partial class ParseProblems
{
    /// <summary>All problems; none where the line can be run.</summary>
    internal static IReadOnlyList<Problem> Of(ParseResult parse)
    {
        if (parse.Errors.Count == 0 && Misspelt(parse) is { } option) return [new Problem($"{option} is no option of this command", Hint: NearOption(parse, option) ?? Help(parse))];
        if (parse.Errors.Count == 0) return [.. EmptyPaths(parse).Select(name => new Problem($"{name} must not be empty", Hint: Help(parse)))];
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
            return new Problem($"{argument.Name} is missing: {argument.Description}", Hint: Greedy(parse) is { } greedy ? $"put {argument.Name} before {greedy}, which takes all words up to the next option" : Help(parse));
        if (OptionRequired().Match(message) is { Success: true } required && OptionNamed(parse, required.Groups[1].Value) is { } wanted)
            return new Problem($"{wanted.Name} {wanted.HelpName} is missing: {wanted.Description}", Hint: Help(parse));
        if (ValueMissing().Match(message) is { Success: true } bare && OptionNamed(parse, bare.Groups[1].Value) is { } lone)
            return new Problem($"{lone.Name} needs a value: {lone.HelpName}", Hint: Help(parse));
        if (CannotParse().Match(message) is { Success: true } bad && OptionNamed(parse, bad.Groups[2].Value) is { } typed)
            return new Problem($"{typed.Name} ({bad.Groups[1].Value}) must be {TypeName(typed.ValueType, bad.Groups[1].Value)}",
                Hint: typed.AllowMultipleArgumentsPerToken ? $"{typed.Name} takes all words up to the next option: what is not meant for it stands before it" : Help(parse));
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

    static string TypeName(Type type, string given)
    {
        type = type.GetElementType() ?? Nullable.GetUnderlyingType(type) ?? type;
        // Only who wrote a whole number needs to hear how far they go.
        var whole = WholeNumber().IsMatch(given);
        return type == typeof(int) ? whole ? $"a whole number {(given[0] == '-' ? $"of at least {int.MinValue}" : $"up to {int.MaxValue}")}" : "a whole number"
            : type == typeof(long) ? whole ? $"a whole number {(given[0] == '-' ? $"of at least {long.MinValue}" : $"up to {long.MaxValue}")}" : "a whole number"
            : type == typeof(ulong) ? whole && given[0] != '-' ? $"a whole number up to {ulong.MaxValue}" : "a whole number of at least 0"
            : type == typeof(double) ? "a number" : "of another form";
    }

    // An option that took a word which looks like none of its own.
    static string? Greedy(ParseResult parse) => parse.CommandResult.Children.OfType<OptionResult>()
        .FirstOrDefault(result => result.Option.AllowMultipleArgumentsPerToken && result.Tokens.Count > 1 && result.Tokens[^1].Value.IndexOfAny(['=', '<', '>']) < 0)?.Option.Name;

    // An empty word for a file, as an unset variable in a script gives, would be told of in the file system's words, or taken for the working folder.
    static IEnumerable<string> EmptyPaths(ParseResult parse)
    {
        for (SymbolResult? at = parse.CommandResult; at is CommandResult command; at = at.Parent)
            foreach (var child in command.Children)
            {
                var (name, form) = child switch
                {
                    OptionResult option => (option.Option.Name, option.Option.HelpName ?? ""),
                    ArgumentResult argument => (argument.Argument.Name, argument.Argument.Name == "NAME" ? "FILE" : argument.Argument.Name),
                    _ => ("", ""),
                };
                if (child.Tokens.Any(token => token.Value.Length == 0) && form.Split('|').Any(PathForms.Contains)) yield return name;
            }
    }

    static readonly string[] PathForms = ["FILE", "DIR", "PATH", "RUN", "CONFIG", "CHECKPOINT", "TOKENIZER"];

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

    [GeneratedRegex(@"^[-+]?\d+\z")]
    private static partial Regex WholeNumber();

    [GeneratedRegex("'([^']*)'")]
    private static partial Regex Quoted();
}
