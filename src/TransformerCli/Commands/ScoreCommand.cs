using System.CommandLine;
using Transformers.Data;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Models;

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
            Prints the log-probability that a model assigns to each token of texts, and the sum, perplexity and bits per byte of each text.

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

/// <summary><c>embed</c>: turns texts into vectors.</summary>
static class EmbedCommand
{
    const int TextsAtOnce = 256;

    public static Command Create(CliContext context)
    {
        var (run, checkpoint, device) = (CommonOptions.Run(), CommonOptions.Checkpoint(), CommonOptions.Device());
        var input = new Option<string>("--input") { Description = "A file with one text per line; - reads standard input. For models of images with text, a line may start with an image's path and a tab", HelpName = "FILE", Required = true };
        var pool = new Option<string>("--pool") { Description = "One vector per text (the mean, the first or the last token's) or, with none, one per token", HelpName = "none|mean|cls|last", DefaultValueFactory = _ => "mean" }.OneOf("none", "mean", "cls", "last");
        var output = CommonOptions.Output("A .npy file (with --pool none, the vectors of all tokens as rows, and the lengths of the texts in .lengths.npy) or a .jsonl file [default: JSON lines on standard output]");
        return context.Create("embed", """
            Turns texts into the vectors of a model's last layer.

            Example: transformer embed runs/sst2 --input sentences.txt --pool mean --output vectors.npy
            """, [run, input, pool, output, checkpoint, device], (parse, _) =>
        {
            var trained = parse.OpenRun(context, parse.GetValue(run)!, checkpoint);
            using var embedder = Kind.For(trained).OpenEmbedder(trained, parse.ResolveDevice(context, device));
            Pooling? pooling = parse.GetValue(pool) == "none" ? null : Enum.Parse<Pooling>(parse.GetValue(pool)!, ignoreCase: true);
            var report = new UnreadLines(context);
            var embeddings = Embed(embedder, InputLines.Read(context, parse.GetValue(input)!), pooling, report);
            switch (parse.GetValue(output))
            {
                case null:
                    foreach (var one in embeddings) context.WriteJson(LineOf(one, pooling));
                    break;
                case var path when path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase):
                    WriteNumPy(path, embedder.Width, embeddings, pooling);
                    break;
                case var path when path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase):
                    DurableFile.WriteAsked(path, stream =>
                    {
                        foreach (var one in embeddings) stream.Write([.. System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(LineOf(one, pooling), CliContext.Json), (byte)'\n']);
                    });
                    break;
                case var path: throw new UserException($"--output ({path}) must end in .npy or .jsonl");
            }
            if (parse.GetValue(output) is { } written && parse.GetValue(context.JsonOption)) context.WriteJson(new { Schema = "transformer.embed/1", Output = written, Texts = report.Lines });
            return report.Finish();
        });
    }

    // Every line has its embedding or a placeholder, so that line n is row n.
    static IEnumerable<TextEmbedding> Embed(Embedder embedder, IEnumerable<InputLine> lines, Pooling? pooling, UnreadLines report)
    {
        foreach (var part in lines.Select(line => (line.Text, reads: report.Reads(line, embedder.ProblemOf))).Chunk(TextsAtOnce))
        {
            using var embeddings = embedder.Embed(part.Where(one => one.reads).Select(one => one.Text), pooling).GetEnumerator();
            foreach (var (text, reads) in part) yield return reads && embeddings.MoveNext() ? embeddings.Current : embedder.Unread(text, pooling);
        }
    }

    static void WriteNumPy(string path, int width, IEnumerable<TextEmbedding> embeddings, Pooling? pooling)
    {
        using var vectors = new NpyWriter(path, width);
        using var lengths = pooling is null ? new NpyWriter(Path.ChangeExtension(path, ".lengths.npy"), 0) : null;
        foreach (var one in embeddings)
        {
            foreach (var vector in one.Vectors) vectors.Add(vector);
            lengths?.Add(one.Vectors.Length);
        }
        lengths?.Complete();
        vectors.Complete();
    }

    static object LineOf(TextEmbedding one, Pooling? pooling) => pooling is null
        ? new { Schema = "transformer.embed/1", one.Text, one.Ids, one.Vectors }
        : new { Schema = "transformer.embed/1", one.Text, Vector = one.Ids.Count == 0 ? [] : one.Vectors[0] };
}
