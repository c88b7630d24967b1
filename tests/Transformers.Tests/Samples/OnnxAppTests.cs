using Transformers.IO.Sounds;
using Transformers.Tests.Interchange.Onnx;
using static TorchSharp.torch;

namespace Transformers.Tests.Samples;

/// <summary>The sample that uses exported models with ONNX Runtime and Microsoft.ML.Tokenizers alone, as a program of its own in a folder with nothing but the exported files.</summary>
[Collection("engine")]
[Trait("Category", "slow")]
public sealed class OnnxAppTests(RunOfEveryKind runs) : TempFolderTest, IClassFixture<RunOfEveryKind>
{
    TrainedRun Export(string name) => Export(TrainedRun.Open(Repository.Golden("Runs", name)));

    TrainedRun Export(TrainedRun run)
    {
        Kind.For(run).Export(run, new ExportRequest { Format = ExportFormat.Onnx, Output = folder["exported"] });
        return run;
    }

    string Run(params string[] arguments) =>
        Programs.Run("dotnet", [Path.Combine(AppContext.BaseDirectory, "OnnxApp.dll"), folder["exported"], .. arguments]).Done().Output.ReplaceLineEndings("\n");

    [Theory]
    [InlineData("gpt")]
    [InlineData("llama")]
    public void It_generates_the_text_of_the_program(string name)
    {
        var run = Export(name);
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadLanguageModel(tokenizer, CPU);
        using var generator = new TextGenerator(model, tokenizer, CPU) { StartsDocuments = Kind.For(run).StartsDocuments(run.Config.Data) };
        const string prompt = "Once upon a time, Mr";
        var expected = generator.Generate([prompt], new GenerationOptions { Greedy = true, MaxNewTokens = 8 })[0].Text;
        Assert.Equal($"{prompt}{expected}\n", Run(prompt, "8"));
    }

    [Fact]
    public void It_translates_as_the_program_does()
    {
        var run = Export("copy");
        const string sentence = "1 7 3 9 2 2 10 4 6 5";
        var expected = run.LoadTranslator(CPU).Translate([sentence], new TranslationOptions()).Single().Text;
        Assert.Equal($"{expected}\n", Run(sentence));
    }

    [Fact]
    public void It_classifies_a_text_as_the_program_does()
    {
        var run = Export("sentiment");
        using var predictor = new TextPredictor(run, CPU);
        const string review = "I adored the story although the camera was bland";
        Assert.Equal(Lines(predictor.Predict([review]).Single()), Run(review));
    }

    [Theory]
    [InlineData("digits")]
    [InlineData("shapes")]
    public void It_classifies_an_image_of_the_model_s_size_as_the_program_does(string name)
    {
        var run = Export(name);
        using var network = ImageRun.Open(run);
        var image = new RgbImage(16, 16);
        var random = new Random(4);
        random.NextBytes(image.Span);
        var file = folder.Write("image.png", ImageCodec.EncodePng(image));
        var expected = new ImagePredictor(network).Predict([file]).Single();
        Assert.Equal(Lines(expected.Labels), Run(file));
    }

    [Theory]
    [InlineData("digits", 40, 25)]
    [InlineData("shapes", 11, 30)]
    public void It_resizes_an_image_and_cuts_out_its_middle_as_the_program_does(string name, int width, int height)
    {
        var run = Export(name);
        using var network = ImageRun.Open(run);
        // Noise in squares of three pixels: less would be gray when it is shrunk.
        var (image, random) = (new RgbImage(width, height), new Random(8));
        var colours = Enumerable.Range(0, 400).Select(_ => (byte)random.Next(256)).ToArray();
        for (var i = 0; i < image.Span.Length; i++) image.Span[i] = colours[(i / 3 / width / 3 * 20 + i / 3 % width / 3 + 7 * (i % 3)) % colours.Length];
        var file = folder.Write("image.png", ImageCodec.EncodePng(image));
        var lines = Run(file).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (var (expected, line) in new ImagePredictor(network).Predict([file]).Single().Labels.Zip(lines))
        {
            var at = line.LastIndexOf(' ');
            Assert.Equal(expected.Label, line[..at]);
            Assert.Equal(expected.Probability, double.Parse(line[at..], CultureInfo.InvariantCulture), 2e-4);
        }
    }

