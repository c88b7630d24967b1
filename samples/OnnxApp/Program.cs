// Uses a model that `transformer export RUN --to onnx --output FOLDER` wrote: generates, translates, fills in a masked word, or
// classifies a text or an image. It needs the exported folder, Microsoft.ML.OnnxRuntime and Microsoft.ML.Tokenizers, and nothing else.
using System.Globalization;
using OnnxApp;

if (args is not [var folder, var input, .. var rest])
{
    Console.Error.WriteLine("usage: OnnxApp FOLDER TEXT|IMAGE.png [TOKENS]");
    return 2;
}
using var model = new ExportedModel(folder);
var most = rest is [var count] ? int.Parse(count, CultureInfo.InvariantCulture) : 100;
switch (model.Description.Task)
{
    case "generate": Console.WriteLine(input + model.Generate(input, most)); break;
    case "translate": Console.WriteLine(model.Translate(input, most)); break;
    case "fill_mask": Console.WriteLine(model.FillMask(input)); break;
    case "classify_text": Print(model.Classify(input)); break;
    case "classify_image": Print(model.Classify(Png.Read(input))); break;
    case var task: throw new NotSupportedException($"the task {task}");
}
return 0;

static void Print(IEnumerable<(string Label, float Probability)> classes)
{
    foreach (var (label, probability) in classes.Take(5)) Console.WriteLine($"{label} {probability.ToString("0.0000", CultureInfo.InvariantCulture)}");
}
