namespace TransformerCli.Tests.Commands;

/// <summary>What the commands do with a run on images with text.</summary>
[Collection("engine")]
public sealed class ImageTextCommandTests(TrainedKinds runs) : IClassFixture<TrainedKinds>
{
    string Scenes()
    {
        if (!Directory.Exists(runs.At("scenes"))) CommandLine.Done("data", "make", "scenes", "--size", "10", "--output", runs.At("scenes"));
        return runs.At("scenes");
    }

    [Fact]
    public void Questions_about_a_file_are_answered()
    {
        var image = Path.Combine(Scenes(), "images", "test-000000.png");
        var lines = CommandLine.Printed("predict", runs.Pairs, "--image", image, "--text", "how many red things are there?", "--text", "what color is the thing?", "--top", "2", "--device", "cpu").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        Assert.EndsWith("what color is the thing?", lines[1]);
        using var document = JsonDocument.Parse(CommandLine.Printed("predict", runs.Pairs, "--image", image, "--text", "how many red things are there?", "--json"));
        var one = document.RootElement.GetProperty("predictions")[0];
        Assert.Equal(("how many red things are there?", image, 5), (one.GetProperty("input").GetString(), one.GetProperty("image").GetString(), one.GetProperty("labels").GetArrayLength()));
    }

    [Fact]
    public void What_a_kind_does_not_read_is_refused_with_what_it_does()
    {
        Assert.Contains("--image and --text must be given for a model of kind vilbert", CommandLine.Refused("predict", runs.Pairs));
        Assert.Contains("reads --image and --text, not INPUT (scene.png)", CommandLine.Refused("predict", runs.Pairs, "scene.png"));
        Assert.Contains("--image is for models of images with text, but the run is of kind vit", CommandLine.Refused("predict", runs.Vit, "--image", "scene.png"));
        Assert.Contains("INPUT must be given", CommandLine.Refused("predict", runs.Classifier));
        Assert.Contains($"{runs.At("none.png")}: the file does not exist", CommandLine.Refused("predict", runs.Pairs, "--image", runs.At("none.png"), "--text", "a"));
        Assert.Contains("--text must be given", CommandLine.Refused("plot", "attention", runs.Pairs, "--image", Path.Combine(Scenes(), "images", "test-000000.png"), "--output", runs.At("a.svg")));
        Assert.Contains("no split named other (the splits are train, validation, test, unseen)", CommandLine.Refused("eval", runs.Pairs, "--split", "other"));
    }

    [Trait("Category", "slow")]
    [Fact]
    public void An_evaluation_prints_a_table_by_kind_of_question_for_its_own_data_and_for_a_folder()
    {
        foreach (string[] more in new string[][] { [], ["--split", "unseen"], ["--data", Scenes()], ["--data", Path.Combine(Scenes(), "unseen.jsonl")] })
        {
            var printed = CommandLine.Printed(["eval", runs.Pairs, "--device", "cpu", .. more]);
            Assert.Matches("question +examples +accuracy +majority answer +text alone +image alone +shuffled images", printed);
            Assert.Matches("(?m)^comparison +33 +[01].[0-9]{3} ", printed);
            Assert.Contains("image_recall_10", printed);
        }
        using var document = JsonDocument.Parse(CommandLine.Printed("eval", runs.Pairs, "--device", "cpu", "--json", "--output", runs.At("answers.jsonl"), "--expect", "majority>=0.2"));
        Assert.Equal(7, document.RootElement.GetProperty("questions").GetArrayLength());
        Assert.Equal(200, File.ReadLines(runs.At("answers.jsonl")).Count());
    }

    [Fact]
    public void Examples_and_lines_whose_image_cannot_be_used_stop_none_of_the_others_and_are_named()
    {
        var folder = runs.At("own");
        Directory.CreateDirectory(folder);
        foreach (var name in (string[])["a.png", "b.png"]) File.Copy(Path.Combine(Scenes(), "images", "test-000000.png"), Path.Combine(folder, name), overwrite: true);
        File.WriteAllLines(Path.Combine(folder, "train.jsonl"), Enumerable.Range(0, 12).Select(i => $$"""{"image": "{{(i == 3 ? "none.png" : i % 2 == 0 ? "a.png" : "b.png")}}", "text": "what color is it?", "answer": "{{(i % 2 == 0 ? "red" : "blue")}}"}"""));
        File.WriteAllLines(Path.Combine(folder, "val.jsonl"), [.. File.ReadLines(Path.Combine(folder, "train.jsonl")).Take(3), """{"image": "a.png", "text": "what color is it?", "answer": "mauve"}"""]);
        var trained = CommandLine.Done("train", runs.At("pairs.yaml"), "--data", folder, "--run", runs.At("own-run"), "--device", "cpu");
        Assert.Contains($"warning: 1 example whose image cannot be used is left out; the first: {Path.Combine(folder, "train.jsonl")}:4: the image none.png does not exist", trained.Error);
        Assert.Contains("warning: 1 example of the split val has an answer that no training example has; the first: 'mauve'", trained.Error);
        Assert.Contains("warning: 2 of 2 images of the split val are training images too", trained.Error);
        var inspected = CommandLine.Printed("data", "inspect", folder);
        Assert.Contains("train       11 examples with 2 images", inspected);
        Assert.Contains("answers   2 different: red 6, blue 5", inspected);
        foreach (var warning in trained.Error.Split('\n').Where(line => line.StartsWith("warning: ", StringComparison.Ordinal)))
            Assert.Contains(warning["warning: ".Length..].Trim(), inspected);
        var evaluated = CommandLine.Done("eval", runs.At("own-run"), "--data", Path.Combine(folder, "train.jsonl"), "--device", "cpu", "--json").Json;
        Assert.Equal((11, 1), (evaluated.GetProperty("examples").GetInt32(), evaluated.GetProperty("broken").GetArrayLength()));

        var input = runs.Write("lines.txt", $"the red circle\n{Path.Combine(folder, "none.png")}\tthe red circle\nthe red circle\n");
        var embedded = CommandLine.Run("embed", runs.Pairs, "--input", input, "--device", "cpu");
        Assert.Equal((2, 3), (embedded.ExitCode, embedded.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length));
        Assert.Contains($"warning: {input}:2: {Path.Combine(folder, "none.png")}: the file does not exist", embedded.Error);
    }

