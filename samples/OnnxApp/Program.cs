// Uses a model that `transformer export RUN --to onnx --output FOLDER` wrote: generates, translates, fills in a masked word, answers a
// question about an image, forecasts a series, or classifies a text, an image, a recording or a series. It needs the exported folder,
// Microsoft.ML.OnnxRuntime and Microsoft.ML.Tokenizers, and nothing else.
using System.Globalization;
using OnnxApp;

if (args is not [var folder, var input, .. var rest])
{
    Console.Error.WriteLine("usage: OnnxApp FOLDER TEXT|IMAGE.png|SOUND.wav|NUMBERS.txt [TOKENS|QUESTION]");
    return 2;
}
using var model = new ExportedModel(folder);
int Most() => rest is [var count] ? int.Parse(count, CultureInfo.InvariantCulture) : 100;
switch (model.Description.Task)
{
    case "generate": Console.WriteLine(input + model.Generate(input, Most())); break;
    case "translate": Console.WriteLine(model.Translate(input, Most())); break;
    case "fill_mask": Console.WriteLine(model.FillMask(input)); break;
    case "classify_text": Print(model.Classify(input)); break;
    case "classify_image": Print(model.Classify(Png.Read(input))); break;
    case "answer" or "match" when model.Description.Image is null: throw new NotSupportedException("the model reads features of regions, which a detector makes of an image");
    case "answer" or "match": Print(model.Answer(Png.Read(input), rest is [var question] ? question : throw new NotSupportedException("a question about the image is needed"))); break;
    case "classify_sound": Print(model.ClassifySound(input)); break;
    case "classify_series": Print(model.ClassifySeries(Numbers(input))); break;
    case "forecast":
        Console.WriteLine($"mean {string.Join(' ', model.Description.Series!.Quantiles!.Select(Text))}");
        foreach (var (mean, quantiles) in model.Forecast(Numbers(input))) Console.WriteLine($"{Text(mean)} {string.Join(' ', quantiles.Select(Text))}");
        break;
    case var task: throw new NotSupportedException($"the task {task}");
}
return 0;

// One number a line; a line without a number is a missing value.
static double[] Numbers(string path) =>
    [.. File.ReadLines(path).Select(line => double.TryParse(line, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : double.NaN)];

static string Text(double number) => number.ToString("G6", CultureInfo.InvariantCulture);

static void Print(IEnumerable<(string Label, float Probability)> classes)
{
    foreach (var (label, probability) in classes.Take(5)) Console.WriteLine($"{label} {probability.ToString("0.0000", CultureInfo.InvariantCulture)}");
}
