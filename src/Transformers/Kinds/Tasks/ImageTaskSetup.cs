using System.Security.Cryptography;
using System.Text;
using TorchSharp;
using Transformers.Configs;
using Transformers.Data.Images;
using Transformers.IO;
using Transformers.Models;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds.Tasks;

/// <summary>Makes the task of a network over images.</summary>
static class ImageTaskSetup
{
    internal static TaskSetup Create(RunConfig config, ImageDataConfig data, ImageModelConfig network, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        if (data.Source is GeneratedImagesConfig) observer.Preparing("drawing images", 0);
        var opened = OpenedImages.Open(data, config.Seed, generated: Path.Combine(options.Cache, "images"), cancel: stop.Token);
        try
        {
            var dataset = opened.Dataset;
            observer.Note($"{dataset.Train.Length:N0} training, {dataset.Validation.Length:N0} validation and {dataset.Test.Length:N0} test images of {dataset.Classes.Count} classes");
            if (dataset.Validation.Length == 0) observer.Warn("there are no images to choose by: data.holdout takes some of those for training");
            foreach (var (_, fault) in dataset.Broken.All.Take(5)) observer.Warn($"skipped {fault.Problems[0].File}: {fault.Problems[0].Message}");

            using var generator = new Generator(SeedStreams.Of(config.Seed, "weights"));
            var model = ImageModel.Create(network, ShapeOf(network, opened), generator).to(options.Device);
            var input = Encoding.UTF8.GetBytes(new ImageInput(opened.Transform, dataset.Classes).ToJson());
            return new TaskSetup
            {
                Task = new ImageTask(model, opened, config, options.Device),
                Files = new Dictionary<string, byte[]> { [ImageInput.FileName] = input },
                FilesHash = Convert.ToHexStringLower(SHA256.HashData(input)),
            };
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    static ImageShape ShapeOf(ImageModelConfig network, OpenedImages opened)
    {
        var classes = opened.Dataset.Classes.Count;
        if (network.Classes is { } wanted && wanted != classes)
            throw new UserException([new Problem($"model.classes ({wanted}) must be the number of classes of the images ({classes})", Path: "model.classes", Hint: "leave it out to take the images' number")]);
        return new ImageShape(opened.Transform.Size, opened.Transform.Channels, classes);
    }
}
