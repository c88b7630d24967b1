namespace Transformers.IO;

/// <summary>One problem in the user's input: where it is, what is wrong, what would help.</summary>
/// <param name="Message">Subject, value and rule, for example <c>model.width (385) must be divisible by model.heads (6)</c>.</param>
/// <param name="File">The file it was read from, if any.</param>
/// <param name="Line">Line in that file, from 1, if known.</param>
/// <param name="Column">Column in that line, from 1, if known.</param>
/// <param name="Path">The dotted path of the setting, if any.</param>
/// <param name="Hint">The remedy, if it is not clear from the message.</param>
public sealed record Problem(string Message, string? File = null, int? Line = null, int? Column = null, string? Path = null, string? Hint = null)
{
    /// <summary>The problem as one line of text: <c>file:line:column: path: message (hint)</c>.</summary>
    public override string ToString()
    {
        var position = File is null ? "" : MessageText.OneLine(File) + (Line is null ? ": " : Column is null ? $":{Line}: " : $":{Line}:{Column}: ");
        // A message that starts with the path need not repeat it.
        var path = Path is null || Message.StartsWith(Path, StringComparison.Ordinal) ? "" : $"{Path}: ";
        var hint = Hint is null ? "" : $" ({Hint})";
        return position + path + Message + hint;
    }
}

/// <summary>A user's mistake, as opposed to a bug: shown as a message without a stack trace, exit code 2.</summary>
public class UserException : Exception
{
    /// <summary>All problems found, at least one.</summary>
    public IReadOnlyList<Problem> Problems { get; }

    /// <summary>One problem as a sentence.</summary>
    public UserException(string message, string? hint = null, Exception? inner = null)
        : this([new Problem(message, Hint: hint)], inner) { }

    /// <summary>Several problems, reported together.</summary>
    public UserException(IReadOnlyList<Problem> problems, Exception? inner = null)
        : base(string.Join(Environment.NewLine, problems), inner) => Problems = problems;

    /// <summary>The first problem with what a user gave; null where it can be used.</summary>
    /// <param name="use">Uses it.</param>
    internal static Problem? ProblemOf(Action use)
    {
        try
        {
            use();
            return null;
        }
        catch (UserException exception)
        {
            return exception.Problems[0];
        }
    }
}

/// <summary>Makes untrusted text safe to show in a message: one line, no control characters, not too long.</summary>
public static class MessageText
{
    /// <summary>A text, such as the name of a file, in one line and without characters that control a terminal.</summary>
    public static string OneLine(string text) => !text.Any(IsControl) ? text : string.Concat(text.Select(c => IsControl(c) ? Escape(c.ToString()) : c.ToString()));

    static bool IsControl(char c) => char.IsControl(c) || c is '\u2028' or '\u2029' or (>= '\u202a' and <= '\u202e');

    /// <summary>The start of a text in one line, without control characters and surrogates.</summary>
    /// <param name="text">The text.</param>
    /// <param name="longest">The number of characters after which it is cut.</param>
    public static string Escape(string text, int longest = 60)
    {
        var shown = new StringBuilder();
        foreach (var c in text)
        {
            if (shown.Length >= longest) return shown.Append('…').ToString();
            shown.Append(c switch
            {
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                _ when IsControl(c) || char.IsSurrogate(c) => $"\\u{(int)c:x4}",
                _ => c.ToString(),
            });
        }
        return shown.ToString();
    }

    /// <summary>The same in quotation marks.</summary>
    /// <inheritdoc cref="Escape"/>
    public static string Quote(string text, int longest = 120) => $"'{Escape(text, longest)}'";
}

/// <summary>Counts as messages write them: 1 line, 1,200 lines.</summary>
public static class Amount
{
    /// <summary>A number and what is counted.</summary>
    /// <param name="count">The number.</param>
    /// <param name="one">A noun in the singular, perhaps after other words, such as <c>training image</c>.</param>
    /// <param name="several">Its plural; by default the singular, with an s unless it ends in one, like <c>series</c>.</param>
    public static string Of(long count, string one, string? several = null) =>
        FormattableString.Invariant($"{count:N0} {(count == 1 ? one : several ?? (one.EndsWith('s') ? one : one + "s"))}");
}
