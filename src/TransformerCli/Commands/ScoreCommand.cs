using System.CommandLine;
using Transformers.Data;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Kinds;

namespace TransformerCli.Commands;

/// <summary><c>score</c>: how probable a model finds each token of texts.</summary>
static class ScoreCommand
{
    const int TextsAtOnce = 256;

    public static Command Create(CliContext context)
    {
        var (run, checkpoint) = (CommonOptions.Run(), CommonOptions.Checkpoint());
        var input = new Option<string>("--input") { Description = "A file with one text per line, or for an encoder-decoder a source, a tab and a target; - reads standard input", HelpName = "FILE", Required = true };
        var target = new Option<string?>("--target") { Description = "For an encoder-decoder: a file with the targets, one for each line of --input, which then contains only the sources", HelpName = "FILE" };
        var whole = new Option<bool>("--whole") { Description = "Score the whole input as one text" };
        var stride = new Option<int?>("--stride") { Description = "For texts longer than the context: score this many tokens per window, with as many preceding tokens as fit [default: the context]", HelpName = "N" };
        var (device, precision) = (CommonOptions.Device(), CommonOptions.Precision("the run's"));
        return context.Create("score", """
            Prints how probable a model finds each token of texts, and the sum, perplexity and bits per byte of each text.

            Example: transformer score runs/gpt-stories --input texts.txt --json
            """, [run, input, target, whole, stride, checkpoint, device, precision], (parse, cancel) =>
        {
            var trained = parse.OpenRun(context, parse.GetValue(run)!, checkpoint);
            var where = parse.ResolveDevice(context, device);
            using var scorer = Kind.For(trained).OpenScorer(trained, where, CommonOptions.ResolvePrecision(parse.GetValue(precision), where, trained.Config.Training.Precision), parse.GetValue(stride));
            var inputs = scorer.NeedsSource
                ? Pairs(context, parse.GetValue(input)!, parse.GetValue(target), parse.GetValue(whole))
                : Texts(context, parse.GetValue(input)!, parse.GetValue(target), parse.GetValue(whole));
            var (texts, total) = (0L, new Totals());
            var report = new UnreadLines(context);
            foreach (var lines in inputs.Select(line => (line.Input, reads: report.Reads(line.From, _ => scorer.ProblemOf(line.Input)))).Chunk(TextsAtOnce))
            {
                using var scores = scorer.Score(lines.Where(line => line.reads).Select(line => line.Input), cancel).GetEnumerator();
                foreach (var (text, reads) in lines)
                {
                    if (reads) scores.MoveNext();
                    var score = reads ? scores.Current : TextScorer.Unread(text);
                    if (reads) (texts, total) = (texts + 1, total.With(score));
                    if (parse.GetValue(context.JsonOption)) context.WriteJson(score);
                    else context.Out.WriteLine(reads ? $"{Numbers(score.Sum, score.Loss, score.BitsPerByte)}  {score.Text.ReplaceLineEndings(" ")}" : "");
                }
            }
            if (!parse.GetValue(context.QuietOption))
                context.Error.WriteLine($"{Amount.Of(texts, "text")}, {Amount.Of(total.Scored, "token")} scored: {Numbers(total.Sum, total.Loss, total.BitsPerByte)}");
            return report.Finish();
        });
    }

    static string Numbers(double sum, double? loss, double? bits) => $"sum {sum:0.####}"
        + (loss is { } nats ? $"  loss {nats:0.####}  perplexity {Math.Exp(nats):0.####}" : "")
        + (bits is { } perByte ? $"  bits_per_byte {perByte:0.####}" : "");

    static IEnumerable<Line> Texts(CliContext context, string input, string? target, bool whole)
    {
        if (target is not null) throw new UserException("--target is for encoder-decoders, but the run is not one");
        var lines = InputLines.Read(context, input);
        return (whole ? [new InputLine(InputLines.ReadAll(context, input), InputLines.NameOf(input), 1)] : lines).Select(line => new Line(new ScoreInput(line.Text), line));
    }

    static IEnumerable<Line> Pairs(CliContext context, string input, string? target, bool whole)
    {
        if (whole) throw new UserException("--whole is for language models and encoders; an encoder-decoder scores one pair per line");
        if (input == "-" && target == "-") throw new UserException("--input and --target cannot both be standard input");
        return target is null ? InputLines.Read(context, input).Select(Split)
            : Joined(InputLines.Read(context, input), InputLines.Read(context, target, "--target"), input, target);
    }

    static Line Split(InputLine line)
    {
        var parts = line.Text.Split('\t');
        return parts.Length == 2 ? new Line(new ScoreInput(parts[1], parts[0]), line)
            : new Line(new ScoreInput(line.Text), line with { Problem = line.Problem ?? new($"must be a source, one tab and a target, but has {parts.Length - 1} tabs", line.File, line.Number, Path: "--input", Hint: "or give the targets in a separate file with --target") });
    }

    static IEnumerable<Line> Joined(IEnumerable<InputLine> sources, IEnumerable<InputLine> targets, string input, string target)
    {
        using var left = sources.GetEnumerator();
        using var right = targets.GetEnumerator();
        for (var number = 1L; ; number++)
        {
            var (source, of) = (left.MoveNext(), right.MoveNext());
            if (source != of) throw new UserException($"{(source ? target : input)} ends after line {number - 1}, and {(source ? input : target)} does not: they must have the same number of lines");
            if (!source) yield break;
            yield return new Line(new ScoreInput(right.Current.Text, left.Current.Text), left.Current with { Problem = left.Current.Problem ?? right.Current.Problem });
        }
    }

    // What is scored, and the line that it was read from, with its problem if it is not a text or a pair.
    sealed record Line(ScoreInput Input, InputLine From);

    sealed class Totals
    {
        double bytes, tokens;
        internal long Scored { get; private set; }
        internal double Sum { get; private set; }
        internal double? Loss => Scored == 0 ? null : -Sum / Scored;
        internal double? BitsPerByte => Loss is { } loss && bytes > 0 ? loss * tokens / bytes / Math.Log(2) : null;

        internal Totals With(TextScore score)
        {
            (Sum, Scored) = (Sum + score.Sum, Scored + score.Scored);
            (bytes, tokens) = (bytes + score.Bytes, tokens + score.Ids.Count);
            return this;
        }
    }
}
