using System.CommandLine;
using Transformers.Generators.Drawing;
using Transformers.IO;

namespace TransformerCli.Commands;

/// <summary><c>data make digits|letters|shapes</c>: writes drawn images as PNG files in class folders.</summary>
public static class DataMakeImages
{
    /// <summary>What can be made, as it is written on the command line.</summary>
    public static IReadOnlyList<string> Kinds { get; } = [.. Enum.GetNames<DrawingKind>().Select(n => n.ToLowerInvariant())];

    /// <summary>One command for each kind, to be added below <c>data make</c>.</summary>
    public static IEnumerable<Command> CreateAll(CliContext context) => Kinds.Select(kind => Create(context, kind));

    /// <summary>The command for one kind, to stand below <c>data make</c>.</summary>
    public static Command Create(CliContext context, string kind)
    {
        var folder = new Option<string>("--out") { Description = "Folder to write; it must not exist or be empty", HelpName = "DIR", DefaultValueFactory = _ => DefaultFolder(kind) };
        var count = new Option<int>("--size") { Description = "Number of images; every sixth of each class is for testing", HelpName = "N", DefaultValueFactory = _ => 12_000 };
        var side = new Option<int>("--side") { Description = "Pixels a side", HelpName = "N", DefaultValueFactory = _ => 32 };
        var seed = new Option<ulong>("--seed") { Description = "Decides every pixel", HelpName = "N", DefaultValueFactory = _ => 1 };
        var command = new Command(kind, $"Draws {kind} with random strokes, colours and clutter. Example: transformer data make {kind} --out data/{kind} --size 12000")
        {
            folder, count, side, seed,
        };
        context.Handle(command, (parse, cancel) => Run(context, kind, parse.GetValue(folder)!, parse.GetValue(count), parse.GetValue(seed),
            parse.GetValue(side), parse.GetValue(context.JsonOption), cancel));
        return command;
    }

    /// <summary>Where a kind goes unless told.</summary>
    public static string DefaultFolder(string kind) => Path.Combine("data", kind);

    /// <summary>Writes a set and says so.</summary>
    public static int Run(CliContext context, string kind, string folder, int count, ulong seed, int side, bool json, CancellationToken cancel)
    {
        if (!Enum.TryParse<DrawingKind>(kind, true, out var drawing))
            throw new UserException($"no images are called \"{kind}\"", $"there are: {string.Join(", ", Kinds)}");
        ImageGenerator.Write(drawing, folder, count, seed, side, cancel: cancel);
        var classes = ImageGenerator.Classes(drawing);
        if (json) context.WriteJson(new Made("transformer.data.make/1", kind, folder, count, side, seed, classes));
        else context.Out.WriteLine($"{count} images of {side} x {side} pixels in {classes.Count} classes: {folder}/train and {folder}/test");
        return ExitCodes.Done;
    }

    sealed record Made(string Schema, string Kind, string Out, int Images, int Side, ulong Seed, IReadOnlyList<string> Classes);
}
