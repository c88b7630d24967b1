using System.Globalization;

namespace Benchmarks.Against;

/// <summary>The options of <c>scripts/bench --against FOLDER</c>.</summary>
/// <param name="Other">The other checkout.</param>
/// <param name="Rows">The rows to measure; all if none is named.</param>
/// <param name="Pairs">The number of times that both sides run, alternately.</param>
/// <param name="Seconds">The approximate seconds that a run measures, after its warm-up.</param>
/// <param name="Plain">Whether plain TorchSharp is measured too, for rows that have it.</param>
sealed record AgainstOptions(string Other, IReadOnlyList<string> Rows, int Pairs = 7, double Seconds = 6, bool Plain = true)
{
    const string Usage = "usage: scripts/bench --against FOLDER [--row ROW]… [--pairs N] [--seconds S] [--no-plain]";

    /// <summary>Reads the command line.</summary>
    /// <exception cref="ArgumentException">It is wrong; the message says how.</exception>
    internal static AgainstOptions Parse(ReadOnlySpan<string> arguments)
    {
        if (arguments.IsEmpty || arguments[0].StartsWith('-')) throw new ArgumentException($"--against needs the folder of another built checkout; {Usage}");
        var (rows, options) = (new List<string>(), new AgainstOptions(Path.GetFullPath(arguments[0]), []));
        for (var i = 1; i < arguments.Length; i++)
        {
            var name = arguments[i];
            if (name == "--no-plain")
            {
                options = options with { Plain = false };
                continue;
            }
            if (name is not ("--row" or "--pairs" or "--seconds")) throw new ArgumentException($"unknown option {name}; {Usage}");
            if (++i == arguments.Length) throw new ArgumentException($"{name} needs a value; {Usage}");
            if (name == "--row") rows.Add(arguments[i]);
            else if (name == "--pairs") options = options with { Pairs = (int)Number(name, arguments[i], 1, 1000) };
            else options = options with { Seconds = Number(name, arguments[i], 0, 600) };
        }
        return options with { Rows = rows };
    }

    static double Number(string name, string text, double least, double most) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most && (name != "--pairs" || number % 1 == 0)
            ? number : throw new ArgumentException($"{name} ({text}) must be a {(name == "--pairs" ? "whole " : "")}number from {least} to {most}");
}
