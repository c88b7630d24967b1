using System.CommandLine.Parsing;
using System.Numerics;
using System.Text.RegularExpressions;

namespace TransformerCli;

/// <summary>Describes the mistakes on a command line in the program's own words.</summary>
static class ParseProblems
{
    static readonly string[] PathForms = ["FILE", "DIR", "PATH", "RUN", "CONFIG", "CHECKPOINT", "TOKENIZER"];

    /// <summary>All problems; none if the line can be run.</summary>
    internal static IReadOnlyList<Problem> Find(ParseResult parse)
    {
        // The parser's own conversion reads 0,5 as 5 and 1,000 as 1000.
        if (Malformed(parse).ToList() is { Count: > 0 } malformed && parse.UnmatchedTokens.Count == 0 && !Missing(parse).Any()) return malformed;
        if (parse.Errors.Count == 0) return MisspelledOption(parse) is { } option ? [UnknownOption(parse, option)] : [.. EmptyPaths(parse).Select(name => new Problem($"{name} must not be empty", Hint: Help(parse)))];
        // One unknown word causes several errors, of which only the first matters.
        if (parse.UnmatchedTokens.Count > 0) return [Unknown(parse, parse.UnmatchedTokens[0])];
        var missing = Missing(parse).ToList();
        // The command's own errors say that something is missing.
        var wrong = parse.Errors.Where(error => missing.Count == 0 || error.SymbolResult is OptionResult { Tokens.Count: > 0 } or ArgumentResult { Tokens.Count: > 0 }).Select(error => Describe(parse, error));
        return [.. missing.Concat(wrong).Distinct()];
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
        if (word.StartsWith('-')) return UnknownOption(parse, word);
        var names = Subcommands(command);
        if (names.Count == 0)
            return new Problem($"{word} is not expected here", Hint: command.Options.Any(option => option.Name == "--prompt") ? "a text follows --prompt, in quotes if it has several words" : Help(parse));
        return new Problem($"{word} is not a command{(command is RootCommand ? "" : $" of {command.Name}")}",
            Hint: Suggestion.For(word, names) is { } near ? $"did you mean {near}?" : $"the commands are {string.Join(", ", names)}");
    }

    static Problem UnknownOption(ParseResult parse, string word)
    {
        var options = parse.CommandResult.Command.Options.Concat(parse.RootCommandResult.Command.Options.Where(option => option.Recursive));
        return new Problem($"{word} is not an option of this command", Hint: OptionHint(parse, word.Split('=')[0], [.. options.Select(option => option.Name)]) ?? Help(parse));
    }

    // Other programs' names for options of this one.
    static readonly Dictionary<string, string> CommonOptionNames = new()
    {
        ["--num-beams"] = "--beams", ["--beam-size"] = "--beams", ["--num-return-sequences"] = "--num", ["--num-samples"] = "--num", ["--max-length"] = "--max-new-tokens",
        ["--output-dir"] = "--run", ["--out-dir"] = "--run", ["--resume-from-checkpoint"] = "--resume", ["--init-from"] = "--from",
        ["--num-processes"] = "--nproc", ["--nproc-per-node"] = "--nproc", ["--text"] = "--prompt", ["--file"] = "--input", ["--out"] = "--output",
    };

    // An option that is really a setting: --lr is closer in meaning to training.optimizer.lr than any option is in spelling.
    static string? OptionHint(ParseResult parse, string word, IReadOnlyList<string> options)
    {
        var dashed = word.ToLowerInvariant().Replace('_', '-');
        if (options.Contains(dashed)) return $"did you mean {dashed}?";
        if (CommonOptionNames.GetValueOrDefault(dashed) is { } common && options.Contains(common)) return $"did you mean {common}?";
        if (options.Contains("--set") && Suggestion.ForSetting(typeof(RunConfig), dashed.TrimStart('-').Replace('-', '_')) is { } setting)
            return $"it is a setting of the config: --set {setting}=…";
        return Suggestion.For(word, options) is { } near ? $"did you mean {near}?" : null;
    }

    static List<string> Subcommands(Command command) => [.. command.Subcommands.Where(sub => !sub.Hidden).Select(sub => sub.Name)];

