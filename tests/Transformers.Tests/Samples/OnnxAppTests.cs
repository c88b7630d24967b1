using TestSupport;
using Transformers.Data.Images;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.Interchange;
using Transformers.IO.Images;
using Transformers.Kinds;
using static TorchSharp.torch;

namespace Transformers.Tests.Samples;

/// <summary>The sample that uses exported models with ONNX Runtime and Microsoft.ML.Tokenizers alone, as a program of its own in a folder with nothing but the exported files.</summary>
[Collection("engine")]
[Trait("Category", "slow")]
public sealed class OnnxAppTests : IDisposable
{
    readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    TrainedRun Export(string name)
    {
        var run = TrainedRun.Open(Repository.PathOf("tests", "Golden", "Runs", name));
        Kind.For(run).Export(run, new ExportRequest { Format = ExportFormat.Onnx, Output = folder["exported"] });
        return run;
    }

    string Run(params string[] arguments)
    {
        var (code, output, error) = TinyGptTests.Run("dotnet", [Path.Combine(AppContext.BaseDirectory, "OnnxApp.dll"), folder["exported"], .. arguments]);
        Assert.True(code == 0, error);
        return output.ReplaceLineEndings("\n");
    }

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
        var file = folder["image.png"];
        File.WriteAllBytes(file, ImageCodec.EncodePng(image));
        var expected = new ImagePredictor(network).Predict([file]).Single();
        Assert.Equal(Lines(expected.Labels), Run(file));
    }

    static string Lines(IEnumerable<LabelProbability> labels) => string.Concat(labels.Take(5).Select(one => FormattableString.Invariant($"{one.Label} {one.Probability:0.0000}\n")));
}