    [Fact]
    public void Where_answers_are_the_only_objective_examples_without_one_are_not_used_and_said_so()
    {
        var folder = runs.At("answers-alone");
        Directory.CreateDirectory(folder);
        foreach (var name in (string[])["a.png", "b.png"]) File.Copy(Path.Combine(Scenes(), "images", "test-000000.png"), Path.Combine(folder, name), overwrite: true);
        File.WriteAllLines(Path.Combine(folder, "train.jsonl"), Enumerable.Range(0, 12).Select(i => i < 5 ? """{"image": "a.png", "text": "a circle"}""" : $$"""{"image": "a.png", "text": "what color is it?", "answer": "{{(i % 2 == 0 ? "red" : "blue")}}"}"""));
        File.WriteAllLines(Path.Combine(folder, "val.jsonl"), ["""{"image": "b.png", "text": "what color is it?", "answer": "mauve"}""", """{"image": "b.png", "text": "what color is it?", "answer": "red"}"""]);
        string[] line = ["train", runs.At("pairs.yaml"), "--data", folder, "--device", "cpu", "--json", "--set", "model.objectives={ answer: 1, masked: 0, match: 0 }"];
        var trained = CommandLine.Done([.. line, "--run", runs.At("alone-run")]);
        Assert.Contains("warning: 5 of 12 training examples have no answer and are not used", trained.Error);
        var metrics = trained.Json.GetProperty("metrics").EnumerateObject().Select(metric => metric.Name).ToList();
        Assert.Contains("accuracy", metrics);
        Assert.DoesNotContain("match_accuracy", metrics);
        // No answer of the validation split is known.
        File.WriteAllLines(Path.Combine(folder, "val.jsonl"), File.ReadLines(Path.Combine(folder, "val.jsonl")).Take(1).ToList());
        Assert.False(CommandLine.Done([.. line, "--run", runs.At("alone-run-2")]).Json.TryGetProperty("val_loss", out _));
        CommandLine.Done("eval", runs.At("alone-run-2"), "--split", "validation", "--device", "cpu");
    }

    [Fact]
    public void Texts_that_are_truncated_are_counted() =>
        Assert.Matches("[0-9]+ of 40 training examples have texts that are longer than 4 tokens and are truncated",
            CommandLine.Run("train", runs.At("pairs.yaml"), "--set", "model.context=4", "--run", runs.At("short-run"), "--device", "cpu", "--dry-run").Error);

    [Fact]
    public void Texts_are_embedded_and_attention_is_drawn_in_both_directions()
    {
        var image = Path.Combine(Scenes(), "images", "test-000001.png");
        var input = runs.Write("texts.txt", $"the red circle\n{image}\tthe red circle\n{Path.Combine(Scenes(), "images", "test-000000.png")}\tthe red circle\n");
        var vectors = CommandLine.Printed("embed", runs.Pairs, "--input", input, "--device", "cpu").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => string.Join(' ', JsonDocument.Parse(line).RootElement.GetProperty("vector").EnumerateArray())).ToList();
        Assert.Equal(8, vectors[0].Split(' ').Length);
        Assert.Equal(3, vectors.Distinct().Count());
        CommandLine.Done("plot", "attention", runs.Pairs, "--image", image, "--text", "what color is the circle?", "--output", runs.At("attention.png"), "--device", "cpu");
        Assert.True(new FileInfo(runs.At("attention.png")).Length > 10_000);
        CommandLine.Done("plot", "patches", runs.Pairs, "--image", image, "--output", runs.At("patches.svg"));
        CommandLine.Done("inspect", runs.Pairs, "--no-measure");
    }
}
