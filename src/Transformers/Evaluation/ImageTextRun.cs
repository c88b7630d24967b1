using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Data;
using Transformers.Data.ImageText;
using Transformers.IO.Images;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>A trained ViLBERT with everything it needs to read images and text and to name answers.</summary>
public sealed class ImageTextRun : IDisposable
{
    ImageTextRun(TrainedRun run, VilbertConfig config, Device device)
    {
        Run = run;
        Device = device;
        Input = ImageTextInput.Parse(run.Checkpoint.ReadText(ImageTextInput.FileName), run.Checkpoint.PathOf(ImageTextInput.FileName));
        Tokenizer = run.LoadTokenizer();
        Special = SpecialIds.Of(Tokenizer);
        Answers = run.Checkpoint.Has(CheckpointFiles.Classes) ? run.LoadClasses() : [];
        Model = run.Fill(new Vilbert(config, ShapeOf(config, Tokenizer, Answers.Count, Input)).to(device));
        Precisions.Apply(Model, Precisions.Resolve(run.Config.Training.Precision, device));
    }

    /// <summary>The run.</summary>
    public TrainedRun Run { get; }

    /// <summary>The model, in evaluation mode; the moving average of the weights, if there is one.</summary>
    public Vilbert Model { get; }

    /// <summary>How it reads images.</summary>
    public ImageTextInput Input { get; }

    /// <summary>Its tokenizer.</summary>
    public TextTokenizer Tokenizer { get; }

    /// <summary>The tokenizer's framing ids.</summary>
    public SpecialIds Special { get; }

    /// <summary>The answers, in the order of the model's scores; empty if it was not trained to answer questions.</summary>
    public IReadOnlyList<string> Answers { get; }

    /// <summary>Where it computes.</summary>
    public Device Device { get; }

    /// <summary>Loads the model of an open run.</summary>
    /// <exception cref="UserException">It is of a different kind, or damaged.</exception>
    public static ImageTextRun Open(TrainedRun run, Device device) => new(run, run.Require<VilbertConfig>("a model of images with text (vilbert)"), device);

    /// <summary>The sizes of the model's inputs and outputs.</summary>
    internal static PairShape ShapeOf(VilbertConfig config, TextTokenizer tokenizer, int answers, ImageTextInput input) =>
        new(config.VocabularyFor(tokenizer), answers, input.Transform?.Size ?? 1, input.Channels, input.RegionClasses);

    /// <summary>The framed ids of a text.</summary>
    /// <exception cref="UserException">The vocabulary cannot represent it.</exception>
    public int[] Encode(string text) => [Special.Begin, .. Tokenizer.EncodeToIds(text).Take(Model.Context - 2), Special.End];

    /// <summary>Why a text cannot be read, such as a character that the vocabulary lacks; null if it can.</summary>
    public Problem? ProblemOf(string text) => UserException.ProblemOf(() => Tokenizer.EncodeToIds(text));

    /// <summary>Reads an image file as the model's input.</summary>
    /// <exception cref="UserException">It cannot be decoded, or the model reads region features.</exception>
    public (RgbImage Image, SeenImages Seen) ReadImage(string path)
    {
        var transform = Input.Transform ?? throw new UserException("the model reads region features, not an image's pixels", "use eval, which reads them from the data's own file");
        var image = ImageCodec.DecodeFile(path, new ImageDecodeOptions { Background = transform.Background });
        return (image, new SeenImages(transform.Apply(image)));
    }

    /// <summary>The probabilities of the answers to a question about an image, the most probable first; for a model without answers, whether the text matches.</summary>
    /// <param name="image">The image as the model's input.</param>
    /// <param name="text">The question, or the caption.</param>
    public IReadOnlyList<LabelProbability> Predict(SeenImages image, string text)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var ids = Encode(text);
        var (t, v) = Model.forward(tensor(ids.Select(id => (long)id).ToArray(), [1, ids.Length]).SendTo(Device), [ids.Length], PairTensors.Of(image, 1, null, Model, Device));
        var joint = Model.Joint(t, v);
        var labels = Answers.Count > 0 ? Answers : MatchLabels;
        return LabelProbability.Top(labels, (Answers.Count > 0 ? Model.AnswerLogits(joint) : Model.MatchLogits(joint)).cpu().contiguous().data<float>().ToArray());
    }

    static readonly string[] MatchLabels = ["does not match", "matches"];

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();
}

/// <summary>Batches of images with text as tensors.</summary>
static class PairTensors
{
    /// <summary>Images as tensors on a model's device.</summary>
    internal static ImageTensors Of(SeenImages images, int rows, float[]? hidden, Vilbert model, Device device)
    {
        var shape = model.Shape;
        var R = model.Patches > 0 ? model.Patches : images.Regions;
        long[] sizes = model.Patches > 0 ? [rows, shape.Channels, shape.Size, shape.Size] : [rows, R, shape.Channels];
        return new(tensor(images.Values, sizes).SendTo(device), images.Boxes is { } boxes ? tensor(boxes, [rows, R, 5]).SendTo(device) : null, images.Counts,
            hidden is not null && Array.Exists(hidden, one => one != 0) ? tensor(hidden, [rows, R]).SendTo(device) : null);
    }

    /// <summary>The outputs of both streams for a batch.</summary>
    internal static (Tensor Text, Tensor Image) Forward(Vilbert model, ImageTextBatch batch, Device device) =>
        model.forward(tensor(batch.Texts.Ids, [batch.Rows, batch.Texts.Width]).SendTo(device), batch.Texts.Lengths, Of(batch.Images, batch.Rows, batch.Hidden, model, device));
}
