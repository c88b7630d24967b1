using Transformers.Generators;
using Transformers.Generators.Drawing;
using Transformers.Generators.Scenes;
using Transformers.Generators.Speech;
using Transformers.Generators.Stories;

namespace TransformerCli.Commands;

/// <summary><c>data make</c>: writes generated data as files.</summary>
public static class DataMakeCommand
{
    const string Schema = "transformer.data.make/1";

    /// <summary>The command with a subcommand for each generator.</summary>
    public static Command Create(CliContext context)
    {
        var command = new Command("make", "Writes generated data as files.\n\nExample: transformer data make stories --size 20MB --output data/stories") { CreateStories(context) };
        foreach (var kind in Enum.GetValues<SyntheticKind>()) command.Add(CreateText(context, kind));
        foreach (var kind in Enum.GetValues<DrawingKind>()) command.Add(CreateImages(context, kind));
        command.Add(CreateSeries(context));
        command.Add(CreateSpeech(context));
        command.Add(CreateScenes(context));
        return command;
    }

    static Option<string> Output(string name) => CommonOptions.Output("The folder to write", "DIR", Path.Combine("data", name));

    static Option<ulong> Seed() => new("--seed") { Description = "The same seed always gives the same files", HelpName = "N", DefaultValueFactory = _ => 1 };

    static Command CreateStories(CliContext context)
    {
        var size = new Option<string>("--size") { Description = "How much text, such as 20MB", HelpName = "SIZE", DefaultValueFactory = _ => "20MB" };
        var (seed, output) = (Seed(), Output("stories"));
        return context.Create("stories", $"Writes short English stories, separated by {StoryGenerator.Separator} lines.\n\nExample: transformer data make stories --size 20MB --output data/stories", [size, seed, output], (parse, cancel) =>
        {
            if (!ByteSize.TryParse(parse.GetValue(size)!, out var bytes) || bytes.Bytes == 0)
                throw new UserException($"--size ({parse.GetValue(size)}) must be a size such as 20MB, above 0");
            var report = WriteStories(context, parse.GetValue(output)!, bytes.Bytes, parse.GetValue(seed), cancel);
            return context.Print(parse, report, writer => writer.WriteLine($"{report.File}: {Amount.Of(report.Documents, "story", "stories")}, {Amount.Of(report.Bytes, "byte")}; read it with separator: \"{report.Separator}\""));
        });
    }

    static StoriesDocument WriteStories(CliContext context, string folder, long bytes, ulong seed, CancellationToken cancel)
    {
        var path = Path.Combine(folder, "stories.txt");
        long documents = 0, written = 0;
        DurableFile.WriteAsked(path, stream =>
        {
            using var file = new StreamWriter(stream, new UTF8Encoding(false), 1 << 16, leaveOpen: true);
            foreach (var story in StoryGenerator.Generate(seed, bytes))
            {
                cancel.ThrowIfCancellationRequested();
                if (documents++ > 0) file.Write($"{StoryGenerator.Separator}\n");
                file.Write(story);
                file.Write('\n');
                written += story.Length;
                if (documents % 1000 == 0) context.Error.Progress.Show("writing stories", (double)written / bytes);
            }
            file.Flush();
            written = stream.Length;
        });
        return new StoriesDocument(Schema, "stories", path, documents, written, seed, StoryGenerator.Separator);
    }

    static Command CreateText(CliContext context, SyntheticKind kind)
    {
        var name = kind.ToString().ToLowerInvariant();
        var size = new Option<long>("--size") { Description = "Training examples; validation and test each get a twentieth of that, between 50 and 1,000", HelpName = "N", DefaultValueFactory = _ => SyntheticText.DefaultSize(kind) };
        var (seed, output) = (Seed(), Output(name));
        return context.Create(name, $"{Describe(kind)}\n\nExample: transformer data make {name} --size 1000 --output data/{name}", [size, seed, output], (parse, cancel) =>
        {
            context.Error.Progress.Show($"writing {name}");
            var report = SyntheticText.Write(kind, parse.GetValue(output)!, parse.GetValue(size), parse.GetValue(seed), cancel);
            return context.Print(parse, new { Schema, Kind = name, report.Folder, report.Train, report.Validation, report.Test, report.Files }, writer => writer.WriteLine($"{report.Folder}: {Amount.Of(report.Train, "training example")}, {report.Validation} for validation, {report.Test} for test ({string.Join(", ", report.Files)})"));
        });
    }

    static string Describe(SyntheticKind kind) => kind switch
    {
        SyntheticKind.Translation => "Writes English sentences and their translations into an invented language with strict rules (the best possible BLEU is 100).",
        SyntheticKind.Copy => "Writes sequences of ten symbols to be copied, as in The Annotated Transformer.",
        SyntheticKind.Reverse => "Writes sequences of up to 25 numbers to be reversed, as in JoeyNMT's tutorial.",
        _ => "Writes short reviews, labelled positive or negative by a rule (the best possible accuracy is 1).",
    };