    [Fact]
    public void It_fills_in_masked_words_with_the_most_probable_ones()
    {
        var run = Export(runs.Open("encoder-masked"));
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadEncoder(tokenizer, CPU);
        var special = SpecialIds.Of(tokenizer);
        int[] ids = [special.Begin, .. tokenizer.EncodeToIds("I adored the"), special.Mask!.Value, .. tokenizer.EncodeToIds(" although the camera was"), special.Mask.Value, special.End];
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        var best = ((MaskedTokenModel)model).forward(tensor(ids.Select(id => (long)id).ToArray()).unsqueeze(0))[0, .., ..tokenizer.VocabularySize].argmax(-1);
        var expected = tokenizer.Decode(ids[1..^1].Select((id, i) => id == special.Mask ? (int)best[i + 1].item<long>() : id));
        Assert.Equal($"{expected}\n", Run("I adored the <mask> although the camera was <mask>"));
    }

    [Fact]
    public void It_answers_questions_about_an_image_as_the_program_does()
    {
        var run = Export(runs.Open("vilbert"));
        using var pairs = ImageTextRun.Open(run, CPU);
        var image = new RgbImage(64, 64);
        new Random(5).NextBytes(image.Span);
        var file = folder.Write("image.png", ImageCodec.EncodePng(image));
        const string question = "what color is the circle?";
        Assert.Equal(Lines(pairs.Predict(pairs.ReadImage(file).Seen, question)), Run(file, question));
    }

    [Theory]
    [InlineData(9_001)]
    [InlineData(5_000)]
    public void It_classifies_a_recording_that_is_longer_or_shorter_than_the_model_hears_as_the_program_does(int samples)
    {
        var run = Export(runs.Open("ast"));
        using var network = SoundRun.Open(run);
        var random = new Random(6);
        var file = folder.Write("sound.wav", WavFile.Write(new Sound([.. Enumerable.Range(0, samples).Select(i => (float)(0.4 * Math.Sin(0.1 * i) + 0.1 * random.NextDouble()))], 16_000)));
        Assert.Equal(Lines(network.Predict([file], 5).Single().Labels), Run(file));
    }

    [Theory]
    [InlineData(140)]
    [InlineData(90)]
    public void It_classifies_a_series_that_is_longer_or_shorter_than_the_model_sees_as_the_program_does(int steps)
    {
        var run = Export(runs.Open("series_classifier"));
        using var network = SeriesClassifierRun.Open(run);
        string[] numbers = [.. Enumerable.Range(0, steps).Select(t => t == 7 ? "" : FormattableString.Invariant($"{5 + Math.Sin(0.3 * t)}"))];
        folder.Write("row.csv", $",{string.Join(',', numbers)}\n");
        folder.Write("numbers.txt", string.Join('\n', numbers));
        Assert.Equal(Lines(network.Predict([folder["row.csv"]], 5).Single().Labels), Run(folder["numbers.txt"]));
    }

    [Theory]
    [InlineData("patchtst", 60)]
    [InlineData("series_decoder", 30)]
    public void It_forecasts_as_the_program_does(string name, int steps)
    {
        var run = Export(runs.Open(name));
        string[] numbers = [.. Enumerable.Range(0, steps).Select(t => t == steps - 5 ? "NA" : FormattableString.Invariant($"{1000 + 10 * Math.Sin(0.3 * t)}"))];
        folder.Write("table.csv", $"load\n{string.Join('\n', numbers)}\n");
        folder.Write("numbers.txt", string.Join('\n', numbers));
        var expected = SeriesForecasts.Ahead(run, [folder["table.csv"]], CPU).Single().Steps;
        var lines = Run(folder["numbers.txt"]).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal($"mean {string.Join(' ', expected[0].Quantiles.Select(one => one.Probability.ToString(CultureInfo.InvariantCulture)))}", lines[0]);
        Assert.Equal(expected.Count, lines.Length - 1);
        foreach (var (step, line) in expected.Zip(lines.Skip(1)))
        {
            double[] actual = [.. line.Split(' ').Select(number => double.Parse(number, CultureInfo.InvariantCulture))];
            Assert.Equal(1 + step.Quantiles.Count, actual.Length);
            foreach (var (one, other) in step.Quantiles.Select(one => one.Value).Prepend(step.Mean).Zip(actual)) Assert.Equal(one, other, 0.01);
        }
    }

    static string Lines(IEnumerable<LabelProbability> labels) => string.Concat(labels.Take(5).Select(one => FormattableString.Invariant($"{one.Label} {one.Probability:0.0000}\n")));
}