    static IEnumerable<Problem> Missing(ParseResult parse)
    {
        var command = parse.CommandResult.Command;
        if (command.Action is null && Subcommands(command) is { Count: > 0 } names)
            yield return new Problem($"{(command is RootCommand ? "a command is needed" : $"{command.Name} needs a subcommand")}: {string.Join(", ", names)}", Hint: Help(parse));
        foreach (var argument in command.Arguments.Where(argument => argument.Arity.MinimumNumberOfValues > (parse.GetResult(argument)?.Tokens.Count ?? 0)))
            yield return new Problem($"{argument.Name} is missing: {argument.Description}", Hint: GreedyOption(parse) is { } greedy ? $"put {argument.Name} before {greedy}, which takes all words up to the next option" : Help(parse));
        foreach (var option in command.Options.Concat(parse.RootCommandResult.Command.Options))
            if (parse.GetResult(option) is not { IdentifierTokenCount: > 0 } given)
            {
                if (option.Required) yield return new Problem($"{option.Name} {option.HelpName} is missing: {option.Description}", Hint: Help(parse));
            }
            else if (given.Tokens.Count < option.Arity.MinimumNumberOfValues) yield return new Problem($"{option.Name} needs a value: {option.HelpName}", Hint: Help(parse));
    }

    // Errors that are not about a malformed number come from one of our validators.
    static Problem Describe(ParseResult parse, ParseError error)
    {
        var result = error.SymbolResult is ArgumentResult { Parent: OptionResult parent } ? parent : error.SymbolResult;
        return result is OptionResult given && Malformed(parse, given) is { } problem ? problem : new Problem(error.Message.ReplaceLineEndings(" "));
    }

    // Every number on the line that is not written as one.
    static IEnumerable<Problem> Malformed(ParseResult parse)
    {
        for (SymbolResult? at = parse.CommandResult; at is CommandResult command; at = at.Parent)
            foreach (var given in command.Children.OfType<OptionResult>())
                if (Malformed(parse, given) is { } problem) yield return problem;
    }

    static Problem? Malformed(ParseResult parse, OptionResult given)
    {
        var option = given.Option;
        foreach (var word in given.Tokens.Select(token => token.Value))
            if (ExpectedNumber(option.ValueType, word) is { } expected)
                return new Problem($"{option.Name} ({word}) must be {expected}", Hint: NumberHint.For(word)
                    ?? (option.AllowMultipleArgumentsPerToken ? $"{option.Name} takes all words up to the next option: put other arguments before it" : Help(parse)));
        return null;
    }

    // What a word should have been; null if it is right.
    static string? ExpectedNumber(Type type, string word)
    {
        type = type.GetElementType() ?? Nullable.GetUnderlyingType(type) ?? type;
        return type == typeof(int) ? WholeNumber<int>(word) : type == typeof(long) ? WholeNumber<long>(word) : type == typeof(ulong) ? WholeNumber<ulong>(word)
            : type == typeof(double) && Numbers.Read(word) is null ? "a number" : null;
    }

    static string? WholeNumber<T>(string word) where T : struct, INumber<T>, IMinMaxValue<T>
    {
        if (!Numbers.IsWhole(word)) return T.IsZero(T.MinValue) ? "a whole number of at least 0" : "a whole number";
        if (T.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)) return null;
        // A whole number that is too large or too small needs the bound.
        return word[0] == '-' ? $"a whole number of at least {T.MinValue}" : $"a whole number up to {T.MaxValue}";
    }

    // An option that took a word that is probably not meant for it.
    static string? GreedyOption(ParseResult parse) => parse.CommandResult.Children.OfType<OptionResult>()
        .FirstOrDefault(result => result.Option.AllowMultipleArgumentsPerToken && result.Tokens.Count > 1 && result.Tokens[^1].Value.IndexOfAny(['=', '<', '>']) < 0)?.Option.Name;

    // An empty word for a file, as an unset variable in a script gives, would otherwise mean the working folder.
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

    // An argument that may be repeated accepts an unknown option as one of its values: --josn would be a config.
    static string? MisspelledOption(ParseResult parse)
    {
        if (parse.Tokens.Any(token => token.Type == TokenType.DoubleDash)) return null;
        var results = parse.CommandResult.Children;
        var words = results.OfType<ArgumentResult>().SelectMany(result => result.Tokens)
            .Concat(results.OfType<OptionResult>().Where(result => result.Option.AllowMultipleArgumentsPerToken).SelectMany(result => result.Tokens));
        return words.Select(token => token.Value).FirstOrDefault(word => word.StartsWith("--", StringComparison.Ordinal) && word.Length > 2);
    }
}

/// <summary>How numbers are written on the command line: digits with a decimal point, without thousands separators.</summary>
static partial class Numbers
{
    /// <summary>Whether a word is a whole number of any size.</summary>
    internal static bool IsWhole(string word) => Whole().IsMatch(word);

    /// <summary>Reads a finite number; null if the word is not one.</summary>
    internal static double? Read(string word) =>
        Form().IsMatch(word) && double.Parse(word, NumberStyles.Float, CultureInfo.InvariantCulture) is var number && double.IsFinite(number) ? number : null;

    [GeneratedRegex(@"^[-+]?[0-9]+\z")]
    private static partial Regex Whole();

    [GeneratedRegex(@"^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?\z")]
    private static partial Regex Form();
}