    static Command CreateSpeech(CliContext context)
    {
        var count = new Option<int>("--size") { Description = "Training recordings; validation gets a tenth and test a fifth as many, with different voices", HelpName = "N", DefaultValueFactory = _ => 4_000 };
        var (seed, output) = (Seed(), Output("speech"));
        output.Description = "The folder to write; it must be empty or not exist";
        return context.Create("speech", "Synthesises the words for 0 to 9 in many voices, over background noise, as WAV files in class folders.\n\nExample: transformer data make speech --size 4000 --output data/speech", [output, count, seed], (parse, cancel) =>
        {
            var (folder, number) = (parse.GetValue(output)!, parse.AtLeast(SpeechGenerator.Classes.Count, count));
            context.Error.Progress.Show("synthesising recordings");
            SpeechGenerator.Write(folder, number, parse.GetValue(seed), cancel);
            return context.Print(parse, new { Schema, Kind = "speech", Folder = folder, Train = number, Seed = parse.GetValue(seed), SpeechGenerator.Classes }, writer => writer.WriteLine($"{Amount.Of(number, "training recording")} of {SpeechGenerator.Classes.Count} classes: {Path.Combine(folder, "train")}, {Path.Combine(folder, "validation")} and {Path.Combine(folder, "test")}"));
        });
    }

    static Command CreateSeries(CliContext context)
    {
        var count = new Option<int>("--size") { Description = "Number of series", HelpName = "N", DefaultValueFactory = _ => 16 };
        var length = new Option<int>("--length") { Description = "Steps of each series", HelpName = "N", DefaultValueFactory = _ => 2048 };
        var (seed, output) = (Seed(), Output("series"));
        return context.Create("series", "Writes time series with a trend, two seasonal components and regimes, as a table with one series per column.\n\nExample: transformer data make series --size 16 --output data/series", [count, length, seed, output], (parse, _) =>
        {
            var (number, steps) = (parse.AtLeast(1, count), parse.AtLeast(2, length));
            if ((long)number * steps > 20_000_000) throw new UserException($"--size ({number}) times --length ({steps}) must be at most 20,000,000 values");
            var path = Path.Combine(parse.GetValue(output)!, "series.csv");
            SeriesGenerator[] series = [.. Enumerable.Range(0, number).Select(i => new SeriesGenerator(parse.GetValue(seed), i, steps, noise: 0.2))];
            var table = new StringBuilder("step").AppendJoin("", series.Select((_, i) => $",series{i}")).Append('\n');
            for (var t = 0; t < steps; t++)
                table.Append(CultureInfo.InvariantCulture, $"{t}").AppendJoin("", series.Select(one => string.Create(CultureInfo.InvariantCulture, $",{one.Values[t]:0.####}"))).Append('\n');
            DurableFile.WriteAsked(path, table.ToString());
            return context.Print(parse, new { Schema, Kind = "series", File = path, Series = number, Steps = steps, Seed = parse.GetValue(seed) }, writer => writer.WriteLine($"{path}: {number:N0} series of {Amount.Of(steps, "step")}"));
        });
    }

    static Command CreateImages(CliContext context, DrawingKind kind)
    {
        var name = kind.ToString().ToLowerInvariant();
        var count = new Option<int>("--size") { Description = "Number of images; one in six of each class is for testing", HelpName = "N", DefaultValueFactory = _ => 12_000 };
        var side = new Option<int>("--side") { Description = "Width and height in pixels", HelpName = "N", DefaultValueFactory = _ => 32 };
        var (seed, output) = (Seed(), Output(name));
        output.Description = "The folder to write; it must be empty or not exist";
        return context.Create(name, $"Draws {name} with random strokes, colours and clutter, as PNG files in class folders.\n\nExample: transformer data make {name} --size 12000 --output data/{name}", [output, count, side, seed], (parse, cancel) =>
        {
            var (folder, images, pixels) = (parse.GetValue(output)!, parse.GetValue(count), parse.GetValue(side));
            context.Error.Progress.Show($"drawing {name}");
            ImageGenerator.Write(kind, folder, images, parse.GetValue(seed), pixels, cancel: cancel);
            var classes = ImageGenerator.Classes(kind);
            return context.Print(parse, new { Schema, Kind = name, Out = folder, Images = images, Side = pixels, Seed = parse.GetValue(seed), Classes = classes }, writer => writer.WriteLine($"{Amount.Of(images, "image")} of {pixels} x {pixels} pixels in {classes.Count} classes: {Path.Combine(folder, "train")} and {Path.Combine(folder, "test")}"));
        });
    }

    static Command CreateScenes(CliContext context)
    {
        var count = new Option<int>("--size") { Description = "Number of training scenes; each other split has a twentieth of that, between 200 and 2,000", HelpName = "N", DefaultValueFactory = _ => 20_000 };
        var (seed, output) = (Seed(), Output("scenes"));
        output.Description = "The folder to write; it must be empty or not exist";
        return context.Create("scenes", "Draws scenes of coloured objects, each with a question and its answer, a true caption and an almost true one, as PNG files and JSON lines.\n\nExample: transformer data make scenes --size 1000 --output data/scenes", [output, count, seed], (parse, cancel) =>
        {
            var (folder, size) = (parse.GetValue(output)!, parse.GetValue(count));
            context.Error.Progress.Show("drawing scenes");
            SceneGenerator.Write(folder, size, parse.GetValue(seed), cancel);
            var splits = Enum.GetValues<SceneSplit>().ToDictionary(SceneGenerator.NameOf, split => SceneGenerator.SizeOf(split, size));
            return context.Print(parse, new { Schema, Kind = "scenes", Folder = folder, Splits = splits, Seed = parse.GetValue(seed), SceneGenerator.Answers }, writer => writer.WriteLine($"{folder}: {string.Join(", ", splits.Select(split => $"{split.Value} {split.Key}"))} scenes of {SceneGenerator.Side} x {SceneGenerator.Side} pixels, with region features in regions.jsonl"));
        });
    }

    sealed record StoriesDocument(string Schema, string Kind, string File, long Documents, long Bytes, ulong Seed, string Separator);
}
