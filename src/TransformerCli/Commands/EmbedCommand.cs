using System.CommandLine;
using Transformers.Data;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Models;

namespace TransformerCli.Commands;

/// <summary><c>embed</c>: turns texts into vectors.</summary>
static class EmbedCommand
{
    const int TextsAtOnce = 256;

    public static Command Create(CliContext context)
    {
        var (run, checkpoint, device) = (CommonOptions.Run(), CommonOptions.Checkpoint(), CommonOptions.Device());
        var input = new Option<string>("--input") { Description = "A file with one text per line; - reads standard input. For models of images with text, a line may start with an image's path and a tab", HelpName = "FILE", Required = true };
        var pool = new Option<string>("--pool") { Description = "One vector per text (the mean, the first or the last token's) or, with none, one per token", HelpName = "none|mean|cls|last", DefaultValueFactory = _ => "mean" }.OneOf("none", "mean", "cls", "last");
        var output = CommonOptions.Output("A .npy file (with --pool none, the vectors of all tokens below each other, and the lengths of the texts in .lengths.npy) or a .jsonl file [default: JSON lines on standard output]");
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
