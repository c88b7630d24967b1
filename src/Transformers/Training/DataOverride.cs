using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Images;
using Transformers.Data.Sentences;
using Transformers.Data.Text;
using Transformers.IO;

namespace Transformers.Training;

/// <summary><c>--data PATH</c>: the same data set, read from elsewhere.</summary>
public static class DataOverride
{
    /// <summary>A config whose data come from a file or a folder.</summary>
    /// <exception cref="UserException">There is nothing at the path, or data of this kind are not read from one.</exception>
    public static RunConfig Apply(RunConfig config, string path)
    {
        if (!File.Exists(path) && !Directory.Exists(path))
            throw new UserException([new Problem("there is no such file or folder", path, Path: "--data")]);
        return config with
        {
            Data = config.Data switch
            {
                TextDataConfig text => text with { Source = TextSources.WithFiles(text.Source, path) },
                ImageDataConfig images => images with { Source = new ImageFilesConfig { Path = path } },
                ParallelDataConfig parallel => parallel with { Source = parallel.Source.At(path) },
                LabelledDataConfig labelled => labelled with { Source = labelled.Source.At(path) },
                var other => throw new UserException($"--data: data of kind {KindAttribute.Of(other)} are not read from a path"),
            },
        };
    }
}
