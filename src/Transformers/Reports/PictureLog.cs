using Transformers.IO;
using Transformers.Training;

namespace Transformers.Reports;

/// <summary>Keeps the newest pictures of a run's model as <c>pictures/NAME.svg</c>, for its report.</summary>
/// <param name="folder">The run's folder.</param>
/// <param name="warn">Told once if they cannot be written.</param>
public sealed class PictureLog(string folder, Action<string> warn) : ITrainingObserver
{
    const int LargestFile = 16 << 20;
    const string Subfolder = "pictures";
    bool failed;

    /// <inheritdoc/>
    public void OnPictures(long step, IReadOnlyList<ModelPicture> pictures)
    {
        if (failed || pictures.Count == 0) return;
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, Subfolder));
            foreach (var picture in pictures) DurableFile.WriteText(Path.Combine(folder, Subfolder, picture.Name + ".svg"), picture.Svg);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            failed = true;
            warn($"the pictures of the model cannot be written: {exception.Message}");
        }
    }

    /// <summary>The pictures of a run's folder, by name.</summary>
    /// <exception cref="UserException">One cannot be read, or is larger than 16 MiB.</exception>
    public static IReadOnlyList<(string Name, string Svg)> Read(string folder)
    {
        var pictures = Path.Combine(folder, Subfolder);
        if (!Directory.Exists(pictures)) return [];
        return [.. Directory.GetFiles(pictures, "*.svg").Order(StringComparer.Ordinal)
            .Select(file => (Path.GetFileNameWithoutExtension(file), BoundedFile.ReadText(file, LargestFile)))];
    }
}
